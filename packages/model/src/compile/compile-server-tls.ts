// Compiling TLS to servers: of a pool, and of the monitors that probe them.

import type { LoadedCertificate } from '../certificate.ts';
import type { AviObject, ObjectSet } from '../objects/schemas.ts';
import { referenced } from '../references.ts';
import type { MonitorTlsSnapshot, ServerNaming, ServerTlsSnapshot, TlsClientSnapshot } from '../snapshot.ts';
import { defaultReferences } from '../system-objects.ts';
import { compilePki } from './compile-pki.ts';
import { compileTlsParameters } from './compile-tls.ts';

/** The objects of a configuration, and its certificates by the uuid of their SSLKeyAndCertificate. */
export interface TlsObjects {
  readonly objects: ObjectSet;
  readonly certificates: ReadonlyMap<string, LoadedCertificate>;
}

/** Undefined: the pool speaks to its servers in the clear. */
export function compileServerTls(pool: AviObject<'Pool'>, from: TlsObjects): ServerTlsSnapshot | undefined {
  if (pool.ssl_profile_ref === undefined) return undefined;
  return {
    client: compileTlsClient({ ...pool, ssl_profile_ref: pool.ssl_profile_ref }, from),
    serverName: pool.sni_enabled ? naming(pool.server_name === undefined ? [] : [pool.server_name]) : NO_NAME,
    verifiedNames: pool.host_check_enabled ? naming(pool.domain_name) : NO_NAME,
  };
}

const NO_NAME: ServerNaming = { kind: 'none' };

/** Avi: the host of the request where no name is given. */
function naming(names: readonly string[]): ServerNaming {
  if (names.length === 0) return { kind: 'request-host' };
  return { kind: 'names', names: names.map((name) => name.toLowerCase()) };
}

/** An HTTPS monitor without attributes of its own speaks TLS as its pool does, and in a pool without TLS as the system's profile says. */
export function compileMonitorTls(
  attributes: AviObject<'HealthMonitor'>['https_monitor']['ssl_attributes'],
  pool: AviObject<'Pool'>,
  from: TlsObjects,
): MonitorTlsSnapshot {
  if (attributes !== undefined) {
    const { server_name } = attributes;
    return {
      client: compileTlsClient(attributes, from),
      ...(server_name === undefined ? {} : { serverName: server_name.toLowerCase() }),
      verifiedNames: [],
    };
  }
  const tls = compileServerTls(pool, from);
  if (tls === undefined) {
    return {
      client: compileTlsClient({ ssl_profile_ref: defaultReferences.sslProfile }, from),
      verifiedNames: [],
    };
  }
  // A probe has no request of a client whose host it could take.
  const serverName = tls.serverName.kind === 'names' ? tls.serverName.names[0] : undefined;
  return {
    client: tls.client,
    ...(serverName === undefined ? {} : { serverName }),
    verifiedNames: tls.verifiedNames.kind === 'names' ? tls.verifiedNames.names : [],
  };
}

interface TlsClientRefs {
  readonly ssl_profile_ref: string;
  readonly pki_profile_ref?: string | undefined;
  readonly ssl_key_and_certificate_ref?: string | undefined;
}

function compileTlsClient(refs: TlsClientRefs, { objects, certificates }: TlsObjects): TlsClientSnapshot {
  const { ssl_profile_ref, pki_profile_ref, ssl_key_and_certificate_ref } = refs;
  const certificate =
    ssl_key_and_certificate_ref === undefined
      ? undefined
      : certificates.get(referenced(objects.SSLKeyAndCertificate, ssl_key_and_certificate_ref).uuid);
  return {
    ...compileTlsParameters(referenced(objects.SSLProfile, ssl_profile_ref)),
    ...(pki_profile_ref === undefined
      ? {}
      : { pki: compilePki(referenced(objects.PKIProfile, pki_profile_ref)) }),
    ...(certificate === undefined ? {} : { certificate: certificate.snapshot }),
  };
}
