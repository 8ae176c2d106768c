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
 * The certificates for a certificate name, at most one a key type, in their order: the one that has the name itself, else the one that has the
 * wildcard over it. For '' the default ones, the first of each key type.
 */
export function certificatesFor(
  certificates: readonly CertificateSnapshot[],
  certificateName: string,
): readonly CertificateSnapshot[] {
  const wildcard = certificateName.replace(/^[^.]+/, '*');
  const chosen = new Map<CertificateSnapshot['keyType'], CertificateSnapshot>();
  for (const name of certificateName === '' ? [''] : [certificateName, wildcard]) {
    for (const certificate of certificates) {
      const covers = name === '' || certificate.dnsNames.includes(name);
      if (covers && !chosen.has(certificate.keyType)) chosen.set(certificate.keyType, certificate);
    }
  }
  return certificates.filter((certificate) => chosen.get(certificate.keyType) === certificate);
}

/**
 * The session id context (at most 32 bytes, RFC 8446 knows none; OpenSSL refuses to resume where it differs): a hash over virtual service,
 * certificate name, the certificates served for it, TLS policy, and the policy for certificates of clients (R7).
 *
 * @param clientCertificateDigest of that policy; absent where none is asked for.
 */
export function sessionIdContext(
  virtualServiceUuid: string,
  tls: TlsSnapshot,
  certificateName: string,
  certificates: readonly CertificateSnapshot[],
  clientCertificateDigest?: string,
): string {
  const bound = [
    'limpet-sid/1',
    virtualServiceUuid,
    certificateName,
    ...certificates.map(({ fingerprint }) => fingerprint),
    tls.minVersion,
    tls.maxVersion,
    tls.ciphers,
    // All of it, the lists included: whoever was let in by another policy shows the certificate again.
    clientCertificateDigest ?? 'no-client-certificate',
  ];
  const hash = createHash('sha256');
  // Lengths keep ("ab","c") and ("a","bc") apart.
  for (const part of bound) hash.update(`${part.length}:${part}|`);
  return hash.digest().subarray(0, 24).toString('base64url');
}
