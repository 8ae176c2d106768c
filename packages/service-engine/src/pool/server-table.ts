// The server table: what all workers of an engine must agree on about each server, in shared memory.

import { type RowFields, SharedRows } from './shared-rows.ts';

/** What the health monitors found. `checking`: no verdict yet; `maintenance`: down because the server says so itself. */
export type ServerHealth = 'checking' | 'up' | 'down' | 'maintenance';

const HEALTH: readonly ServerHealth[] = ['checking', 'up', 'down', 'maintenance'];

const UP = HEALTH.indexOf('up');

/** Servers that one engine can hold over all its pools. */
export const SERVER_SLOTS_MAX = 16_384;

// A row a slot: what is known of the server, and the totals over all workers.
const HEALTH_FIELD = 0;
const SUSPECT_FIELD = 1;
const RAMP_FIELD = 2;
const SHARE_LOST_FIELD = 3;
const RESPONSE_FIELD = 4;
const RESPONSE_AT_FIELD = 5;
const DRAINED_FIELD = 6;
const PLACED_FIELD = 7;
const ACTIVE_FIELD = 8;
// Of each worker: its part of the last two.
const OWN_PLACED_FIELD = 0;
const OWN_ACTIVE_FIELD = 1;
const FIELDS: RowFields = { totals: 9, ofWorker: 2 };

/** A share is kept as the thousandths that are missing, so that a row of zeros is a whole one. */
const SHARE_PARTS = 1000;

/**
 * A view on the table. Every thread has one over the same memory. The main thread writes health; workers count.
 *
 * - placed: client connections that belong to the server.
 * - active: upstream connections in use (h1: one with a request on it); what the connection limit counts.
 *
 * Beside the totals, which limits need exact, each worker keeps a column of its own share, so that what a dead worker
 * held can be given back.
 */
export class ServerTable {
  readonly memory: SharedArrayBuffer;
  readonly workers: number;
  readonly #cells: Int32Array;
  readonly #rows: SharedRows;
  readonly #worker: number;

  /** @param worker this thread's column, or -1 on the main thread, which counts nothing. */
  constructor(memory: SharedArrayBuffer, workers: number, worker: number) {
    this.memory = memory;
    this.workers = workers;
    this.#cells = new Int32Array(memory);
    this.#rows = new SharedRows(this.#cells, 0, FIELDS, workers);
    this.#worker = worker;
  }

  static allocate(workers: number, slots = SERVER_SLOTS_MAX): SharedArrayBuffer {
    return new SharedArrayBuffer(SharedRows.cellsFor(slots, FIELDS, workers) * Int32Array.BYTES_PER_ELEMENT);
  }

  get slots(): number {
    return this.#cells.length / SharedRows.cellsFor(1, FIELDS, this.workers);
  }

