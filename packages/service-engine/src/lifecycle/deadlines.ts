// Deadlines: one timer wheel for every wait of a thread.

import type { Clock } from './clock.ts';
import { throwApart } from './throw-apart.ts';

/** A wait with an end. All its methods may be called at any time, also after it expired. */
export interface Deadline {
  /** Waits anew from now, as long as before or as long as is said; also after it expired or was cancelled. */
  restart(afterMs?: number): void;
  cancel(): void;
}

/** Calls back every `intervalMs` until stopped; a parameter so that tests can drive time. */
export type Ticker = (onTick: () => void, intervalMs: number) => { stop(): void };

const TICK_MS = 50;
const SLOTS = 512;

const NOWHERE = -1;

/** What an entry needs of the wheel that it is on. */
interface Wheel {
  insert(entry: Entry): void;
  remove(entry: Entry): void;
}

// A class, not an object with closures: every connection and every request has one.
class Entry implements Deadline {
  readonly #wheel: Wheel;
  afterMs: number;
  readonly onExpire: () => void;
  /** The tick at which it expires; several turns of the wheel ahead, if need be. */
  dueTick = 0;
  previous: Entry | undefined;
  next: Entry | undefined;
  slot = NOWHERE;

  constructor(wheel: Wheel, afterMs: number, onExpire: () => void) {
    this.#wheel = wheel;
    this.afterMs = afterMs;
    this.onExpire = onExpire;
  }

  restart(afterMs?: number): void {
    if (afterMs !== undefined) this.afterMs = afterMs;
    this.#wheel.remove(this);
    this.#wheel.insert(this);
  }

  cancel(): void {
    this.#wheel.remove(this);
  }
}

/** Ticks by the system's own timer. */
export const intervalTicker: Ticker = (onTick, intervalMs) => {
  const timer = setInterval(onTick, intervalMs);
  return { stop: () => clearInterval(timer) };
};

/**
 * A hashed wheel of 50 ms slots with linked lists in them: start, restart and cancel cost the same however many deadlines there are. A deadline
 * never fires early, and at most two ticks late: one until its slot's turn, one until the timer looks. The timer beneath runs only while there is a deadline.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #ticker: Ticker;
  readonly #slots: (Entry | undefined)[] = new Array<Entry | undefined>(SLOTS).fill(undefined);
  readonly #originMs: number;
  #tick = 0;
  #size = 0;
  #timer: { stop(): void } | undefined;
  readonly #wheel: Wheel = {
    insert: (entry) => this.#insert(entry),
    remove: (entry) => this.#remove(entry),
  };

  constructor(clock: Clock, ticker: Ticker = intervalTicker) {
    this.#clock = clock;
    this.#ticker = ticker;
    this.#originMs = clock.monotonicMs();
  }

  /** Deadlines that wait. */
  get size(): number {
    return this.#size;
  }

  /** An exception of `onExpire` is thrown again outside the wheel, so that the other deadlines fire. */
  start(afterMs: number, onExpire: () => void): Deadline {
    const entry = new Entry(this.#wheel, afterMs, onExpire);
    this.#insert(entry);
    return entry;
  }

  /** Cancels everything. */
  stop(): void {
    for (const head of this.#slots) {
      for (let entry = head; entry !== undefined; ) {
        const { next } = entry;
        this.#remove(entry);
        entry = next;
      }
    }
    this.#timer?.stop();
    this.#timer = undefined;
  }

  #insert(entry: Entry): void {
    if (this.#timer === undefined) {
      this.#tick = this.#tickNow();
      this.#timer = this.#ticker(() => this.#advance(), TICK_MS);
    }
    const dueMs = this.#clock.monotonicMs() - this.#originMs + Math.max(0, entry.afterMs);
    entry.dueTick = Math.max(this.#tick + 1, Math.ceil(dueMs / TICK_MS));
    const slot = entry.dueTick % SLOTS;
    const head = this.#slots[slot];
    entry.slot = slot;
    entry.previous = undefined;
    entry.next = head;
    if (head !== undefined) head.previous = entry;
    this.#slots[slot] = entry;
    this.#size++;
  }

  #remove(entry: Entry): void {
    if (entry.slot === NOWHERE) return;
    if (this.#slots[entry.slot] === entry) this.#slots[entry.slot] = entry.next;
    if (entry.previous !== undefined) entry.previous.next = entry.next;
    if (entry.next !== undefined) entry.next.previous = entry.previous;
    entry.slot = NOWHERE;
    entry.previous = undefined;
    entry.next = undefined;
    this.#size--;
  }

  #tickNow(): number {
    return Math.floor((this.#clock.monotonicMs() - this.#originMs) / TICK_MS);
  }

  #advance(): void {
    const now = this.#tickNow();
    // After a long stop of the process every slot is visited once, not once a tick.
    const first = Math.max(this.#tick + 1, now - SLOTS + 1);
    // Before the loop: what a deadline starts as it fires must not land in a slot that was visited, a whole turn late.
    this.#tick = Math.max(this.#tick, now);
    for (let tick = first; tick <= now; tick++) this.#expireSlot(tick % SLOTS, now);
    if (this.#size === 0) {
      this.#timer?.stop();
      this.#timer = undefined;
    }
  }

  #expireSlot(slot: number, nowTick: number): void {
    const due: Entry[] = [];
    for (let entry = this.#slots[slot]; entry !== undefined; entry = entry.next) {
      if (entry.dueTick <= nowTick) due.push(entry);
    }
    for (const entry of due) {
      // One that fires may cancel or restart another of the same slot.
      if (entry.slot !== slot || entry.dueTick > nowTick) continue;
      this.#remove(entry);
      try {
        entry.onExpire();
      } catch (error) {
        throwApart(error);
      }
    }
  }
}
