// SSLKeyAndCertificate: a certificate with its chain and private key.

import { z } from 'zod';
import { identity, text } from './fields.ts';

export const sslKeyAndCertificate = z.looseObject({
  ...identity,
  created_by: text.optional(),
  type: z
    .enum(['SSL_CERTIFICATE_TYPE_VIRTUALSERVICE', 'SSL_CERTIFICATE_TYPE_SYSTEM', 'SSL_CERTIFICATE_TYPE_CA'])
    .default('SSL_CERTIFICATE_TYPE_VIRTUALSERVICE'),
  certificate: z.looseObject({ certificate: z.string().min(1).max(1_048_576) }),
  key: z.string().min(1).max(65_536).optional(),
  key_passphrase: z.string().max(1024).optional(),
});
