// The queue table: what workers must know of each other's waiting requests, in shared memory: how many, and who came first.

import { type RowFields, SharedRows } from './shared-rows.ts';

/** Pools that one engine can hold. */
export const POOL_SLOTS_MAX = 4096;
/** Not waiting for one server but for any of the pool. */
export const ANY_SERVER = -1;
export const NO_WORKER = -1;

// A row a pool: how many wait, and the next ticket.
const WAITING_FIELD = 0;
const TICKET_FIELD = 1;
// Of each worker: how many wait, and the ticket of the first that waits for any server.
const OWN_WAITING_FIELD = 0;
const OWN_FIRST_FIELD = 1;
const POOL_FIELDS: RowFields = { totals: 2, ofWorker: 2 };
// A row a server: of each worker the ticket of the first that waits for it.
const SERVER_FIRST_FIELD = 0;
const SERVER_FIELDS: RowFields = { totals: 0, ofWorker: 1 };

/**
 * Requests take a ticket of their pool when they begin to wait. Each worker writes the ticket of its first request for each server, and of its
 * first for any; so whoever gives a place back finds the worker whose request is the oldest, and wakes that one alone.
 *
 * Every access is an atomic one, and so sequentially consistent: who begins to wait writes that, then looks for a place; who gives a place back
 * does that, then looks for somebody who waits. One of the two sees the other.
 */
export class QueueTable {
  readonly memory: SharedArrayBuffer;
  readonly workers: number;
  readonly #cells: Int32Array;
  readonly #worker: number;
  readonly #pools: SharedRows;
  readonly #servers: SharedRows;

  /** @param worker this thread's column, or -1 on the main thread. */
  constructor(memory: SharedArrayBuffer, workers: number, worker: number, poolSlots = POOL_SLOTS_MAX) {
    this.memory = memory;
    this.workers = workers;
    this.#cells = new Int32Array(memory);
    this.#worker = worker;
    // First one cell a worker, by which it is woken.
    const serversAt = workers + SharedRows.cellsFor(poolSlots, POOL_FIELDS, workers);
    this.#pools = new SharedRows(this.#cells, workers, POOL_FIELDS, workers);
    this.#servers = new SharedRows(this.#cells, serversAt, SERVER_FIELDS, workers);
  }

  static allocate(workers: number, serverSlots: number, poolSlots = POOL_SLOTS_MAX): SharedArrayBuffer {
    const pools = SharedRows.cellsFor(poolSlots, POOL_FIELDS, workers);
    const cells = workers + pools + SharedRows.cellsFor(serverSlots, SERVER_FIELDS, workers);
    return new SharedArrayBuffer(cells * Int32Array.BYTES_PER_ELEMENT);
  }

