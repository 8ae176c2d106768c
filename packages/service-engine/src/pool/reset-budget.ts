// How often streams to a server may be reset before that has a consequence: a token bucket, and an end.

export interface ResetLimits {
  /** At once. */
  readonly burst: number;
  /** After which one more may be reset. */
  readonly regainMs: number;
  /** However slowly they come. */
  readonly most: number;
}

export class ResetBudget {
  readonly #limits: ResetLimits;
  #left: number;
  #total = 0;
  #countedAtMs: number;

  constructor(limits: ResetLimits, nowMs: number) {
    this.#limits = limits;
    this.#left = limits.burst;
    this.#countedAtMs = nowMs;
  }

  /** One was reset. False: no more may be. */
  take(nowMs: number): boolean {
    const { burst, regainMs, most } = this.#limits;
    const left = Math.min(burst, this.#left + (nowMs - this.#countedAtMs) / regainMs);
    this.#left = Math.max(0, left - 1);
    this.#countedAtMs = nowMs;
    return this.#left >= 1 && ++this.#total < most;
  }
}
