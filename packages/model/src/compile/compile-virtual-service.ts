// Compiling a virtual service: its addresses, who shares them, and what serves there.

import type { LoadedCertificate } from '../certificate.ts';
import { hostPatternWeight, parseHostPattern } from '../host-pattern.ts';
import { parseIpPrefix } from '../ip-prefix.ts';
import type { AviObject, ObjectSet } from '../objects/schemas.ts';
import { referenced } from '../references.ts';
import type { HostingSnapshot, ListenerSnapshot, VirtualServiceSnapshot } from '../snapshot.ts';
import { defaultReferences } from '../system-objects.ts';
import { vipsOf } from '../validate/addresses.ts';
import { listeningOf } from '../validate/virtual-hosting.ts';
import { compileHttp } from './compile-http.ts';
import { compileTls } from './compile-tls.ts';

export function compileVirtualService(
  object: AviObject<'VirtualService'>,
  objects: ObjectSet,
  certificates: ReadonlyMap<string, LoadedCertificate>,
): VirtualServiceSnapshot {
  const profile = referenced(
    objects.ApplicationProfile,
    object.application_profile_ref ?? defaultReferences.applicationProfile,
  );
  // A child has no address of its own; its parent's services are where it is reached.
  const owner = listeningOf(object, objects);
  const addresses = vipsOf(object, objects).flatMap(({ ip_address, ip6_address }) =>
    [ip_address, ip6_address].flatMap((address) => (address === undefined ? [] : [address.addr])),
  );
  const listeners = object.services.flatMap((service) => addresses.map((ip) => compileListener(service, ip)));
  const terminatesTls = owner.services.some(({ enable_ssl }) => enable_ssl);
  const hosting = compileHosting(owner, objects);
  return {
    uuid: object.uuid,
    name: object.name,
    listeners,
    ...(hosting === undefined ? {} : { hosting }),
    ...(terminatesTls ? { tls: compileTls(object, owner, profile, objects, certificates) } : {}),
    http: compileHttp(profile.http_profile, owner),
    poolUuid: referenced(objects.Pool, object.pool_ref ?? '').uuid,
  };
}

function compileListener(
  { port, enable_ssl, limpet_proxy_protocol_sources }: AviObject<'VirtualService'>['services'][number],
  ip: string,
): ListenerSnapshot {
  const proxySources = limpet_proxy_protocol_sources.flatMap((text) => parseIpPrefix(text) ?? []);
  return {
    address: { ip, port },
    terminatesTls: enable_ssl,
    ...(proxySources.length === 0 ? {} : { proxySources }),
  };
}

/** Who is reached through a parent's listeners, the most telling name first; undefined for any other virtual service. */
function compileHosting(owner: AviObject<'VirtualService'>, objects: ObjectSet): HostingSnapshot | undefined {
  if (owner.type !== 'VS_TYPE_VH_PARENT') return undefined;
  const hosts = objects.VirtualService.filter(
    (child) => child.enabled && child !== owner && listeningOf(child, objects) === owner,
  ).flatMap((child) =>
    child.vh_domain_name.map((name) => {
      const pattern = parseHostPattern(name);
      if (pattern === undefined) throw new Error(`"${name}" was not validated`);
      return { pattern, virtualServiceUuid: child.uuid };
    }),
  );
  hosts.sort((a, b) => hostPatternWeight(b.pattern) - hostPatternWeight(a.pattern));
  return { parentUuid: owner.uuid, hosts };
}
