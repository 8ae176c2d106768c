// Round robin, smooth and by ratio: servers take turns, and a server of ratio 2 does not take its two turns at once.

import type { Clock } from '../lifecycle/clock.ts';
import type { RandomSource } from '../lifecycle/random.ts';
import { NO_SERVER, type Picker } from './picker.ts';

/** After this long without a pick a server's recent picks count for a third. */
const MEMORY_MS = 10_000;

/**
 * Each pick adds its ratio to every eligible server's credit and takes the sum from the one with the most. It starts at a random place, so that workers
 * and engines do not march in step.
 */
export function createRoundRobin(ratios: readonly number[], clock: Clock, random: RandomSource): Picker {
  const credit = new Float64Array(ratios.length);
  for (let index = 0; index < ratios.length; index++)
    credit[index] = random.fraction() * (ratios[index] as number);
  const recent = new Float64Array(ratios.length);
  const recentAtMs = new Float64Array(ratios.length);

  const recentPicks = (index: number): number => {
    const ageMs = clock.monotonicMs() - (recentAtMs[index] as number);
    return (recent[index] as number) * Math.exp(-ageMs / MEMORY_MS);
  };
  const note = (index: number): void => {
    recent[index] = recentPicks(index) + 1;
    recentAtMs[index] = clock.monotonicMs();
  };

  return Object.freeze<Picker>({
    pick(state) {
      let sum = 0;
      let best = NO_SERVER;
      for (let index = 0; index < ratios.length; index++) {
        if (!state.eligible(index)) continue;
        const ratio = (ratios[index] as number) * state.share(index);
        sum += ratio;
        const credited = (credit[index] as number) + ratio;
        credit[index] = credited;
        if (best === NO_SERVER || credited > (credit[best] as number)) best = index;
      }
      if (best === NO_SERVER) return NO_SERVER;
      credit[best] = (credit[best] as number) - sum;
      note(best);
      return best;
    },
    // What round robin balances is the rate of new connections, not how many are open.
    loadOf: recentPicks,
    note,
    byKey: false,
  });
}
