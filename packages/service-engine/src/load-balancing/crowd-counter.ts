// The crowd counter: how many ticketless connections a client key made lately, over all workers, in memory that does not grow.

/** A window of counting. */
export const CROWD_WINDOW_MS = 10_000;

const ROWS = 2;
const CELLS = 1 << 17;
const COUNT_BITS = 12;
const COUNT_MAX = (1 << COUNT_BITS) - 1;
const WINDOW_MASK = (1 << (31 - COUNT_BITS)) - 1;

/**
 * A count-min sketch of two rows in shared memory, 1 MiB. A cell holds the number of its window and a count, so an old cell needs no cleaning. Two keys that
 * meet in a cell add up; one is taken for a crowd only if it meets others in both rows.
 */
export class CrowdCounter {
  readonly #cells: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#cells = new Int32Array(memory);
  }

  static allocate(): SharedArrayBuffer {
    return new SharedArrayBuffer(ROWS * CELLS * Int32Array.BYTES_PER_ELEMENT);
  }

  /** Counts one connection; returns how many the key has made in this window, itself included: never too few, seldom too many. */
  observe([first, second]: readonly [number, number], nowMs: number): number {
    const window = Math.floor(nowMs / CROWD_WINDOW_MS) & WINDOW_MASK;
    return Math.min(this.#count(first % CELLS, window), this.#count(CELLS + (second % CELLS), window));
  }

  #count(at: number, window: number): number {
    // Bounded: another worker that counts in the same cell at the same time makes us try again.
    for (let attempt = 0; attempt < 16; attempt++) {
      const seen = Atomics.load(this.#cells, at);
      const count = seen >> COUNT_BITS === window ? (seen & COUNT_MAX) + 1 : 1;
      const next = (window << COUNT_BITS) | Math.min(count, COUNT_MAX);
      if (Atomics.compareExchange(this.#cells, at, seen, next) === seen) return count;
    }
    return 1;
  }
}
