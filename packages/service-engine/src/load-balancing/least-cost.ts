// The cheapest server: what least connections and fastest response have in common, and where a server with part of a share is held back.

import type { RandomSource } from '../lifecycle/random.ts';
import { NO_SERVER, type PickState } from './picker.ts';

/** What one more connection or request costs at a server; the least is chosen. */
export type Cost = (index: number, ratio: number, share: number, state: PickState) => number;

/**
 * A server that has just come up is empty, and so is one that drops what it gets: the least cost would send everybody there. Therefore chance gives the turn to a server with
 * part of a share, as often as its share says, and it is taken then only if it is no dearer than the best of the others.
 *
 * The search begins one place further each time, from a random place: equal servers take turns, and not the same on every worker.
 */
export function createLeastCost(
  ratios: readonly number[],
  random: RandomSource,
  costOf: Cost,
): (state: PickState) => number {
  const count = ratios.length;
  let turn = Math.floor(random.fraction() * count);

  const costAt = (index: number, state: PickState): number =>
    costOf(index, ratios[index] as number, state.share(index), state);

  /** Among the servers with part of a share, the one whose weight covers `at`. */
  const partialAt = (state: PickState, at: number): number => {
    let left = at;
    for (let index = 0; index < count; index++) {
      const share = state.eligible(index) ? state.share(index) : 1;
      if (share === 1) continue;
      left -= (ratios[index] as number) * share;
      if (left < 0) return index;
    }
    return NO_SERVER;
  };

  return (state) => {
    let best = NO_SERVER;
    let bestCost = Number.POSITIVE_INFINITY;
    let partial = NO_SERVER;
    let partialCost = Number.POSITIVE_INFINITY;
    let weights = 0;
    let partialWeights = 0;
    for (let step = 0, index = turn; step < count; step++, index = index + 1 === count ? 0 : index + 1) {
      if (!state.eligible(index)) continue;
      const ratio = ratios[index] as number;
      const share = state.share(index);
      const cost = costOf(index, ratio, share, state);
      weights += ratio * share;
      if (share === 1) {
        if (cost >= bestCost) continue;
        best = index;
        bestCost = cost;
      } else {
        partialWeights += ratio * share;
        if (cost >= partialCost) continue;
        partial = index;
        partialCost = cost;
      }
    }
    if (best === NO_SERVER) {
      best = partial;
    } else if (partialWeights > 0) {
      const drawn = partialAt(state, random.fraction() * weights);
      if (drawn !== NO_SERVER && costAt(drawn, state) <= bestCost) best = drawn;
    }
    if (best !== NO_SERVER) turn = best + 1 === count ? 0 : best + 1;
    return best;
  };
}
