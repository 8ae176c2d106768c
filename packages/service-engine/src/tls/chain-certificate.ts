// One certificate of a chain, with what the checks of it need and node:crypto does not tell.

import { X509Certificate } from 'node:crypto';
import { type CertificateIdentity, readCertificateIdentity } from '@limpet/model';

export interface ChainCertificate {
  readonly x509: X509Certificate;
  readonly identity: CertificateIdentity;
  /** SHA-256, as node:crypto writes it. */
  readonly fingerprint: string;
}

/** @param certificate PEM, DER, or one that was read; undefined where it cannot be read. */
export function chainCertificate(
  certificate: string | Buffer | X509Certificate,
): ChainCertificate | undefined {
  try {
    const x509 = certificate instanceof X509Certificate ? certificate : new X509Certificate(certificate);
    const identity = readCertificateIdentity(x509.raw);
    return identity === undefined ? undefined : { x509, identity, fingerprint: x509.fingerprint256 };
  } catch {
    return undefined;
  }
}
