// From the name of an algorithm to its picker.

import type { LbAlgorithm, ServerSnapshot } from '@limpet/model';
import type { Clock } from '../lifecycle/clock.ts';
import type { RandomSource } from '../lifecycle/random.ts';
import { createLeastConnections } from './least-connections.ts';
import type { Picker } from './picker.ts';
import { createRoundRobin } from './round-robin.ts';

export function createPicker(
  algorithm: LbAlgorithm,
  servers: readonly Pick<ServerSnapshot, 'ratio'>[],
  { clock, random }: { readonly clock: Clock; readonly random: RandomSource },
): Picker {
  const ratios = servers.map(({ ratio }) => ratio);
  switch (algorithm) {
    case 'round-robin':
      return createRoundRobin(ratios, clock, random);
    case 'least-connections':
      return createLeastConnections(ratios, random);
  }
}
