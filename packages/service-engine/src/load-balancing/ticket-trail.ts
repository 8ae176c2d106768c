// The ticket trail: where clients with tickets were sent just now, so that their connections without one can follow.

import type { ClientFingerprint } from './client-key.ts';

/**
 * A browser over HTTP/1.1 opens six connections at once and holds two tickets. What comes this soon after a connection with a ticket, and looks
 * like it, is taken for its companion.
 */
export const COMPANION_WITHIN_MS = 1000;

const CELLS = 1 << 12;
const SLOT_BITS = 14;
const SLOT_MASK = (1 << SLOT_BITS) - 1;
/** 18 bits of milliseconds: an entry may be taken for a fresh one 262 s later, for a second. */
const TIME_MASK = 2 ** (32 - SLOT_BITS) - 1;

/**
 * A fixed array in the shared memory of an engine, 32 kB: it does not grow with clients, it forgets. Two clients that look alike, or meet in
 * a cell, overwrite each other: the worst is a first connection on another server of the pool.
 */
export class TicketTrail {
  readonly #cells: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#cells = new Int32Array(memory);
  }

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(2 * CELLS * Int32Array.BYTES_PER_ELEMENT);
  }

  /** A connection with a ticket goes to the server of this slot. */
  leave(look: number, slot: number, nowMs: number): void {
    const at = 2 * (look & (CELLS - 1));
    this.#cells[at] = look;
    this.#cells[at + 1] = ((nowMs & TIME_MASK) << SLOT_BITS) | (slot & SLOT_MASK);
  }

  /** The slot to follow to, or -1. */
  follow(look: number, nowMs: number): number {
    const at = 2 * (look & (CELLS - 1));
    const entry = this.#cells[at + 1] as number;
    if (this.#cells[at] !== look || entry === 0) return -1;
    const ageMs = ((nowMs & TIME_MASK) - (entry >>> SLOT_BITS)) & TIME_MASK;
    return ageMs <= COMPANION_WITHIN_MS ? entry & SLOT_MASK : -1;
  }
}

/** 32 bits over what the connections of one client have in common (FNV-1a): cheap enough for every connection, and never shown to anybody. */
export function lookOf(clientIp: string, fingerprint: ClientFingerprint | undefined): number {
  let hash = 0x811c9dc5;
  const add = (value: number): void => {
    hash = Math.imul(hash ^ value, 0x01000193);
  };
  for (let index = 0; index < clientIp.length; index++) add(clientIp.charCodeAt(index));
  if (fingerprint !== undefined) {
    const name = fingerprint.serverName ?? '';
    for (let index = 0; index < name.length; index++) add(name.charCodeAt(index));
    for (const suite of fingerprint.cipherSuites) add(suite);
    for (const group of fingerprint.supportedGroups) add(group);
  }
  return hash;
}
