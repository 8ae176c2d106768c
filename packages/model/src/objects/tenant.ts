// Tenant: a name space of objects.

import { z } from 'zod';
import { identity, text } from './fields.ts';

export const tenant = z.looseObject({
  ...identity,
  description: text.optional(),
  created_by: text.optional(),
  local: z.boolean().default(true),
});
