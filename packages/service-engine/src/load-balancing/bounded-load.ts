// Bounded load: how far above its share a server may be and still draw those whose key leads there.

import type { Picker, PickState } from './picker.ts';

/** How far above its share a server may be and still draw clients. */
const LOAD_FACTOR = 1.25;

/**
 * Which servers are eligible and not above 1.25 times their weighted share of the load, plus `slack`. At least one is, if any is eligible: not all can be above the
 * average.
 */
export function belowItsShare(
  state: PickState,
  picker: Pick<Picker, 'loadOf'>,
  ratios: readonly number[],
  slack: number,
): (index: number) => boolean {
  let load = 0;
  let weights = 0;
  for (let index = 0; index < ratios.length; index++) {
    if (!state.eligible(index)) continue;
    load += picker.loadOf(index, state);
    weights += (ratios[index] as number) * state.share(index);
  }
  return (index) => {
    if (!state.eligible(index)) return false;
    const share = (load * (ratios[index] as number) * state.share(index)) / weights;
    return picker.loadOf(index, state) <= LOAD_FACTOR * share + slack;
  };
}
