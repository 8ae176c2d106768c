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
  /** Negative: it has expired. A fraction is allowed. */
  readonly days?: number;
  /** Of a client: no names of hosts, and for clientAuth. As RFC 4514 writes a name, or by parts. */
  readonly clientSubject?: string | x509.JsonName;
  /** Not good for a client as well. */
  readonly serverOnly?: boolean;
}

export interface RevocationRequest {
  /** Certificates (PEM) that are revoked. */
  readonly revoked?: readonly string[];
  /** Until nextUpdate; negative: the list has expired. */
  readonly days?: number;
  readonly extensions?: readonly x509.Extension[];
}

export interface TemporaryCa {
  readonly certificatePem: string;
  issue(request: CertificateRequest): Promise<Certificate>;
  /** An authority below this one. */
  issueAuthority(name: string, days?: number): Promise<TemporaryCa>;
  /** PEM. */
  revocationList(request?: RevocationRequest): Promise<string>;
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

export async function createTemporaryCa(name = 'Limpet temporary CA'): Promise<TemporaryCa> {
  const keys = await generateKeys('ec');
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    ...validity(30),
    signingAlgorithm: EC,
    extensions: authorityExtensions(),
  });
  return authorityOf(certificate, keys);
}

function authorityOf(authority: x509.X509Certificate, keys: webcrypto.CryptoKeyPair): TemporaryCa {
  const sign = async (
    subject: string | x509.JsonName,
    publicKey: webcrypto.CryptoKey,
    days: number,
    extensions: x509.Extension[],
  ) =>
    x509.X509CertificateGenerator.create({
      subject,
      issuer: authority.subject,
      publicKey,
      signingKey: keys.privateKey,
      ...validity(days),
      signingAlgorithm: EC,
      extensions,
    });
  return {
    certificatePem: `${authority.toString('pem')}\n`,
    issue: async (request) => {
      const leafKeys = await generateKeys(request.keyType ?? 'ec');
      const subject = request.clientSubject ?? `CN=${request.dnsNames?.[0] ?? 'localhost'}`;
      const leaf = await sign(subject, leafKeys.publicKey, request.days ?? 30, extensionsOf(request));
      return exportPair(leaf, leafKeys.privateKey);
    },
    issueAuthority: async (name, days = 30) => {
      const belowKeys = await generateKeys('ec');
      return authorityOf(
        await sign(`CN=${name}`, belowKeys.publicKey, days, authorityExtensions()),
        belowKeys,
      );
    },
    revocationList: async ({ revoked = [], days = 7, extensions = [] } = {}) => {
      const { notBefore: thisUpdate, notAfter: nextUpdate } = validity(days);
      const list = await x509.X509CrlGenerator.create({
        issuer: authority.subject,
        thisUpdate,
        nextUpdate,
        signingAlgorithm: EC,
        signingKey: keys.privateKey,
        entries: revoked.map((pem) => ({
          serialNumber: new x509.X509Certificate(pem).serialNumber,
          revocationDate: thisUpdate,
          reason: x509.X509CrlReason.keyCompromise,
        })),
        extensions: [...extensions],
      });
      // RFC 7468 §6; the library's own label is another.
      return pem('X509 CRL', Buffer.from(list.rawData));
    },
  };
}

function authorityExtensions(): x509.Extension[] {
  return [
    new x509.BasicConstraintsExtension(true, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
  ];
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
  clientSubject,
  serverOnly = false,
}: CertificateRequest): x509.Extension[] {
  if (clientSubject !== undefined) {
    return [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
    ];
  }
  return [
    new x509.SubjectAlternativeNameExtension([
      ...dnsNames.map((value) => ({ type: 'dns', value }) as const),
      ...ipAddresses.map((value) => ({ type: 'ip', value }) as const),
    ]),
    new x509.KeyUsagesExtension(
      x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment,
      true,
    ),
    new x509.ExtendedKeyUsageExtension([
      x509.ExtendedKeyUsage.serverAuth,
      ...(serverOnly ? [] : [x509.ExtendedKeyUsage.clientAuth]),
    ]),
  ];
}

async function exportPair(
  certificate: x509.X509Certificate,
  privateKey: webcrypto.CryptoKey,
): Promise<Certificate> {
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', privateKey));
  return { certificatePem: `${certificate.toString('pem')}\n`, privateKeyPem: pem('PRIVATE KEY', pkcs8) };
}

function pem(label: string, der: Buffer): string {
  const body = der.toString('base64').replace(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
}
