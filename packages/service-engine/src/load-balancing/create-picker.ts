// From the name of an algorithm to its picker.

import type { LbAlgorithm, ServerSnapshot } from '@limpet/model';
import type { Clock } from '../lifecycle/clock.ts';
import type { RandomSource } from '../lifecycle/random.ts';
import { createConsistentHash } from './consistent-hash.ts';
import { createFastestResponse } from './fastest-response.ts';
import { createLeastConnections } from './least-connections.ts';
import type { Picker } from './picker.ts';
import { createRandomOfTwo } from './random-of-two.ts';
import type { Rendezvous } from './rendezvous.ts';
import { createRoundRobin } from './round-robin.ts';

export interface PickerServices {
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Of the same servers. */
  readonly rendezvous: Rendezvous;
}

export function createPicker(
  algorithm: LbAlgorithm,
  servers: readonly Pick<ServerSnapshot, 'ratio'>[],
  { clock, random, rendezvous }: PickerServices,
): Picker {
  const ratios = servers.map(({ ratio }) => ratio);
  switch (algorithm) {
    case 'round-robin':
      return createRoundRobin(ratios, clock, random);
    case 'least-connections':
      return createLeastConnections(ratios, random);
    case 'fastest-response':
      return createFastestResponse(ratios, clock, random);
    case 'random-of-two':
      return createRandomOfTwo(ratios, random);
    case 'consistent-hash':
      return createConsistentHash(ratios, rendezvous);
  }
}
