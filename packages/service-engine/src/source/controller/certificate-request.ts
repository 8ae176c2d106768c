// A key pair of an engine, and the request (PKCS #10, RFC 2986) by which it asks for a certificate.

import { generateKeyPairSync, sign } from 'node:crypto';

export interface CertificateRequest {
  /** PKCS #8. It is a secret. */
  readonly privateKeyPem: string;
  readonly requestPem: string;
}

const COMMON_NAME = Buffer.from([0x06, 0x03, 0x55, 0x04, 0x03]);
/** 1.2.840.10045.4.3.2 */
const ECDSA_WITH_SHA256 = Buffer.from([0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]);

/** @param name for a reader of the request; the Controller puts the identity into the certificate itself. */
export function createCertificateRequest(name: string): CertificateRequest {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const subject = element(0x30, element(0x31, element(0x30, COMMON_NAME, element(0x0c, Buffer.from(name)))));
  const info = element(
    0x30,
    Buffer.from([0x02, 0x01, 0x00]),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    // No attributes.
    Buffer.from([0xa0, 0x00]),
  );
  // A bit string begins with the number of bits that its last byte has too many.
  const signature = element(0x03, Buffer.from([0]), sign('sha256', info, privateKey));
  const request = element(0x30, info, element(0x30, ECDSA_WITH_SHA256), signature);
  return {
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    requestPem: `-----BEGIN CERTIFICATE REQUEST-----\n${request.toString('base64').replace(/.{64}(?=.)/g, '$&\n')}\n-----END CERTIFICATE REQUEST-----\n`,
  };
}

/** X.690 §8.1: tag, length, contents. */
function element(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const header =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), content]);
}
