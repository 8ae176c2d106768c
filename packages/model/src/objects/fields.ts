// Fields that the schemas of several objects share.

import { z } from 'zod';

/** A reference to an object, by name or in any form of Avi's API. */
export const ref = z.string().min(1).max(1024);
export const text = z.string().max(65_536);
export const count = (min: number, max: number) => z.int().min(min).max(max);
/** A number in a range, or 0 with a meaning of its own. */
export const countOrZero = (min: number, max: number) =>
  z.int().refine((value) => value === 0 || (value >= min && value <= max), `must be 0 or ${min} to ${max}`);

/** What every object has. */
export const identity = {
  // Avi allows letters, digits, space and .@+-_ in names.
  name: z
    .string()
    .min(1)
    .max(255)
    .regex(/^[A-Za-z0-9 .@+\-_]+$/, 'must consist of letters, digits, space and .@+-_'),
  uuid: z.string().min(1).max(255).optional(),
  url: z.string().optional(),
  _last_modified: z.string().optional(),
  tenant_ref: ref.optional(),
};

/** What an object has of which there is one, and which has no name of its own. */
export const singleton = {
  uuid: identity.uuid,
  url: identity.url,
  _last_modified: identity._last_modified,
  tenant_ref: identity.tenant_ref,
};

export const ipAddr = z.looseObject({ addr: z.string().min(1), type: z.enum(['V4', 'V6', 'DNS']) });