  health(slot: number): ServerHealth {
    return HEALTH[Atomics.load(this.#cells, this.#rows.at(slot, HEALTH_FIELD))] ?? 'checking';
  }

  /** Whether the health is `up`; without the word for it, since this is asked of every server for every request. */
  isUp(slot: number): boolean {
    return Atomics.load(this.#cells, this.#rows.at(slot, HEALTH_FIELD)) === UP;
  }

  setHealth(slot: number, health: ServerHealth): void {
    Atomics.store(this.#cells, this.#rows.at(slot, HEALTH_FIELD), HEALTH.indexOf(health));
  }

  /** A server whose last connection attempt failed is suspect for a while: others are preferred, if there are any. */
  markSuspect(slot: number, untilMs: number): void {
    // Wraps every 24 days, as does the comparison.
    Atomics.store(this.#cells, this.#rows.at(slot, SUSPECT_FIELD), untilMs | 0 || 1);
  }

  clearSuspect(slot: number): void {
    const at = this.#rows.at(slot, SUSPECT_FIELD);
    if (this.#cells[at] !== 0) Atomics.store(this.#cells, at, 0);
  }

  isSuspect(slot: number, nowMs: number): boolean {
    const untilMs = this.#cells[this.#rows.at(slot, SUSPECT_FIELD)] as number;
    return untilMs !== 0 && ((untilMs - (nowMs | 0)) | 0) > 0;
  }

  /** The server is up anew: from now on its share grows. Main thread. */
  startRamp(slot: number, nowMs: number): void {
    Atomics.store(this.#cells, this.#rows.at(slot, RAMP_FIELD), nowMs | 0 || 1);
  }

  endRamp(slot: number): void {
    Atomics.store(this.#cells, this.#rows.at(slot, RAMP_FIELD), 0);
  }

  /** How long ago the ramp began; undefined where there is none. */
  rampAgeMs(slot: number, nowMs: number): number | undefined {
    const startMs = this.#cells[this.#rows.at(slot, RAMP_FIELD)] as number;
    return startMs === 0 ? undefined : ((nowMs | 0) - startMs) >>> 0;
  }

  /** What passive health leaves the server of its ratio, 1 where nothing is the matter. */
  passiveShare(slot: number): number {
    const lost = this.#cells[this.#rows.at(slot, SHARE_LOST_FIELD)] as number;
    return lost === 0 ? 1 : 1 - lost / SHARE_PARTS;
  }

  /** Main thread. */
  setPassiveShare(slot: number, share: number): void {
    Atomics.store(
      this.#cells,
      this.#rows.at(slot, SHARE_LOST_FIELD),
      SHARE_PARTS - Math.round(share * SHARE_PARTS),
    );
  }

  /** The smoothed response time in µs; 0 where none was measured. */
  responseUs(slot: number): number {
    return this.#cells[this.#rows.at(slot, RESPONSE_FIELD)] as number;
  }

  responseAgeMs(slot: number, nowMs: number): number {
    // Two threads may be a tick apart.
    return Math.max(0, ((nowMs | 0) - (this.#cells[this.#rows.at(slot, RESPONSE_AT_FIELD)] as number)) | 0);
  }

  setResponse(slot: number, us: number, nowMs: number): void {
    this.#cells[this.#rows.at(slot, RESPONSE_FIELD)] = us;
    this.#cells[this.#rows.at(slot, RESPONSE_AT_FIELD)] = nowMs | 0;
  }

  /** Whether the server is disabled and its time to drain is over. Main thread. */
  setDrained(slot: number, drained: boolean): void {
    Atomics.store(this.#cells, this.#rows.at(slot, DRAINED_FIELD), drained ? 1 : 0);
  }

  isDrained(slot: number): boolean {
    return this.#cells[this.#rows.at(slot, DRAINED_FIELD)] === 1;
  }

  placed(slot: number): number {
    return Atomics.load(this.#cells, this.#rows.at(slot, PLACED_FIELD));
  }

  addPlaced(slot: number): void {
    this.#count(slot, PLACED_FIELD, OWN_PLACED_FIELD, 1);
  }

  removePlaced(slot: number): void {
    this.#count(slot, PLACED_FIELD, OWN_PLACED_FIELD, -1);
  }

  active(slot: number): number {
    return Atomics.load(this.#cells, this.#rows.at(slot, ACTIVE_FIELD));
  }

  /** Takes one of `limit` places (0: no limit); false, and nothing taken, when there is none. Exact over all workers. */
  tryAddActive(slot: number, limit: number): boolean {
    const at = this.#rows.at(slot, ACTIVE_FIELD);
    const ownAt = this.#rows.ownAt(slot, OWN_ACTIVE_FIELD, this.#worker);
    if (limit === 0) {
      this.#count(slot, ACTIVE_FIELD, OWN_ACTIVE_FIELD, 1);
      return true;
    }
    // Not added first and taken back where it was too much: for that moment another worker would see no place where there is one.
    for (let seen = Atomics.load(this.#cells, at); seen < limit; ) {
      const found = Atomics.compareExchange(this.#cells, at, seen, seen + 1);
      if (found === seen) {
        // No call in between: a thread is terminated at calls, and then a place would be taken that no worker has.
        this.#cells[ownAt] = (this.#cells[ownAt] as number) + 1;
        return true;
      }
      seen = found;
    }
    return false;
  }

  removeActive(slot: number): void {
    this.#count(slot, ACTIVE_FIELD, OWN_ACTIVE_FIELD, -1);
  }

  /** Makes a row ready for a new server. Main thread, once every worker has let go of the slot's former one. */
  reset(slot: number): void {
    this.#rows.reset(slot);
  }

  /** Takes what a dead worker held out of the totals. Main thread, once the worker has exited. */
  releaseWorker(worker: number): void {
    for (let slot = 0; slot < this.slots; slot++) {
      this.#rows.giveBack(slot, PLACED_FIELD, OWN_PLACED_FIELD, worker);
      this.#rows.giveBack(slot, ACTIVE_FIELD, OWN_ACTIVE_FIELD, worker);
    }
  }

  #count(slot: number, field: number, ownField: number, by: number): void {
    const at = this.#rows.at(slot, field);
    const ownAt = this.#rows.ownAt(slot, ownField, this.#worker);
    Atomics.add(this.#cells, at, by);
    this.#cells[ownAt] = (this.#cells[ownAt] as number) + by;
  }
}
