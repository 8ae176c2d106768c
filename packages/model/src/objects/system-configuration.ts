// SystemConfiguration: how the API is reached and used.

import { z } from 'zod';
import { count, singleton } from './fields.ts';

export const portalConfiguration = z.looseObject({
  allow_basic_authentication: z.boolean().default(false),
  /** Hours after which a session ends, however busy. */
  api_force_timeout: count(1, 24).default(24),
  minimum_password_length: count(6, 32).default(8),
  password_strength_check: z.boolean().default(false),
  use_uuid_from_input: z.boolean().default(false),
});

export const systemConfiguration = z.looseObject({
  ...singleton,
  portal_configuration: portalConfiguration.prefault({}),
});
