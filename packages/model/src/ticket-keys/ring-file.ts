// The text of a ring: how it is written, read and checked (R1).

import { LimpetError } from '../errors.ts';
import {
  RING_KEY_BYTES,
  RING_KEYS_MAX,
  type RingKey,
  type RingKeys,
  requireFittingPeriods,
} from './ring-keys.ts';

const FORMAT = 'limpet-ticket-keys/1';

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
