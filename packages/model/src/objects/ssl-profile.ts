// SSLProfile: versions, ciphers and sessions of TLS.

import { z } from 'zod';
import { count, identity, text } from './fields.ts';

export const sslProfile = z.looseObject({
  ...identity,
  description: text.optional(),
  type: z
    .enum(['SSL_PROFILE_TYPE_APPLICATION', 'SSL_PROFILE_TYPE_SYSTEM'])
    .default('SSL_PROFILE_TYPE_APPLICATION'),
  accepted_versions: z
    .array(
      z.looseObject({
        type: z.enum([
          'SSL_VERSION_SSLV3',
          'SSL_VERSION_TLS1',
          'SSL_VERSION_TLS1_1',
          'SSL_VERSION_TLS1_2',
          'SSL_VERSION_TLS1_3',
        ]),
      }),
    )
    .default([{ type: 'SSL_VERSION_TLS1_2' }, { type: 'SSL_VERSION_TLS1_3' }]),
  accepted_ciphers: z.string().min(1).max(4096).default('AES:3DES:RC4'),
  ciphersuites: z
    .string()
    .max(4096)
    .default('TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256'),
  ec_named_curve: z.string().min(1).max(1024).default('auto'),
  signature_algorithm: z.string().min(1).max(1024).default('auto'),
  prefer_client_cipher_ordering: z.boolean().default(false),
  enable_ssl_session_reuse: z.boolean().default(true),
  // RFC 8446 §4.6.1: a ticket lives at most seven days.
  ssl_session_timeout: count(1, 604_800).default(86_400),
});
