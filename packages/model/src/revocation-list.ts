// Certificate revocation lists (RFC 5280 §5): reading one strictly, and checking who signed it.

import { type KeyObject, verify } from 'node:crypto';
import { type DerElement, type DerReader, derTag, integerHex, oidText, readDer, timeS } from './der.ts';
import { type SignatureAlgorithm, signatureAlgorithms } from './signature-algorithms.ts';

export interface RevocationList {
  /** The Name, DER in base64. */
  readonly issuer: string;
  /** Seconds since 1970. */
  readonly thisUpdateS: number;
  /** Undefined where the list says nothing of an end. */
  readonly nextUpdateS: number | undefined;
  /** Upper-case hex without leading zeros. */
  readonly serials: ReadonlySet<string>;
  readonly algorithm: SignatureAlgorithm;
  /** What the signature is over. */
  readonly signed: Buffer;
  readonly signature: Buffer;
}

export type ReadRevocationList =
  | { readonly kind: 'list'; readonly list: RevocationList }
  /** @property message as it reads after the place where the list stands. */
  | { readonly kind: 'problem'; readonly message: string };

const MALFORMED: ReadRevocationList = { kind: 'problem', message: 'cannot be read' };
const EXTENSIONS = 0xa0;
// RFC 5280 §5.2: of no effect on what the list says; all others of a list that are known change whom it speaks of.
const HARMLESS_EXTENSIONS: ReadonlySet<string> = new Set(['2.5.29.35', '2.5.29.20']);
const EXTENSION_NAMES: ReadonlyMap<string, string> = new Map([
  ['2.5.29.27', 'it is a delta of another list (deltaCRLIndicator)'],
  ['2.5.29.28', 'it speaks of a part of the certificates only (issuingDistributionPoint)'],
  ['2.5.29.29', 'it speaks of certificates of others (certificateIssuer)'],
]);

/** @param pem one block; undefined bytes, a cut or a wrong tag anywhere are a problem, never an exception. */
export function readRevocationList(pem: string): ReadRevocationList {
  const base64 = /-----BEGIN X509 CRL-----([\s\S]+?)-----END X509 CRL-----/.exec(pem)?.[1] ?? '';
  return readRevocationListDer(Buffer.from(base64, 'base64'));
}

export function readRevocationListDer(der: Buffer): ReadRevocationList {
  const whole = readDer(der, derTag.sequence);
  if (whole === undefined) return MALFORMED;
  const outer = whole.read();
  const body = outer.next(derTag.sequence);
  const outerAlgorithm = outer.next(derTag.sequence);
  const signature = outer.next(derTag.bitString);
  // A signature is whole bytes: no unused bits.
  if (!body || !outerAlgorithm || !signature || !outer.isAtEnd || signature.content[0] !== 0)
    return MALFORMED;
  const reader = body.read();
  if (reader.nextTag === derTag.integer && reader.next()?.content.toString('hex') !== '01')
    return problem('is of a version that there is not');
  const algorithmElement = reader.next(derTag.sequence);
  const issuer = reader.next(derTag.sequence);
  const thisUpdate = reader.next();
  if (!algorithmElement || !issuer || !thisUpdate) return MALFORMED;
  // §5.1.1.2: what is signed names the algorithm, too, so that nobody can change it.
  if (!algorithmElement.whole.equals(outerAlgorithm.whole)) return MALFORMED;
  const algorithm = readAlgorithm(algorithmElement);
  if (algorithm === undefined) return problem('is signed with an algorithm that is not supported');
  const nextUpdate = isTime(reader.nextTag) ? reader.next() : undefined;
  const [thisUpdateS, nextUpdateS] = [timeS(thisUpdate), nextUpdate && timeS(nextUpdate)];
  if (thisUpdateS === undefined || (nextUpdate !== undefined && nextUpdateS === undefined)) return MALFORMED;
  const serials = new Set<string>();
  if (reader.nextTag === derTag.sequence) {
    const entries = reader.enter(derTag.sequence);
    const refused = entries === undefined ? MALFORMED : readEntries(entries, serials);
    if (refused !== undefined) return refused;
  }
  if (reader.nextTag === EXTENSIONS) {
    const extensions = reader.enter(EXTENSIONS)?.enter(derTag.sequence);
    const refused = extensions === undefined ? MALFORMED : refuseExtensions(extensions);
    if (refused !== undefined) return refused;
  }
  if (!reader.isAtEnd) return MALFORMED;
  return {
    kind: 'list',
    list: {
      issuer: issuer.whole.toString('base64'),
      thisUpdateS,
      nextUpdateS,
      serials,
      algorithm,
      signed: body.whole,
      signature: signature.content.subarray(1),
    },
  };
}

