// The API's own certificate: by the Controller's authority, kept sealed so that it stays the same, and renewed in time.

import type { ControllerCa } from '../engines/controller-ca.ts';
import type { Clock } from '../lifecycle/clock.ts';
import type { ObjectStore, VaultRecord } from '../store/object-store.ts';
import type { SecretBox } from '../store/secret-box.ts';

/** Browsers take none that is good for longer than 398 days. */
const DAYS = 365;
const RENEW_BEFORE_MS = 30 * 86_400_000;
const RECORD = { kind: 'api-certificate', id: 'own' } as const;
const PURPOSE = 'api-certificate/key';

export interface ServerCertificate {
  /** With the authority's after it. */
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

export interface CertificateNames {
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

export interface OwnCertificateServices {
  readonly ca: Pick<ControllerCa, 'issueServer' | 'fingerprint'>;
  readonly store: Pick<ObjectStore, 'commit'>;
  readonly box: SecretBox;
  readonly clock: Pick<Clock, 'unixMs'>;
}

/** That of the vault, where it is for these names and not near its end; else a new one. @throws LimpetError SECRET_UNREADABLE */
export async function ownCertificate(
  services: OwnCertificateServices,
  vault: readonly VaultRecord[],
  names: CertificateNames,
): Promise<ServerCertificate> {
  const { ca, store, box, clock } = services;
  const asked = JSON.stringify([ca.fingerprint, names.dnsNames, names.ipAddresses]);
  const kept = vault.find(({ kind, id }) => kind === RECORD.kind && id === RECORD.id)?.value;
  if (kept?.asked === asked && Number(kept.not_after_ms) - RENEW_BEFORE_MS > clock.unixMs())
    return {
      certificatePem: String(kept.certificate),
      privateKeyPem: box.open(PURPOSE, String(kept.sealed_key)),
    };
  const { chainPem, privateKeyPem, notAfterMs } = await ca.issueServer(
    names.dnsNames,
    names.ipAddresses,
    DAYS,
  );
  const value = {
    asked,
    certificate: chainPem,
    sealed_key: box.seal(PURPOSE, privateKeyPem),
    not_after_ms: notAfterMs,
  };
  await store.commit({
    atUs: Math.floor(clock.unixMs() * 1000),
    actor: { user: 'system' },
    summary: 'make the certificate of the API',
    objects: [],
    vault: [{ kind: 'put', record: { ...RECORD, value } }],
  });
  return { certificatePem: chainPem, privateKeyPem };
}
