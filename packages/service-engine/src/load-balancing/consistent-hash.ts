// Consistent hash with bounded load: what has the same key goes to the same server, on every engine, as long as that is not overloaded.

import { belowItsShare } from './bounded-load.ts';
import type { Picker } from './picker.ts';
import type { Rendezvous } from './rendezvous.ts';

/** As for first connections: one client may have this many of its own before balance counts. */
const SLACK = 6;

/**
 * The weighted rendezvous order of the key, the first server in it that is not above 1.25 times its share of the load (plus six). A server that leaves or
 * comes moves its own keys and no others, and so does one whose share grows.
 */
export function createConsistentHash(ratios: readonly number[], rendezvous: Rendezvous): Picker {
  const picker: Picker = Object.freeze<Picker>({
    pick: (state) => rendezvous.pick(state.key, 0, belowItsShare(state, picker, ratios, SLACK), state.share),
    loadOf: (index, state) => state.load(index),
    note: () => {},
    byKey: true,
  });
  return picker;
}
