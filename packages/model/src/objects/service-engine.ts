// ServiceEngine: an engine that has enrolled, and whether virtual services are placed on it.

import { z } from 'zod';
import { identity, ref } from './fields.ts';

export const serviceEngine = z.looseObject({
  ...identity,
  cloud_ref: ref.optional(),
  se_group_ref: ref.optional(),
  enable_state: z
    .enum([
      'SE_STATE_ENABLED',
      'SE_STATE_DISABLED_FOR_PLACEMENT',
      'SE_STATE_DISABLED',
      'SE_STATE_DISABLED_FORCE',
    ])
    .default('SE_STATE_ENABLED'),
});
