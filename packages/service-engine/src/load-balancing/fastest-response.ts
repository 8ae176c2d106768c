// Fastest response: the server where one more would be answered soonest, by its recent response time and what waits there already.

import type { Clock } from '../lifecycle/clock.ts';
import type { RandomSource } from '../lifecycle/random.ts';
import { createLeastCost } from './least-cost.ts';
import type { Picker, PickState } from './picker.ts';

/** Below this, and where nothing is known, servers are equally fast: what is left are timers and chance. */
const RESPONSE_MIN_MS = 1;
/** How long the mean that loads are compared by is good for. */
const MEAN_FOR_MS = 100;

export function createFastestResponse(ratios: readonly number[], clock: Clock, random: RandomSource): Picker {
  const pick = createLeastCost(
    ratios,
    random,
    (index, ratio, share, state) => (responseMs(index, state) * (state.load(index) / share + 1)) / ratio,
  );
  let meanMs = RESPONSE_MIN_MS;
  let meanUntilMs = Number.NEGATIVE_INFINITY;
  const refreshMean = (state: PickState): void => {
    const nowMs = clock.monotonicMs();
    if (nowMs < meanUntilMs || ratios.length === 0) return;
    meanUntilMs = nowMs + MEAN_FOR_MS;
    let sum = 0;
    for (let index = 0; index < ratios.length; index++) sum += responseMs(index, state);
    meanMs = sum / ratios.length;
  };
  return Object.freeze<Picker>({
    pick,
    // A connection weighs as much as its server is slower than the average one.
    loadOf(index, state) {
      refreshMean(state);
      return (state.load(index) * responseMs(index, state)) / meanMs;
    },
    note: () => {},
    byKey: false,
  });
}

function responseMs(index: number, state: PickState): number {
  return Math.max(RESPONSE_MIN_MS, state.responseMs(index));
}
