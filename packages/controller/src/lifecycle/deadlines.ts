// Deadlines: every wait of the Controller, in one place that can end them all.

/** A wait with an end. All its methods may be called at any time, also after it expired. */
export interface Deadline {
  /** Waits anew from now, as long as before or as long as is said; also after it expired or was cancelled. */
  restart(afterMs?: number): void;
  cancel(): void;
}

/** Calls back once; a parameter so that tests can drive time. Asked for at most {@link TIMER_MAX_MS}. */
export type Timer = (afterMs: number, onExpire: () => void) => { stop(): void };

/** Node's timers take no more and fire at once; a rotation period may be two years. */
export const TIMER_MAX_MS = 2 ** 31 - 1;

export const systemTimer: Timer = (afterMs, onExpire) => {
  const timer = setTimeout(onExpire, afterMs);
  return { stop: () => clearTimeout(timer) };
};

class Entry implements Deadline {
  readonly #timer: Timer;
  readonly #waiting: Set<Entry>;
  readonly #onExpire: () => void;
  #afterMs: number;
  #running: { stop(): void } | undefined;

  constructor(timer: Timer, waiting: Set<Entry>, afterMs: number, onExpire: () => void) {
    this.#timer = timer;
    this.#waiting = waiting;
    this.#afterMs = Math.max(0, afterMs);
    this.#onExpire = onExpire;
  }

  restart(afterMs?: number): void {
    this.cancel();
    if (afterMs !== undefined) this.#afterMs = Math.max(0, afterMs);
    this.#waiting.add(this);
    this.#wait(this.#afterMs);
  }

  cancel(): void {
    this.#running?.stop();
    this.#running = undefined;
    this.#waiting.delete(this);
  }

  #wait(leftMs: number): void {
    const stretchMs = Math.min(leftMs, TIMER_MAX_MS);
    this.#running = this.#timer(stretchMs, () => {
      if (leftMs > stretchMs) {
        this.#wait(leftMs - stretchMs);
        return;
      }
      this.#running = undefined;
      this.#waiting.delete(this);
      this.#onExpire();
    });
  }
}

export class Deadlines {
  readonly #timer: Timer;
  readonly #waiting = new Set<Entry>();

  constructor(timer: Timer = systemTimer) {
    this.#timer = timer;
  }

  /** Deadlines that wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Never fires early. */
  start(afterMs: number, onExpire: () => void): Deadline {
    const entry = new Entry(this.#timer, this.#waiting, afterMs, onExpire);
    entry.restart();
    return entry;
  }

  /** Cancels everything. */
  stop(): void {
    for (const entry of [...this.#waiting]) entry.cancel();
  }
}
