// A temporary certificate authority: certificates made when they are needed, without any program on the machine.

import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

export interface Certificate {
  readonly certificatePem: string;
  /** PKCS #8. */
  readonly privateKeyPem: string;
}

export interface CertificateRequest {
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  readonly keyType?: 'ec' | 'rsa';
  /** Negative: it has expired. */
  readonly days?: number;
}

export interface TemporaryCa {
  readonly certificatePem: string;
  issue(request: CertificateRequest): Promise<Certificate>;
}

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const RSA = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  publicExponent: new Uint8Array([1, 0, 1]),
  modulusLength: 2048,
} as const;
const DAY_MS = 86_400_000;

x509.cryptoProvider.set(webcrypto as unknown as typeof globalThis.crypto);

export async function createTemporaryCa(): Promise<TemporaryCa> {
  const keys = await generateKeys('ec');
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=Limpet temporary CA',
    keys,
    ...validity(30),
    signingAlgorithm: EC,
    extensions: [
      new x509.BasicConstraintsExtension(true, 1, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  return {
    certificatePem: ca.toString('pem'),
    issue: async (request) => {
      const leafKeys = await generateKeys(request.keyType ?? 'ec');
      const leaf = await x509.X509CertificateGenerator.create({
        subject: `CN=${request.dnsNames?.[0] ?? 'localhost'}`,
        issuer: ca.subject,
        publicKey: leafKeys.publicKey,
        signingKey: keys.privateKey,
        ...validity(request.days ?? 30),
        signingAlgorithm: EC,
        extensions: extensionsOf(request),
      });
      return exportPair(leaf, leafKeys.privateKey);
    },
  };
}

/** A certificate that is its own authority, as a demo shows one. */
export async function createSelfSigned(request: CertificateRequest): Promise<Certificate> {
  const keyType = request.keyType ?? 'ec';
  const keys = await generateKeys(keyType);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${request.dnsNames?.[0] ?? 'localhost'}`,
    keys,
    ...validity(request.days ?? 365),
    signingAlgorithm: keyType === 'ec' ? EC : RSA,
    extensions: extensionsOf(request),
  });
  return exportPair(certificate, keys.privateKey);
}

function generateKeys(keyType: 'ec' | 'rsa'): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(keyType === 'ec' ? EC : RSA, true, [
    'sign',
    'verify',
  ]) as Promise<webcrypto.CryptoKeyPair>;
}

function validity(days: number): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - (days < 0 ? 30 : 1) * DAY_MS), notAfter: new Date(now + days * DAY_MS) };
}

function extensionsOf({
  dnsNames = ['localhost'],
  ipAddresses = ['127.0.0.1'],
}: CertificateRequest): x509.Extension[] {
  return [
    new x509.SubjectAlternativeNameExtension([
      ...dnsNames.map((value) => ({ type: 'dns', value }) as const),
      ...ipAddresses.map((value) => ({ type: 'ip', value }) as const),
    ]),
    new x509.KeyUsagesExtension(
      x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment,
      true,
    ),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
  ];
}

async function exportPair(
  certificate: x509.X509Certificate,
  privateKey: webcrypto.CryptoKey,
): Promise<Certificate> {
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', privateKey));
  const body = pkcs8.toString('base64').replace(/.{64}/g, '$&\n');
  return {
    certificatePem: `${certificate.toString('pem')}\n`,
    privateKeyPem: `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`,
  };
}
