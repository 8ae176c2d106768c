// The clock: the only place that asks what time it is.

import { hrtime } from 'node:process';

export interface Clock {
  /** For durations: never goes back; its origin means nothing, but is the same on all threads of a process. */
  monotonicMs(): number;
  /** For issue times and records: since 1970; may jump. */
  unixMs(): number;
}

// performance.now() begins at 0 on each thread, so that times in shared memory would mean something else to a worker that was started later.
const originMs = Number(hrtime.bigint()) / 1e6 - performance.now();

export const systemClock: Clock = Object.freeze({
  monotonicMs: () => originMs + performance.now(),
  unixMs: () => Date.now(),
});
