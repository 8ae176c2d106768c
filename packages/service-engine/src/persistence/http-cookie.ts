// HTTP cookie persistence: the server mapping of a client is sealed into a cookie of its own.

import type { CookieMissReason } from '@limpet/model';
import type { RandomSource } from '../lifecycle/random.ts';
import { type CookieKey, NONCE_BYTES, TAG_BYTES } from '../session-ticket/cookie-key.ts';
import type { KeyRing } from '../session-ticket/key-ring.ts';
import type { ClientMapping, MappingResult, PersistenceMethod } from './method.ts';

/** What of the configuration the entries of a pool are held to. */
export interface CookieTerms {
  /** Cookies of one pool are none of another, though it is behind the same virtual service. */
  readonly poolUuid: string;
  /** An entry of this age has expired; 0: none does. */
  readonly timeoutS: number;
}

export type CookieResult = MappingResult<CookieMissReason>;

/** A client has one; more are left over from an earlier configuration, or made up. */
export const COOKIES_TRIED_MAX = 4;

// version 1 │ key hint 1 │ nonce 12 │ sealed: server id 6, issued at 4 (s since 1970), affinity key 2 │ tag 16; big-endian.
const VERSION = 0x10;
const HEADER_BYTES = 2;
const PLAINTEXT_BYTES = 12;
const SEALED_AT = HEADER_BYTES + NONCE_BYTES;
/** A multiple of three: base64url then has no spare bits that could be altered without anybody seeing it. */
export const COOKIE_BYTES = SEALED_AT + PLAINTEXT_BYTES + TAG_BYTES;
const COOKIE_CHARACTERS = (COOKIE_BYTES / 3) * 4;

// Buffer.from would take the alphabet of plain base64, too, and skip what is in neither.
const BASE64URL = new RegExp(`^[A-Za-z0-9_-]{${COOKIE_CHARACTERS}}$`);

/** How far the clocks of two engines may be apart. */
const CLOCK_SKEW_S = 300;

const NO_COOKIE: CookieResult = Object.freeze({ kind: 'none' });

/** Shown are the values of all cookies of the name, as they came. */
export const httpCookie: PersistenceMethod<readonly string[], CookieTerms, CookieResult> = { decide };

/** The value of a cookie that names the server of the mapping: always of the same length, and never the same twice. */
export function sealCookie(
  mapping: ClientMapping,
  poolUuid: string,
  key: CookieKey,
  random: RandomSource,
): string {
  const header = headerOf(key);
  const plaintext = Buffer.alloc(PLAINTEXT_BYTES);
  plaintext.writeUIntBE(mapping.serverId, 0, 6);
  plaintext.writeUInt32BE(mapping.issuedAtS, 6);
  plaintext.writeUInt16BE(mapping.affinityKey, 10);
  const nonce = random.bytes(NONCE_BYTES);
  const sealed = key.seal(plaintext, nonce, boundTo(header, poolUuid));
  return Buffer.concat([header, nonce, sealed]).toString('base64url');
}

/** Whether an entry has expired, by the clock of the engine: a client that keeps a cookie for longer gains nothing. */
export function isCookieExpired({ issuedAtS }: ClientMapping, timeoutS: number, nowS: number): boolean {
  const ageS = nowS - issuedAtS;
  return (timeoutS > 0 && ageS >= timeoutS) || ageS < -CLOCK_SKEW_S;
}

function decide(values: readonly string[], terms: CookieTerms, ring: KeyRing, nowS: number): CookieResult {
  let reason: CookieMissReason | undefined;
  for (const value of values.slice(0, COOKIES_TRIED_MAX)) {
    const result = openCookie(value, terms, ring, nowS);
    if (typeof result !== 'string') return result;
    reason = result;
  }
  if (reason === undefined) return NO_COOKIE;
  return { kind: 'not-opened', reason: values.length > COOKIES_TRIED_MAX ? 'too_many' : reason };
}

function openCookie(
  value: string,
  { poolUuid, timeoutS }: CookieTerms,
  ring: KeyRing,
  nowS: number,
): CookieResult | CookieMissReason {
  if (!BASE64URL.test(value)) return 'malformed';
  const bytes = Buffer.from(value, 'base64url');
  if (bytes[0] !== VERSION) return 'wrong_version';
  const header = bytes.subarray(0, HEADER_BYTES);
  const nonce = bytes.subarray(HEADER_BYTES, SEALED_AT);
  let miss: CookieMissReason = 'unknown_key';
  for (const key of ring.cookieKeys) {
    if (key.hint !== bytes[1]) continue;
    const plaintext = key.open(bytes.subarray(SEALED_AT), nonce, boundTo(header, poolUuid));
    if (plaintext === undefined) {
      miss = 'not_genuine';
      continue;
    }
    const mapping: ClientMapping = {
      serverId: plaintext.readUIntBE(0, 6),
      issuedAtS: plaintext.readUInt32BE(6),
      affinityKey: plaintext.readUInt16BE(10),
    };
    return isCookieExpired(mapping, timeoutS, nowS) ? 'expired' : { kind: 'opened', mapping, key };
  }
  return miss;
}

function headerOf(key: CookieKey): Buffer {
  return Buffer.from([VERSION, key.hint]);
}

/** What is authenticated and not carried. The virtual service is bound by the key. */
function boundTo(header: Buffer, poolUuid: string): Buffer {
  return Buffer.concat([header, Buffer.from(poolUuid)]);
}
