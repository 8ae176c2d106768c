// Least connections: the server with the fewest for its ratio; equals take turns.

import type { RandomSource } from '../lifecycle/random.ts';
import { NO_SERVER, type Picker } from './picker.ts';

/** The search begins one place further each time, from a random place: equally loaded servers take turns, and not the same on every worker. */
export function createLeastConnections(ratios: readonly number[], random: RandomSource): Picker {
  let turn = Math.floor(random.fraction() * ratios.length);
  return Object.freeze<Picker>({
    pick(state) {
      let best = NO_SERVER;
      let bestLoad = Number.POSITIVE_INFINITY;
      for (let step = 0; step < ratios.length; step++) {
        const index = (turn + step) % ratios.length;
        if (!state.eligible(index)) continue;
        // The load that it would have with this one more.
        const load = (state.load(index) + 1) / (ratios[index] as number);
        if (load < bestLoad) {
          best = index;
          bestLoad = load;
        }
      }
      if (best !== NO_SERVER) turn = (best + 1) % ratios.length;
      return best;
    },
    loadOf: (index, state) => state.load(index),
    note: () => {},
  });
}
