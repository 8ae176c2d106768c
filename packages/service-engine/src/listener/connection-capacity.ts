// The capacity of an engine: how many connections it may hold, and how many places its memory has for them and their streams, over all its workers; and what happens to one too many.

import type { Socket } from 'node:net';
import type { Clock } from '../lifecycle/clock.ts';

const CONNECTIONS_CELL = 0;
const PLACES_CELL = 1;
const FULL_CELL = 2;
const REFUSED_CELL = 3;
const TOTAL_CELLS = 4;
/** What each worker holds of the first two. */
const CELLS_PER_WORKER = 2;

/** Once full, the engine is said to have room again when this share of the connections and of the places is taken. */
const ROOM_SHARE = 0.9;
/** A handshake that takes longer makes way where places are scarce; from another continent it takes about as long. */
const GREETING_MS = 500;

/** What an engine has no more of. */
export type CapacityBound = 'memory' | 'descriptors';

export interface CapacityLimits {
  /** At most as many as places; fewer where the descriptors do not suffice for more. */
  readonly connections: number;
  /** For connections and for streams beside the first of one. A stream costs no descriptor but the server's, and waits for that by itself. */
  readonly places: number;
}

export interface CapacityListener {
  /** The first refusal since there was room. */
  onFull(boundBy: CapacityBound): void;
  /** There is room again. */
  onRoom(refused: number): void;
}

/**
 * Every accepted socket counts as a connection and takes a place until it is closed, so that descriptors and memory are what is counted. Where there
 * is none, the connection of this worker that has been in its handshake for longest gives its own; else the new one is reset. Nobody whose handshake is done
 * is touched.
 */
export class ConnectionCapacity {
  readonly #cells: Int32Array;
  readonly #limits: CapacityLimits;
  readonly #worker: number;
  readonly #clock: Clock;
  readonly #listener: CapacityListener;
  /** Whose handshake is not done, with the time of their accept; oldest first. */
  readonly #greeting = new Map<Socket, number>();
  readonly #gaveWay = new WeakSet<Socket>();

  constructor(
    memory: SharedArrayBuffer,
    limits: CapacityLimits,
    worker: number,
    clock: Clock,
    listener: CapacityListener,
  ) {
    this.#cells = new Int32Array(memory);
    this.#limits = limits;
    this.#worker = worker;
    this.#clock = clock;
    this.#listener = listener;
  }

  static allocate(workers: number): SharedArrayBuffer {
    return new SharedArrayBuffer((TOTAL_CELLS + CELLS_PER_WORKER * workers) * Int32Array.BYTES_PER_ELEMENT);
  }

  /** Places that are taken, over all workers. */
  static taken(memory: SharedArrayBuffer): number {
    return Atomics.load(new Int32Array(memory), PLACES_CELL);
  }

  /** Takes out what a dead worker held. Main thread, once the worker has exited. */
  static releaseWorker(memory: SharedArrayBuffer, worker: number): void {
    const cells = new Int32Array(memory);
    for (const cell of [CONNECTIONS_CELL, PLACES_CELL])
      Atomics.sub(cells, cell, Atomics.exchange(cells, ownCell(worker, cell), 0));
  }

  /** False: it was reset. */
  admit(socket: Socket): boolean {
    if (!this.#tryTakeConnection() && !this.#takeOver()) {
      this.#noteRefused();
      socket.on('error', IGNORE);
      socket.resetAndDestroy();
      return false;
    }
    this.#greeting.set(socket, this.#clock.monotonicMs());
    socket.once('close', () => this.#onClose(socket));
    return true;
  }

  /** Its handshake is done: it gives way to no other from now on. */
  greeted(socket: Socket): void {
    this.#greeting.delete(socket);
  }

  /**
   * Of one stream beside the first of its connection: each may wait for its client with as much in memory as a connection has. False: it is to be
   * refused.
   */
  takeStream(): boolean {
    if (this.#tryTake(PLACES_CELL, this.#limits.places)) return true;
    this.#noteRefused();
    return false;
  }

  giveStreamBack(): void {
    this.#giveBack(PLACES_CELL);
    this.#noteRoom();
  }

  #noteRefused(): void {
    Atomics.add(this.#cells, REFUSED_CELL, 1);
    if (Atomics.exchange(this.#cells, FULL_CELL, 1) === 1) return;
    const isMemory = Atomics.load(this.#cells, PLACES_CELL) >= this.#limits.places;
    this.#listener.onFull(isMemory ? 'memory' : 'descriptors');
  }

  #noteRoom(): void {
    const cells = this.#cells;
    if (Atomics.load(cells, FULL_CELL) === 0) return;
    const { connections, places } = this.#limits;
    if (Atomics.load(cells, CONNECTIONS_CELL) > connections * ROOM_SHARE) return;
    if (Atomics.load(cells, PLACES_CELL) > places * ROOM_SHARE) return;
    if (Atomics.exchange(cells, FULL_CELL, 0) === 1)
      this.#listener.onRoom(Atomics.exchange(cells, REFUSED_CELL, 0));
  }

  #tryTakeConnection(): boolean {
    if (!this.#tryTake(CONNECTIONS_CELL, this.#limits.connections)) return false;
    if (this.#tryTake(PLACES_CELL, this.#limits.places)) return true;
    this.#giveBack(CONNECTIONS_CELL);
    return false;
  }

  #tryTake(cell: number, limit: number): boolean {
    for (let seen = Atomics.load(this.#cells, cell); seen < limit; ) {
      const found = Atomics.compareExchange(this.#cells, cell, seen, seen + 1);
      if (found === seen) {
        const at = ownCell(this.#worker, cell);
        this.#cells[at] = (this.#cells[at] as number) + 1;
        return true;
      }
      seen = found;
    }
    return false;
  }

  #takeOver(): boolean {
    const oldest = this.#greeting.entries().next().value;
    if (oldest === undefined || this.#clock.monotonicMs() - oldest[1] < GREETING_MS) return false;
    const [socket] = oldest;
    this.#greeting.delete(socket);
    this.#gaveWay.add(socket);
    // Not reset: Node never closes a socket that is reset while its end is on the way.
    socket.destroy();
    return true;
  }

  #onClose(socket: Socket): void {
    this.#greeting.delete(socket);
    // Another has its place.
    if (this.#gaveWay.has(socket)) return;
    this.#giveBack(PLACES_CELL);
    this.#giveBack(CONNECTIONS_CELL);
    this.#noteRoom();
  }

  #giveBack(cell: number): void {
    const at = ownCell(this.#worker, cell);
    Atomics.sub(this.#cells, cell, 1);
    this.#cells[at] = (this.#cells[at] as number) - 1;
  }
}

/** Where a worker counts its part of a cell of the engine. */
function ownCell(worker: number, cell: number): number {
  return TOTAL_CELLS + CELLS_PER_WORKER * worker + cell;
}

const IGNORE = (): void => {};