  /** Requests that wait, over all workers. */
  waiting(pool: number): number {
    return Atomics.load(this.#cells, this.#pools.at(pool, WAITING_FIELD));
  }

  /** One more that waits; undefined, and nothing done, where `depth` wait already. Otherwise its ticket. */
  enter(pool: number, depth: number): number | undefined {
    const at = this.#pools.at(pool, WAITING_FIELD);
    for (let seen = Atomics.load(this.#cells, at); seen < depth; ) {
      const found = Atomics.compareExchange(this.#cells, at, seen, seen + 1);
      if (found === seen) {
        Atomics.add(this.#cells, this.#pools.ownAt(pool, OWN_WAITING_FIELD, this.#worker), 1);
        // 0 says that nobody waits.
        return Atomics.add(this.#cells, this.#pools.at(pool, TICKET_FIELD), 1) || this.#nextTicket(pool);
      }
      seen = found;
    }
    return undefined;
  }

  leave(pool: number): void {
    Atomics.sub(this.#cells, this.#pools.at(pool, WAITING_FIELD), 1);
    Atomics.sub(this.#cells, this.#pools.ownAt(pool, OWN_WAITING_FIELD, this.#worker), 1);
  }

  /** The ticket of this worker's first request for a server, or for any; 0 where none waits. */
  setFirst(pool: number, server: number, ticket: number): void {
    Atomics.store(this.#cells, this.#firstAt(pool, server, this.#worker), ticket);
  }

  /** The worker that holds the oldest request which would take a place at the server, or {@link NO_WORKER}. */
  firstFor(pool: number, server: number): number {
    let first = NO_WORKER;
    let oldest = 0;
    for (let worker = 0; worker < this.workers; worker++) {
      for (const target of [server, ANY_SERVER]) {
        const ticket = Atomics.load(this.#cells, this.#firstAt(pool, target, worker));
        if (ticket === 0 || (oldest !== 0 && !isOlder(ticket, oldest))) continue;
        oldest = ticket;
        first = worker;
      }
    }
    return first;
  }

  /** Whether a request waits that comes before one with this ticket; 0: before one that has none yet. */
  isAwaited(pool: number, server: number, ticket: number): boolean {
    if (this.waiting(pool) === 0) return false;
    for (let worker = 0; worker < this.workers; worker++) {
      for (const target of [server, ANY_SERVER]) {
        const other = Atomics.load(this.#cells, this.#firstAt(pool, target, worker));
        if (other !== 0 && (ticket === 0 || isOlder(other, ticket))) return true;
      }
    }
    return false;
  }

  /** Wakes a worker: it may be its turn. */
  signal(worker: number): void {
    Atomics.add(this.#cells, worker, 1);
    Atomics.notify(this.#cells, worker);
  }

  /** Wakes every other worker on which requests of the pool wait. */
  signalOthers(pool: number): void {
    for (let worker = 0; worker < this.workers; worker++) {
      if (worker === this.#worker) continue;
      if (Atomics.load(this.#cells, this.#pools.ownAt(pool, OWN_WAITING_FIELD, worker)) > 0)
        this.signal(worker);
    }
  }

  /** Wakes all: who can take a request may have changed. */
  signalAll(): void {
    for (let worker = 0; worker < this.workers; worker++) this.signal(worker);
  }

  /** Changes with each signal to this worker. */
  get signals(): number {
    return Atomics.load(this.#cells, this.#worker);
  }

  /** Resolves when there are more signals than `seen`; undefined: there are already. */
  nextSignal(seen: number): Promise<unknown> | undefined {
    const wait = Atomics.waitAsync(this.#cells, this.#worker, seen);
    return wait.async ? wait.value : undefined;
  }

  /** Makes a row ready for another pool. Main thread. */
  resetPool(pool: number): void {
    this.#pools.reset(pool);
  }

  /** Makes the cells of a server's slot ready for another server. Main thread. */
  resetServer(server: number): void {
    this.#servers.reset(server);
  }

  /** Takes those that waited on a dead worker out. Main thread, once the worker has exited. */
  releaseWorker(worker: number, poolSlots: number, serverSlots: number): void {
    for (let pool = 0; pool < poolSlots; pool++) {
      Atomics.store(this.#cells, this.#firstAt(pool, ANY_SERVER, worker), 0);
      this.#pools.giveBack(pool, WAITING_FIELD, OWN_WAITING_FIELD, worker);
    }
    for (let server = 0; server < serverSlots; server++)
      Atomics.store(this.#cells, this.#servers.ownAt(server, SERVER_FIRST_FIELD, worker), 0);
    this.signalAll();
  }

  #nextTicket(pool: number): number {
    return Atomics.add(this.#cells, this.#pools.at(pool, TICKET_FIELD), 1);
  }

  #firstAt(pool: number, server: number, worker: number): number {
    return server === ANY_SERVER
      ? this.#pools.ownAt(pool, OWN_FIRST_FIELD, worker)
      : this.#servers.ownAt(server, SERVER_FIRST_FIELD, worker);
  }
}

/** Tickets wrap after four billion; never that many wait. */
function isOlder(ticket: number, other: number): boolean {
  return ((ticket - other) | 0) < 0;
}
