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

  const cheapest = (state: PickState, wholeOnly: boolean): Cheapest => {
    const found = { index: NO_SERVER, cost: Number.POSITIVE_INFINITY, weights: 0, partialWeights: 0 };
    for (let step = 0; step < count; step++) {
      const index = (turn + step) % count;
      if (!state.eligible(index)) continue;
      const ratio = ratios[index] as number;
      const share = state.share(index);
      found.weights += ratio * share;
      if (share < 1) {
        found.partialWeights += ratio * share;
        if (wholeOnly) continue;
      }
      const cost = costOf(index, ratio, share, state);
      if (cost < found.cost) {
        found.index = index;
        found.cost = cost;
      }
    }
    return found;
  };

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
    const whole = cheapest(state, true);
    let best = whole.index;
    if (best === NO_SERVER) {
      best = cheapest(state, false).index;
    } else if (whole.partialWeights > 0) {
      const partial = partialAt(state, random.fraction() * whole.weights);
      if (
        partial !== NO_SERVER &&
        costOf(partial, ratios[partial] as number, state.share(partial), state) <= whole.cost
      )
        best = partial;
    }
    if (best !== NO_SERVER) turn = (best + 1) % count;
    return best;
  };
}

interface Cheapest {
  readonly index: number;
  readonly cost: number;
  /** Of all eligible servers, and of those with part of a share. */
  readonly weights: number;
  readonly partialWeights: number;
}
