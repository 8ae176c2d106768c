// Random with two choices: two servers are drawn by ratio, and the less loaded of them is taken.

import type { RandomSource } from '../lifecycle/random.ts';
import { NO_SERVER, type Picker, type PickState } from './picker.ts';

/**
 * Nearly as even as looking for the emptiest, and many engines that choose by the same picture do not all run to the same server.
 * A server with part of a share comes up as the first draw only, so that it gets no more than its share by winning comparisons.
 */
export function createRandomOfTwo(ratios: readonly number[], random: RandomSource): Picker {
  const weights = new Float64Array(ratios.length);
  const wholes = new Float64Array(ratios.length);
  const costOf = (index: number, state: PickState): number =>
    (state.load(index) / state.share(index) + 1) / (ratios[index] as number);
  return Object.freeze<Picker>({
    pick(state) {
      let sum = 0;
      let wholeSum = 0;
      for (let index = 0; index < ratios.length; index++) {
        const ratio = ratios[index] as number;
        const share = state.eligible(index) ? state.share(index) : 0;
        weights[index] = ratio * share;
        wholes[index] = share === 1 ? ratio : 0;
        sum += weights[index] as number;
        wholeSum += wholes[index] as number;
      }
      const first = draw(weights, sum * random.fraction());
      if (first === NO_SERVER) return NO_SERVER;
      // Where every server has but a part of its share, all are drawn from again.
      const others = wholeSum > 0 ? wholes : weights;
      const rest = (wholeSum > 0 ? wholeSum : sum) - (others[first] as number);
      others[first] = 0;
      const second = draw(others, rest * random.fraction());
      if (second === NO_SERVER) return first;
      return costOf(second, state) < costOf(first, state) ? second : first;
    },
    loadOf: (index, state) => state.load(index),
    note: () => {},
    byKey: false,
  });
}

/** The place where the weights, added up, pass `at`. */
function draw(weights: Float64Array, at: number): number {
  let left = at;
  let last = NO_SERVER;
  for (let index = 0; index < weights.length; index++) {
    const weight = weights[index] as number;
    if (weight === 0) continue;
    if (left < weight) return index;
    left -= weight;
    // What rounding leaves over belongs to the last one.
    last = index;
  }
  return last;
}
