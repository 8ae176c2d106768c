// The capacity of an engine: how many places its memory has for connections and their streams, over all its workers, and what happens to one too many.

import type { Socket } from 'node:net';
import type { Clock } from '../lifecycle/clock.ts';

const TAKEN_CELL = 0;
const FULL_CELL = 1;
const REFUSED_CELL = 2;
const TOTAL_CELLS = 3;

/** Once full, the engine is said to have room again when this share of the places is taken. */
const ROOM_SHARE = 0.9;
/** A handshake that takes longer makes way where places are scarce; from another continent it takes about as long. */
const GREETING_MS = 500;

export interface CapacityListener {
  /** The first refusal since there was room. */
  onFull(): void;
  /** There is room again. */
  onRoom(refused: number): void;
}

/**
 * Every accepted socket takes a place until it is closed, so that descriptors and memory are what is counted. Where there is none, the
 * connection of this worker that has been in its handshake for longest gives its own; else the new one is reset. Nobody whose handshake is done
 * is touched.
 */
export class ConnectionCapacity {
  readonly #cells: Int32Array;
  readonly #limit: number;
  readonly #worker: number;
  readonly #clock: Clock;
  readonly #listener: CapacityListener;
  /** Whose handshake is not done, with the time of their accept; oldest first. */
  readonly #greeting = new Map<Socket, number>();
  readonly #gaveWay = new WeakSet<Socket>();

  constructor(
    memory: SharedArrayBuffer,
    limit: number,
    worker: number,
    clock: Clock,
    listener: CapacityListener,
  ) {
    this.#cells = new Int32Array(memory);
    this.#limit = limit;
    this.#worker = worker;
    this.#clock = clock;
    this.#listener = listener;
  }

  static allocate(workers: number): SharedArrayBuffer {
    return new SharedArrayBuffer((TOTAL_CELLS + workers) * Int32Array.BYTES_PER_ELEMENT);
  }

  /** Places that are taken, over all workers. */
  static taken(memory: SharedArrayBuffer): number {
    return Atomics.load(new Int32Array(memory), TAKEN_CELL);
  }

  /** Takes out what a dead worker held. Main thread, once the worker has exited. */
  static releaseWorker(memory: SharedArrayBuffer, worker: number): void {
    const cells = new Int32Array(memory);
    Atomics.sub(cells, TAKEN_CELL, Atomics.exchange(cells, TOTAL_CELLS + worker, 0));
  }

  /** False: it was reset. */
  admit(socket: Socket): boolean {
    if (!this.#tryTake() && !this.#takeOver()) {
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
    if (this.#tryTake()) return true;
    this.#noteRefused();
    return false;
  }

  giveStreamBack(): void {
    this.#giveBack();
  }

  #noteRefused(): void {
    Atomics.add(this.#cells, REFUSED_CELL, 1);
    if (Atomics.exchange(this.#cells, FULL_CELL, 1) === 0) this.#listener.onFull();
  }

  #tryTake(): boolean {
    for (let seen = Atomics.load(this.#cells, TAKEN_CELL); seen < this.#limit; ) {
      const found = Atomics.compareExchange(this.#cells, TAKEN_CELL, seen, seen + 1);
      if (found === seen) {
        const at = TOTAL_CELLS + this.#worker;
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
    if (!this.#gaveWay.has(socket)) this.#giveBack();
  }

  #giveBack(): void {
    const at = TOTAL_CELLS + this.#worker;
    const taken = Atomics.sub(this.#cells, TAKEN_CELL, 1) - 1;
    this.#cells[at] = (this.#cells[at] as number) - 1;
    if (Atomics.load(this.#cells, FULL_CELL) === 0 || taken > this.#limit * ROOM_SHARE) return;
    if (Atomics.exchange(this.#cells, FULL_CELL, 0) === 1)
      this.#listener.onRoom(Atomics.exchange(this.#cells, REFUSED_CELL, 0));
  }
}

const IGNORE = (): void => {};