/**
 * The newest list of each issuer, by its name.
 *
 * @throws where one cannot be read: it was not validated.
 */
export function newestRevocationLists(pems: readonly string[]): ReadonlyMap<string, RevocationList> {
  const newest = new Map<string, RevocationList>();
  for (const pem of pems) {
    const read = readRevocationList(pem);
    if (read.kind === 'problem') throw new Error(`a revocation list ${read.message}`);
    const known = newest.get(read.list.issuer);
    if (known === undefined || known.thisUpdateS < read.list.thisUpdateS)
      newest.set(read.list.issuer, read.list);
  }
  return newest;
}

/** Whether the list was signed with this key. Never throws: a key of another kind has signed nothing. */
export function isSignedBy({ algorithm, signed, signature }: RevocationList, key: KeyObject): boolean {
  if (key.asymmetricKeyType !== algorithm.keyType) return false;
  try {
    return verify(algorithm.digest, signed, key, signature);
  } catch {
    return false;
  }
}

function readEntries(entries: DerReader, serials: Set<string>): ReadRevocationList | undefined {
  while (!entries.isAtEnd) {
    const entry = entries.enter(derTag.sequence);
    const serialElement = entry?.next(derTag.integer);
    const date = entry?.next();
    if (!entry || !serialElement || !date) return MALFORMED;
    const serial = integerHex(serialElement);
    // When it was revoked is of no matter: that it was, is.
    if (serial === undefined || !isTime(date.tag)) return MALFORMED;
    if (!entry.isAtEnd) {
      const extensions = entry.enter(derTag.sequence);
      const refused = extensions === undefined || !entry.isAtEnd ? MALFORMED : refuseExtensions(extensions);
      if (refused !== undefined) return refused;
    }
    serials.add(serial);
  }
  return undefined;
}

/** §5.2 and §5.3: a list with a critical extension that is not understood must not be used to tell what is revoked. */
function refuseExtensions(extensions: DerReader): ReadRevocationList | undefined {
  while (!extensions.isAtEnd) {
    const extension = extensions.enter(derTag.sequence);
    const id = extension?.next(derTag.oid);
    if (!extension || !id) return MALFORMED;
    const critical = extension.nextTag === derTag.boolean && extension.next()?.content[0] !== 0;
    if (extension.next(derTag.octetString) === undefined || !extension.isAtEnd) return MALFORMED;
    const oid = oidText(id);
    const partial = EXTENSION_NAMES.get(oid);
    if (partial !== undefined) return problem(`cannot be used: ${partial}`);
    if (critical && !HARMLESS_EXTENSIONS.has(oid))
      return problem(`has a critical extension that is not understood (${oid})`);
  }
  return undefined;
}

function readAlgorithm(algorithm: DerElement): SignatureAlgorithm | undefined {
  const oid = algorithm.read().next(derTag.oid);
  return oid === undefined ? undefined : signatureAlgorithms.get(oidText(oid));
}

function isTime(tag: number | undefined): boolean {
  return tag === derTag.utcTime || tag === derTag.generalizedTime;
}

function problem(message: string): ReadRevocationList {
  return { kind: 'problem', message };
}
