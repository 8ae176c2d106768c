// ApplicationPersistenceProfile: how a pool keeps a client on its server.

import { z } from 'zod';
import { countOrZero, identity, text } from './fields.ts';

export const httpCookiePersistenceProfile = z.looseObject({
  // RFC 6265 §4.1.1: a token.
  cookie_name: z
    .string()
    .max(128)
    .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, 'must be a token (RFC 6265 §4.1.1)')
    .optional(),
  /** Minutes; 0 is none. */
  timeout: countOrZero(1, 14_400).default(0),
  always_send_cookie: z.boolean().default(false),
  http_only: z.boolean().default(false),
  is_persistent_cookie: z.boolean().default(false),
});

export const applicationPersistenceProfile = z.looseObject({
  ...identity,
  description: text.optional(),
  persistence_type: z
    .enum([
      'PERSISTENCE_TYPE_CLIENT_IP_ADDRESS',
      'PERSISTENCE_TYPE_HTTP_COOKIE',
      'PERSISTENCE_TYPE_TLS',
      'PERSISTENCE_TYPE_CLIENT_IPV6_ADDRESS',
      'PERSISTENCE_TYPE_CUSTOM_HTTP_HEADER',
      'PERSISTENCE_TYPE_APP_COOKIE',
      'PERSISTENCE_TYPE_GSLB_SITE',
    ])
    .default('PERSISTENCE_TYPE_CLIENT_IP_ADDRESS'),
  server_hm_down_recovery: z
    .enum(['HM_DOWN_PICK_NEW_SERVER', 'HM_DOWN_ABORT_CONNECTION', 'HM_DOWN_CONTINUE_PERSISTENT_SERVER'])
    .default('HM_DOWN_PICK_NEW_SERVER'),
  http_cookie_persistence_profile: httpCookiePersistenceProfile.optional(),
});
