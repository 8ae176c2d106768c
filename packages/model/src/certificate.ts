// Reading certificates and private keys (PEM), and finding out whether they fit.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { sha256Hex } from './canonical-json.ts';
import type { CertificateSnapshot } from './snapshot.ts';

/** A certificate that was read, with its private key. */
export interface LoadedCertificate {
  readonly snapshot: CertificateSnapshot;
  readonly privateKeyPem: string;
}

export type ReadCertificate =
  | {
      readonly kind: 'certificate';
      readonly snapshot: CertificateSnapshot;
      readonly privateKeyPem: string;
    }
  /** `field` of SSLKeyAndCertificate; the message never quotes key material. */
  | { readonly kind: 'problem'; readonly field: string; readonly message: string };

const ENCRYPTED_KEY = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m;

/** Each PEM block of a kind (`CERTIFICATE`, `X509 CRL`) in a text, whatever stands between them. */
export function pemBlocks(text: string, kind: string): readonly string[] {
  return text.match(new RegExp(`-----BEGIN ${kind}-----[\\s\\S]+?-----END ${kind}-----`, 'g')) ?? [];
}

export function readCertificate(
  name: string,
  certificatePem: string,
  keyPem: string | undefined,
  passphrase: string | undefined,
): ReadCertificate {
  const blocks = pemBlocks(certificatePem, 'CERTIFICATE');
  if (blocks.length === 0) return problem('certificate.certificate', 'is no PEM certificate');
  const chain: X509Certificate[] = [];
  for (const [index, block] of blocks.entries()) {
    try {
      chain.push(new X509Certificate(block));
    } catch {
      return problem('certificate.certificate', `certificate ${index + 1} of the chain cannot be read`);
    }
  }
  if (keyPem === undefined)
    return problem('key', 'is missing: a virtual service needs the private key of its certificate');
  const key = readPrivateKey(keyPem, passphrase);
  if (typeof key === 'string') return problem('key', key);
  const leaf = chain[0] as X509Certificate;
  if (!leaf.checkPrivateKey(key)) return problem('key', 'does not belong to the certificate');
  const keyType = key.asymmetricKeyType;
  if (keyType !== 'ec' && keyType !== 'rsa')
    return problem('key', `is of type ${keyType}; EC and RSA are supported`);
  const privateKeyPem = key.export({ type: 'pkcs8', format: 'pem' }).toString();
  return {
    kind: 'certificate',
    privateKeyPem,
    snapshot: {
      name,
      chainPem: `${blocks.join('\n')}\n`,
      fingerprint: sha256Hex(leaf.raw),
      keyType,
      keyHash: sha256Hex(privateKeyPem),
      dnsNames: dnsNamesOf(leaf),
      notAfterS: Math.floor(Date.parse(leaf.validTo) / 1000),
    },
  };
}

function readPrivateKey(pem: string, passphrase: string | undefined): KeyObject | string {
  try {
    return createPrivateKey({ key: pem, format: 'pem', ...(passphrase === undefined ? {} : { passphrase }) });
  } catch {
    if (passphrase !== undefined) return 'cannot be read with this key_passphrase';
    // By the text: OpenSSL says no more than that its question for a passphrase was cancelled.
    return ENCRYPTED_KEY.test(pem) ? 'is encrypted: key_passphrase is missing' : 'is no PEM private key';
  }
}

function dnsNamesOf(leaf: X509Certificate): readonly string[] {
  const names = [...(leaf.subjectAltName ?? '').matchAll(/DNS:([^,\s"]+)/g)].map((match) =>
    (match[1] as string).toLowerCase(),
  );
  if (names.length > 0) return names;
  const commonName = /^CN=(.+)$/m.exec(leaf.subject)?.[1];
  return commonName === undefined ? [] : [commonName.toLowerCase()];
}

function problem(field: string, message: string): ReadCertificate {
  return { kind: 'problem', field, message };
}
