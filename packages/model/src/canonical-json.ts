// Canonical JSON: one text for one value, whatever the order of its keys; and its hash.

import { createHash } from 'node:crypto';

/** JSON with keys in order and without those that are undefined. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, field]) => field !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${entries.map(([name, field]) => `${JSON.stringify(name)}:${canonicalJson(field)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

export function sha256Hex(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

const hashes = new WeakMap<object, string>();

/** SHA-256 (hex) over the canonical JSON of a value that is frozen all the way down: what is asked for again is not computed again. */
export function contentHash(frozen: object): string {
  const known = hashes.get(frozen);
  if (known !== undefined) return known;
  const hash = sha256Hex(canonicalJson(frozen));
  hashes.set(frozen, hash);
  return hash;
}

/** Freezes a value made of plain objects and arrays, all the way down. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const field of Object.values(value)) deepFreeze(field);
  }
  return value;
}
