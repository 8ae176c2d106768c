// What a ticket is bound to besides its server: virtual service, certificate name, certificate, policy; and the name a client asked for.

import { createHash } from 'node:crypto';
import type { CertificateSnapshot, TlsSnapshot } from '@limpet/model';

/**
 * The certificate name (SAN pattern) that a server name falls under, or '' for the default certificate. Resumption is bound to it and not
 * to the name as asked: a client can ask for endless names, and each would cost a context.
 */
export function matchCertificateName(
  certificates: readonly CertificateSnapshot[],
  serverName: string | undefined,
): string {
  if (serverName === undefined) return '';
  const dot = serverName.indexOf('.');
  const wildcard = dot < 0 ? '' : `*${serverName.slice(dot)}`;
  let matched = '';
  for (const { dnsNames } of certificates) {
    if (dnsNames.includes(serverName)) return serverName;
    if (wildcard !== '' && dnsNames.includes(wildcard)) matched = wildcard;
  }
  return matched;
}

/**
 * The session id context (at most 32 bytes, RFC 8446 knows none; OpenSSL refuses to resume where it differs): a hash over virtual service,
 * certificate name, certificates and TLS policy (R7).
 */
export function sessionIdContext(
  virtualServiceUuid: string,
  tls: TlsSnapshot,
  certificateName: string,
): string {
  const bound = [
    'limpet-sid/1',
    virtualServiceUuid,
    certificateName,
    ...tls.certificates.map(({ fingerprint }) => fingerprint),
    tls.minVersion,
    tls.maxVersion,
    tls.ciphers,
    'no-client-certificate',
  ];
  const hash = createHash('sha256');
  // Lengths keep ("ab","c") and ("a","bc") apart.
  for (const part of bound) hash.update(`${part.length}:${part}|`);
  return hash.digest().subarray(0, 24).toString('base64url');
}
