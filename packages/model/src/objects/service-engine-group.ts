// ServiceEngineGroup: engines that virtual services are placed on, and over how many of them each is spread.

import { z } from 'zod';
import { count, identity, ref, text } from './fields.ts';

export const serviceEngineGroup = z.looseObject({
  ...identity,
  description: text.optional(),
  cloud_ref: ref.optional(),
  algo: z.enum(['PLACEMENT_ALGO_PACKED', 'PLACEMENT_ALGO_DISTRIBUTED']).default('PLACEMENT_ALGO_PACKED'),
  ha_mode: z
    .enum(['HA_MODE_SHARED_PAIR', 'HA_MODE_SHARED', 'HA_MODE_LEGACY_ACTIVE_STANDBY'])
    .default('HA_MODE_SHARED'),
  min_scaleout_per_vs: count(1, 64).default(1),
  max_scaleout_per_vs: count(1, 64).default(4),
  max_vs_per_se: count(1, 1000).default(10),
});
