// The ring file: the ticket keys that the engines of a fleet share, how it is made, rotated, checked (R1) and written.

import { LimpetError } from '@limpet/model';
import type { RandomSource } from '../lifecycle/random.ts';
import { RING_KEY_BYTES } from './ticket-key.ts';

export interface RingKey {
  /** 32 random bytes. */
  readonly key: Buffer;
  readonly createdAtS: number;
}

/** The keys of a ring file. `previous` is newest first. */
export interface RingKeys {
  readonly next: RingKey;
  readonly current: RingKey;
  readonly previous: readonly RingKey[];
  readonly affinitySecret: Buffer;
  readonly rotatedAtS: number;
  /** Rotations since the ring was made. */
  readonly rotations: number;
  /** How long a ticket may live; a key stays in the ring that long after it stopped sealing. */
  readonly ticketLifetimeS: number;
  /** How often the operator means to rotate. */
  readonly rotatePeriodS: number;
}

/** No ring holds more keys: each may have to be tried for each ticket that does not open. */
export const RING_KEYS_MAX = 16;
/** An engine that is two rotations behind loses mappings; so a rotation is refused so soon after another. */
export const ROTATION_GUARD_S = 60;
/** RFC 8446 §4.6.1: a ticket lives at most seven days. */
export const TICKET_LIFETIME_MAX_S = 604_800;
export const DEFAULT_TICKET_LIFETIME_S = 86_400;
/** Avi ControllerProperties.vs_key_rotate_period, 360 min. */
export const DEFAULT_ROTATE_PERIOD_S = 360 * 60;

const FORMAT = 'limpet-ticket-keys/1';

/** Keys that a lifetime and a period need: next, current, and each that sealed a ticket which may still be alive. */
export function ringKeysNeeded(ticketLifetimeS: number, rotatePeriodS: number): number {
  return 2 + Math.ceil(ticketLifetimeS / rotatePeriodS);
}

/**
 * A new ring.
 *
 * @throws LimpetError KEYS_INVALID when lifetime and period need more than 16 keys or are out of range.
 */
export function createRingKeys(
  random: RandomSource,
  nowS: number,
  ticketLifetimeS = DEFAULT_TICKET_LIFETIME_S,
  rotatePeriodS = DEFAULT_ROTATE_PERIOD_S,
): RingKeys {
  requireFittingPeriods(ticketLifetimeS, rotatePeriodS);
  return {
    next: newKey(random, nowS),
    current: newKey(random, nowS),
    previous: [],
    affinitySecret: random.bytes(RING_KEY_BYTES),
    rotatedAtS: nowS,
    rotations: 0,
    ticketLifetimeS,
    rotatePeriodS,
  };
}

/**
 * next becomes current, current becomes the newest previous, and a new next is made. Previous keys that no living ticket
 * can need are dropped.
 *
 * @throws LimpetError KEYS_TOO_SOON within 60 s of the last rotation, or when a key that is still needed would not fit; `force` overrides both.
 */
export function rotateRingKeys(keys: RingKeys, random: RandomSource, nowS: number, force = false): RingKeys {
  const sinceS = nowS - keys.rotatedAtS;
  if (!force && keys.rotations > 0 && sinceS < ROTATION_GUARD_S) {
    throw new LimpetError(
      'KEYS_TOO_SOON',
      `the last rotation was ${Math.max(0, sinceS)} s ago; an engine that has not read it yet would lose its clients' mappings. Wait ${ROTATION_GUARD_S - sinceS} s, or use --force`,
    );
  }
  // A previous key sealed its last ticket when the key after it became current, so it is needed for a lifetime from then.
  const candidates = [keys.current, ...keys.previous];
  const retiredAtS = candidates.map((_, index) =>
    index === 0 ? nowS : (candidates[index - 1] as RingKey).createdAtS,
  );
  const needed = candidates.filter(
    (_, index) => nowS - (retiredAtS[index] as number) <= keys.ticketLifetimeS,
  );
  if (!force && needed.length > RING_KEYS_MAX - 2) {
    throw new LimpetError(
      'KEYS_TOO_SOON',
      `the ring would need more than ${RING_KEYS_MAX} keys for a ticket lifetime of ${keys.ticketLifetimeS} s; rotate less often, or use --force to drop the oldest key`,
    );
  }
  return {
    ...keys,
    // createdAtS of the current key is when it began to seal: what its predecessor's retirement is read from.
    next: newKey(random, nowS),
    current: { key: keys.next.key, createdAtS: nowS },
    previous: needed.slice(0, RING_KEYS_MAX - 2),
    rotatedAtS: nowS,
    rotations: keys.rotations + 1,
  };
}

/** Overwrites keys that have been derived from and are not needed themselves. The text that they came in is a string, which nothing can overwrite. */
export function wipeRingKeys({ next, current, previous, affinitySecret }: RingKeys): void {
  for (const { key } of [next, current, ...previous]) key.fill(0);
  affinitySecret.fill(0);
}

/** The text of a ring file. It is a secret. */
export function serializeRingKeys(keys: RingKeys): string {
  const entry = ({ key, createdAtS }: RingKey) => ({ key: key.toString('base64'), created_at: createdAtS });
  const file = {
    format: FORMAT,
    ticket_lifetime: keys.ticketLifetimeS,
    rotate_period: keys.rotatePeriodS,
    rotated_at: keys.rotatedAtS,
    rotations: keys.rotations,
    affinity_secret: keys.affinitySecret.toString('base64'),
    next: entry(keys.next),
    current: entry(keys.current),
    previous: keys.previous.map(entry),
  };
  return `${JSON.stringify(file, undefined, 2)}\n`;
}

