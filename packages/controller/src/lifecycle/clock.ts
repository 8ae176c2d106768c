// The clock: the only place of the Controller that asks what time it is.

export interface Clock {
  /** For durations: never goes back; its origin means nothing. */
  monotonicMs(): number;
  /** For records and expiry dates: since 1970; may jump. */
  unixMs(): number;
}

export const systemClock: Clock = Object.freeze({
  monotonicMs: () => performance.now(),
  unixMs: () => Date.now(),
});
