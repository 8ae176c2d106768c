// One certificate of a chain, with what the checks of it need and node:crypto does not tell.

import { createHash, X509Certificate } from 'node:crypto';
import { type CertificateIdentity, readCertificateIdentity } from '@limpet/model';

export interface ChainCertificate {
  readonly x509: X509Certificate;
  readonly identity: CertificateIdentity;
  /** SHA-256 over the DER, lower-case hex. */
  readonly fingerprint: string;
}

export function fingerprintOf(der: Buffer): string {
  return createHash('sha256').update(der).digest('hex');
}

/** @param certificate PEM, DER, or one that was read; undefined where it cannot be read. */
export function chainCertificate(
  certificate: string | Buffer | X509Certificate,
): ChainCertificate | undefined {
  try {
    const x509 = certificate instanceof X509Certificate ? certificate : new X509Certificate(certificate);
    const identity = readCertificateIdentity(x509.raw);
    return identity === undefined ? undefined : { x509, identity, fingerprint: fingerprintOf(x509.raw) };
  } catch {
    return undefined;
  }
}