/**
 * Reads and checks a ring file.
 *
 * @throws LimpetError KEYS_INVALID that names the key, never its value: too short, all zero, repeating, too uniform, or there twice (R1).
 */
export function parseRingKeys(text: string): RingKeys {
  const file = parseJsonObject(text);
  if (file.format !== FORMAT)
    throw invalid(`format is not "${FORMAT}"; make a ring with "limpet keys init FILE"`);
  const ticketLifetimeS = requireInteger(file, 'ticket_lifetime');
  const rotatePeriodS = requireInteger(file, 'rotate_period');
  requireFittingPeriods(ticketLifetimeS, rotatePeriodS);
  if (!Array.isArray(file.previous)) throw invalid('previous is not an array');
  if (file.previous.length > RING_KEYS_MAX - 2) throw invalid(`there are more than ${RING_KEYS_MAX} keys`);
  const keys: RingKeys = {
    next: parseKey(file.next, 'next'),
    current: parseKey(file.current, 'current'),
    previous: file.previous.map((entry, index) => parseKey(entry, `previous[${index}]`)),
    affinitySecret: parseKeyBytes(file.affinity_secret, 'affinity_secret'),
    rotatedAtS: requireInteger(file, 'rotated_at'),
    rotations: requireInteger(file, 'rotations'),
    ticketLifetimeS,
    rotatePeriodS,
  };
  refuseDuplicates(keys);
  return keys;
}

function newKey(random: RandomSource, nowS: number): RingKey {
  return { key: random.bytes(RING_KEY_BYTES), createdAtS: nowS };
}

function requireFittingPeriods(ticketLifetimeS: number, rotatePeriodS: number): void {
  if (
    !Number.isSafeInteger(ticketLifetimeS) ||
    ticketLifetimeS < 1 ||
    ticketLifetimeS > TICKET_LIFETIME_MAX_S
  ) {
    throw invalid(`ticket_lifetime must be 1 to ${TICKET_LIFETIME_MAX_S} s`);
  }
  if (!Number.isSafeInteger(rotatePeriodS) || rotatePeriodS < 1)
    throw invalid('rotate_period must be at least 1 s');
  const needed = ringKeysNeeded(ticketLifetimeS, rotatePeriodS);
  if (needed > RING_KEYS_MAX) {
    throw invalid(
      `a ticket lifetime of ${ticketLifetimeS} s and a rotate period of ${rotatePeriodS} s need ${needed} keys, more than ${RING_KEYS_MAX}; shorten the lifetime or lengthen the period`,
    );
  }
}

function parseJsonObject(text: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // The parser's own message may quote the text, which is key material.
    throw invalid('it is not JSON');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw invalid('it is not a JSON object');
  return parsed as Record<string, unknown>;
}

function requireInteger(file: Record<string, unknown>, name: string): number {
  const value = file[name];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw invalid(`${name} is not a whole number`);
  }
  return value;
}

function parseKey(entry: unknown, name: string): RingKey {
  if (typeof entry !== 'object' || entry === null) throw invalid(`${name} is missing`);
  const fields = entry as Record<string, unknown>;
  return { key: parseKeyBytes(fields.key, `${name}.key`), createdAtS: requireInteger(fields, 'created_at') };
}

function parseKeyBytes(value: unknown, name: string): Buffer {
  if (typeof value !== 'string') throw invalid(`${name} is missing`);
  const bytes = Buffer.from(value, 'base64');
  if (bytes.toString('base64') !== value) throw invalid(`${name} is not base64`);
  if (bytes.length !== RING_KEY_BYTES)
    throw invalid(`${name} has ${bytes.length} bytes, not ${RING_KEY_BYTES}`);
  const weakness = findWeakness(bytes);
  if (weakness !== undefined)
    throw invalid(`${name} is ${weakness}; make a ring with "limpet keys init FILE"`);
  return bytes;
}

/**
 * What shows that 32 bytes did not come from a random source, or undefined. 32 random bytes have fewer than 20 different
 * values with a probability below 2^-43.
 */
function findWeakness(bytes: Buffer): string | undefined {
  if (bytes.every((byte) => byte === 0)) return 'all zero';
  for (const period of [1, 2, 4, 8, 16]) {
    if (bytes.every((byte, index) => byte === bytes[index % period]))
      return `a repetition of ${period} bytes`;
  }
  const step = ((bytes[1] as number) - (bytes[0] as number)) & 0xff;
  if (bytes.every((byte, index) => index === 0 || ((byte - (bytes[index - 1] as number)) & 0xff) === step)) {
    return 'a counting sequence';
  }
  if (new Set(bytes).size < 20) return 'not random';
  return undefined;
}

function refuseDuplicates(keys: RingKeys): void {
  const named: [string, Buffer][] = [
    ['next', keys.next.key],
    ['current', keys.current.key],
    ...keys.previous.map(({ key }, index): [string, Buffer] => [`previous[${index}]`, key]),
    ['affinity_secret', keys.affinitySecret],
  ];
  const seen = new Map<string, string>();
  for (const [name, key] of named) {
    const text = key.toString('latin1');
    const first = seen.get(text);
    if (first !== undefined) throw invalid(`${name} is the same as ${first}`);
    seen.set(text, name);
  }
}

function invalid(detail: string): LimpetError {
  return new LimpetError('KEYS_INVALID', detail);
}
