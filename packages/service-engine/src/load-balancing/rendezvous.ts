// Weighted rendezvous hashing: an order of servers for a key on which all engines agree without talking.

import { createHash } from 'node:crypto';
import type { ServerSnapshot } from '@limpet/model';
import { NO_SERVER } from './picker.ts';

export interface Rendezvous {
  /**
   * The eligible server at `position` in the order of the key (counted over eligible ones, round and round), or {@link NO_SERVER}. Depends on server ids and
   * ratios alone, not on the order of the list. A server with part of its share has as much smaller a ratio; as it grows, keys come to it and none goes away.
   */
  pick(
    key: number,
    position: number,
    eligible: (index: number) => boolean,
    share?: (index: number) => number,
  ): number;
}

/** Each server's score is -ratio / ln(u) with u drawn by hash from key and server id; the highest comes first. */
export function createRendezvous(servers: readonly Pick<ServerSnapshot, 'id' | 'ratio'>[]): Rendezvous {
  const seeds = Uint32Array.from(servers, ({ id }) =>
    createHash('sha256').update(id).digest().readUInt32BE(0),
  );
  const ratios = Float64Array.from(servers, ({ ratio }) => ratio);
  const scores = new Float64Array(servers.length);
  return Object.freeze<Rendezvous>({
    pick(key, position, eligible, share) {
      let count = 0;
      let best = NO_SERVER;
      for (let index = 0; index < seeds.length; index++) {
        if (!eligible(index)) {
          scores[index] = Number.NEGATIVE_INFINITY;
          continue;
        }
        count++;
        const ratio = (ratios[index] as number) * (share === undefined ? 1 : share(index));
        scores[index] = score(key, seeds[index] as number, ratio);
        if (best === NO_SERVER || (scores[index] as number) > (scores[best] as number)) best = index;
      }
      const steps = count === 0 ? 0 : position % count;
      for (let step = 0; step < steps; step++) {
        scores[best] = Number.NEGATIVE_INFINITY;
        best = highest(scores);
      }
      return best;
    },
  });
}

function highest(scores: Float64Array): number {
  let best = 0;
  for (let index = 1; index < scores.length; index++) {
    if ((scores[index] as number) > (scores[best] as number)) best = index;
  }
  return best;
}

/** Math.log of one V8 is that of another: it is compiled from the same portable source, so engines agree to the bit. */
function score(key: number, seed: number, ratio: number): number {
  const unit = (mix(seed ^ Math.imul(key + 1, 0x9e3779b1)) + 0.5) / 2 ** 32;
  return -ratio / Math.log(unit);
}

/** A bijection of 32 bits in which each bit of the input changes half of the output (two rounds of multiply and xor-shift). */
function mix(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x21f0aaad);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed, 0x735a2d97);
  mixed ^= mixed >>> 15;
  return mixed >>> 0;
}
