// Least connections: the server with the fewest for its ratio; equals take turns.

import type { RandomSource } from '../lifecycle/random.ts';
import { createLeastCost } from './least-cost.ts';
import type { Picker } from './picker.ts';

export function createLeastConnections(ratios: readonly number[], random: RandomSource): Picker {
  // The load that it would have with this one more.
  const pick = createLeastCost(
    ratios,
    random,
    (index, ratio, share, state) => (state.load(index) / share + 1) / ratio,
  );
  return Object.freeze<Picker>({
    pick,
    loadOf: (index, state) => state.load(index),
    note: () => {},
    byKey: false,
  });
}
