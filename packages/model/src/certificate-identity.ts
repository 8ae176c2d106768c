// Who a certificate names and who issued it, as they stand in its DER: what node:crypto tells only in words.

import { DerReader, derTag, integerHex, oidText, timeS } from './der.ts';

export interface CertificateIdentity {
  /** Upper-case hex without leading zeros. */
  readonly serial: string;
  /** The Names, DER in base64: equal where the bytes are. */
  readonly issuer: string;
  readonly subject: string;
  /** Seconds since 1970. */
  readonly notBeforeS: number;
  readonly notAfterS: number;
  /** 1 to 3. */
  readonly version: number;
  /** In dots. */
  readonly signatureAlgorithm: string;
}

const VERSION = 0xa0;

/** @param der of an X.509 certificate (RFC 5280 §4.1); undefined where it is none. */
export function readCertificateIdentity(der: Buffer): CertificateIdentity | undefined {
  const body = new DerReader(der).enter(derTag.sequence)?.enter(derTag.sequence);
  if (body === undefined) return undefined;
  let version = 1;
  if (body.nextTag === VERSION) version = (body.enter(VERSION)?.next(derTag.integer)?.content[0] ?? 0) + 1;
  const serialElement = body.next(derTag.integer);
  const algorithm = body.enter(derTag.sequence)?.next(derTag.oid);
  const issuer = body.next(derTag.sequence);
  const validity = body.enter(derTag.sequence);
  const [from, to] = [validity?.next(), validity?.next()];
  const subject = body.next(derTag.sequence);
  if (!serialElement || !algorithm || !issuer || !from || !to || !subject) return undefined;
  const serial = integerHex(serialElement);
  const [notBeforeS, notAfterS] = [timeS(from), timeS(to)];
  if (serial === undefined || notBeforeS === undefined || notAfterS === undefined) return undefined;
  return {
    serial,
    issuer: issuer.whole.toString('base64'),
    subject: subject.whole.toString('base64'),
    notBeforeS,
    notAfterS,
    version,
    signatureAlgorithm: oidText(algorithm),
  };
}
