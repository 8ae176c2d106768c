// The keys of a ring: next, current and previous, how they are made, rotated and replaced. Pure: random bytes and the time are passed in.

import { LimpetError } from '../errors.ts';

/** Length of a ring key, of which the working keys of each virtual service are derived. */
export const RING_KEY_BYTES = 32;

/** Where keys come from: the system's secure source. */
export interface RandomBytes {
  /** Fresh memory of secure random bytes. */
  bytes(size: number): Buffer;
}

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
  random: RandomBytes,
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
export function rotateRingKeys(keys: RingKeys, random: RandomBytes, nowS: number, force = false): RingKeys {
  const sinceS = nowS - keys.rotatedAtS;
  if (!force && keys.rotations > 0 && sinceS < ROTATION_GUARD_S) {
    throw new LimpetError(
      'KEYS_TOO_SOON',
      `the last rotation was ${Math.max(0, sinceS)} s ago; an engine that has not read it yet would lose its clients' mappings. Wait ${ROTATION_GUARD_S - sinceS} s, or use --force`,
    );
  }
  return rotateKnownRingKeys(keys, random, nowS, force);
}

/**
 * As {@link rotateRingKeys}, where it is known that every engine holds `next` already: then there is no need to wait.
 *
 * @throws LimpetError KEYS_TOO_SOON when a key that is still needed would not fit; `force` overrides it.
 */
export function rotateKnownRingKeys(
  keys: RingKeys,
  random: RandomBytes,
  nowS: number,
  force = false,
): RingKeys {
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

/**
 * Another ring in the place of one whose keys somebody else may know: nothing of the former is left in it. Its count goes on, so that a ring is
 * told from the one before it.
 */
export function replaceRingKeys(keys: RingKeys, random: RandomBytes, nowS: number): RingKeys {
  const made = createRingKeys(random, nowS, keys.ticketLifetimeS, keys.rotatePeriodS);
  return { ...made, rotations: keys.rotations + 1 };
}

/** Another `next`, where the one that is there is known to somebody who shall not seal or open by it. Counts on, as it is another ring. */
export function renewNextKey(keys: RingKeys, random: RandomBytes, nowS: number): RingKeys {
  return { ...keys, next: newKey(random, nowS), rotations: keys.rotations + 1 };
}

/**
 * The same keys for another lifetime or period, which hold from the next rotation on. Counts on, so that engines are told.
 *
 * @throws LimpetError KEYS_INVALID as {@link createRingKeys} does.
 */
export function retimeRingKeys(keys: RingKeys, ticketLifetimeS: number, rotatePeriodS: number): RingKeys {
  requireFittingPeriods(ticketLifetimeS, rotatePeriodS);
  return { ...keys, ticketLifetimeS, rotatePeriodS, rotations: keys.rotations + 1 };
}

/** Overwrites keys that have been derived from and are not needed themselves. The text that they came in is a string, which nothing can overwrite. */
export function wipeRingKeys({ next, current, previous, affinitySecret }: RingKeys): void {
  for (const { key } of [next, current, ...previous]) key.fill(0);
  affinitySecret.fill(0);
}

function newKey(random: RandomBytes, nowS: number): RingKey {
  return { key: random.bytes(RING_KEY_BYTES), createdAtS: nowS };
}

/** @throws LimpetError KEYS_INVALID when lifetime and period need more than 16 keys or are out of range. */
export function requireFittingPeriods(ticketLifetimeS: number, rotatePeriodS: number): void {
  if (
    !Number.isSafeInteger(ticketLifetimeS) ||
    ticketLifetimeS < 1 ||
    ticketLifetimeS > TICKET_LIFETIME_MAX_S
  ) {
    throw new LimpetError('KEYS_INVALID', `ticket_lifetime must be 1 to ${TICKET_LIFETIME_MAX_S} s`);
  }
  if (!Number.isSafeInteger(rotatePeriodS) || rotatePeriodS < 1)
    throw new LimpetError('KEYS_INVALID', 'rotate_period must be at least 1 s');
  const needed = ringKeysNeeded(ticketLifetimeS, rotatePeriodS);
  if (needed > RING_KEYS_MAX) {
    throw new LimpetError(
      'KEYS_INVALID',
      `a ticket lifetime of ${ticketLifetimeS} s and a rotate period of ${rotatePeriodS} s need ${needed} keys, more than ${RING_KEYS_MAX}; shorten the lifetime or lengthen the period`,
    );
  }
}
