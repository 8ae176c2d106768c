// The clock: the only place that asks what time it is.

export interface Clock {
  /** For durations: never goes back; its origin means nothing. */
  monotonicMs(): number;
  /** For issue times and records: since 1970; may jump. */
  unixMs(): number;
}

export const systemClock: Clock = Object.freeze({
  monotonicMs: () => performance.now(),
  unixMs: () => Date.now(),
});
