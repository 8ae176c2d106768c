// The signature algorithms of certificates and revocation lists that are known by name.

export interface SignatureAlgorithm {
  /** As OpenSSL calls it. */
  readonly name: string;
  readonly keyType: 'rsa' | 'ec' | 'ed25519' | 'ed448';
  /** As node:crypto calls it; undefined where the key says it all. */
  readonly digest: string | undefined;
}

const rsa = (name: string, digest: string): SignatureAlgorithm => ({ name, keyType: 'rsa', digest });
const ec = (name: string, digest: string): SignatureAlgorithm => ({ name, keyType: 'ec', digest });

/** By object identifier. SHA-1 and what is older is not among them: such a signature can be forged. */
export const signatureAlgorithms: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  ['1.2.840.113549.1.1.11', rsa('sha256WithRSAEncryption', 'sha256')],
  ['1.2.840.113549.1.1.12', rsa('sha384WithRSAEncryption', 'sha384')],
  ['1.2.840.113549.1.1.13', rsa('sha512WithRSAEncryption', 'sha512')],
  ['1.2.840.10045.4.3.2', ec('ecdsa-with-SHA256', 'sha256')],
  ['1.2.840.10045.4.3.3', ec('ecdsa-with-SHA384', 'sha384')],
  ['1.2.840.10045.4.3.4', ec('ecdsa-with-SHA512', 'sha512')],
  ['1.3.101.112', { name: 'ED25519', keyType: 'ed25519', digest: undefined }],
  ['1.3.101.113', { name: 'ED448', keyType: 'ed448', digest: undefined }],
]);
