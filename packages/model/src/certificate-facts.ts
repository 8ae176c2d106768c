// What an answer of the API says of a certificate beside its text: Avi's fields of SSLCertificate, read from the certificate.

import { X509Certificate } from 'node:crypto';
import { pemBlocks } from './certificate.ts';
import { readCertificateIdentity } from './certificate-identity.ts';
import { signatureAlgorithms } from './signature-algorithms.ts';

/** Avi's SSLCertificateDescription. */
export interface CertificateName {
  readonly distinguished_name: string;
  readonly common_name?: string;
  readonly country?: string;
  readonly email_address?: string;
  readonly locality?: string;
  readonly organization?: string;
  readonly organization_unit?: string;
  readonly state?: string;
}

/** Avi's SSLKeyParams. */
export type KeyParams =
  | {
      readonly algorithm: 'SSL_KEY_ALGORITHM_RSA';
      readonly rsa_params: { readonly key_size: string; readonly exponent: number };
    }
  | { readonly algorithm: 'SSL_KEY_ALGORITHM_EC'; readonly ec_params: { readonly curve: string } };

export interface CertificateFacts {
  readonly subject: CertificateName;
  readonly issuer: CertificateName;
  readonly subject_alt_names?: readonly string[];
  readonly serial_number: string;
  /** As `2017-06-11 04:44:28`, in UTC. */
  readonly not_before: string;
  readonly not_after: string;
  /** Hex pairs of the SHA-1, with colons. */
  readonly fingerprint: string;
  readonly signature_algorithm: string;
  readonly version: string;
  readonly self_signed: boolean;
  readonly days_until_expire: number;
  readonly expiry_status:
    | 'SSL_CERTIFICATE_GOOD'
    | 'SSL_CERTIFICATE_EXPIRY_WARNING'
    | 'SSL_CERTIFICATE_EXPIRED';
  /** Absent for a key that is neither RSA nor on one of Avi's curves. */
  readonly key_params?: KeyParams;
  readonly public_key: string;
}

const DAY_S = 86_400;
/** Avi warns of a certificate that has so many days left. */
const WARNING_DAYS = 30;

/** Of the first certificate in a PEM text; undefined where there is none that can be read. @param nowS seconds since 1970. */
export function certificateFacts(pem: string, nowS: number): CertificateFacts | undefined {
  const [block] = pemBlocks(pem, 'CERTIFICATE');
  const certificate = block === undefined ? undefined : readOrUndefined(block);
  const identity = certificate === undefined ? undefined : readCertificateIdentity(certificate.raw);
  if (certificate === undefined || identity === undefined) return undefined;
  const { notBeforeS, notAfterS, version, signatureAlgorithm } = identity;
  const daysLeft = Math.floor((notAfterS - nowS) / DAY_S);
  const alternatives = alternativeNames(certificate.subjectAltName);
  const keyParams = keyParamsOf(certificate);
  return {
    subject: nameOf(certificate.subject),
    issuer: nameOf(certificate.issuer),
    ...(alternatives.length === 0 ? {} : { subject_alt_names: alternatives }),
    serial_number: BigInt(`0x${certificate.serialNumber}`).toString(),
    not_before: timeText(notBeforeS),
    not_after: timeText(notAfterS),
    fingerprint: certificate.fingerprint,
    signature_algorithm: signatureAlgorithms.get(signatureAlgorithm)?.name ?? signatureAlgorithm,
    version: String(version),
    // Not checkIssued: it asks for a key usage that a server's own certificate need not have.
    self_signed: identity.subject === identity.issuer && certificate.verify(certificate.publicKey),
    days_until_expire: Math.max(0, daysLeft),
    expiry_status:
      notAfterS < nowS
        ? 'SSL_CERTIFICATE_EXPIRED'
        : daysLeft < WARNING_DAYS
          ? 'SSL_CERTIFICATE_EXPIRY_WARNING'
          : 'SSL_CERTIFICATE_GOOD',
    ...(keyParams === undefined ? {} : { key_params: keyParams }),
    public_key: certificate.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}

function readOrUndefined(block: string): X509Certificate | undefined {
  try {
    return new X509Certificate(block);
  } catch {
    return undefined;
  }
}

function timeText(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');
}

const ATTRIBUTES: Readonly<Record<string, keyof CertificateName>> = {
  CN: 'common_name',
  C: 'country',
  emailAddress: 'email_address',
  L: 'locality',
  O: 'organization',
  OU: 'organization_unit',
  ST: 'state',
};

/** @param text as node:crypto writes a Name: a line for each attribute. */
function nameOf(text: string | undefined): CertificateName {
  const lines = (text ?? '').split('\n').filter((line) => line.includes('='));
  const parts: Partial<Record<keyof CertificateName, string>> = {};
  for (const line of lines) {
    const at = line.indexOf('=');
    const field = ATTRIBUTES[line.slice(0, at)];
    // Of several of one kind the last is the most telling.
    if (field !== undefined) parts[field] = line.slice(at + 1);
  }
  return { ...parts, distinguished_name: lines.join(', ') };
}

/** @param text as node:crypto writes it: `DNS:a.example, IP Address:10.0.0.1`, with quotes around a name that has a comma in it. */
function alternativeNames(text: string | undefined): readonly string[] {
  const names = (text ?? '').match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/g) ?? [];
  return names.map((name) => name.trim().replace(/^[^:]+:/, ''));
}

const CURVES: Readonly<Record<string, string>> = {
  prime256v1: 'SSL_KEY_EC_CURVE_SECP256R1',
  secp384r1: 'SSL_KEY_EC_CURVE_SECP384R1',
  secp521r1: 'SSL_KEY_EC_CURVE_SECP521R1',
};

function keyParamsOf({ publicKey }: X509Certificate): KeyParams | undefined {
  const { namedCurve = '', modulusLength = 0, publicExponent } = publicKey.asymmetricKeyDetails ?? {};
  if (publicKey.asymmetricKeyType === 'rsa') {
    return {
      algorithm: 'SSL_KEY_ALGORITHM_RSA',
      rsa_params: {
        key_size: `SSL_KEY_${modulusLength}_BITS`,
        exponent: Number(publicExponent ?? 65_537n),
      },
    };
  }
  const curve = CURVES[namedCurve];
  return curve === undefined ? undefined : { algorithm: 'SSL_KEY_ALGORITHM_EC', ec_params: { curve } };
}
