// User: who may use the API, and in which tenants.

import { z } from 'zod';
import { identity, ref, text } from './fields.ts';

/** Avi takes names of directories, too. */
const username = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[A-Za-z0-9.@+\-_]+$/, 'must consist of letters, digits and .@+-_');

export const userRole = z.looseObject({
  all_tenants: z.boolean().default(false),
  role_ref: ref.optional(),
  tenant_ref: ref.optional(),
});

export const user = z.looseObject({
  ...identity,
  /** The user's own where it is absent: `username`. */
  name: identity.name.optional(),
  username,
  full_name: text.optional(),
  email: z.string().max(320).optional(),
  password: z.string().min(1).max(1024).optional(),
  is_active: z.boolean().default(true),
  is_superuser: z.boolean().default(false),
  local: z.boolean().default(true),
  default_tenant_ref: ref.optional(),
  access: z.array(userRole).max(1000).default([]),
});
