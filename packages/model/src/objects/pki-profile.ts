// PKIProfile: the authorities whose certificates are trusted, and what they have revoked.

import { z } from 'zod';
import { count, identity, text } from './fields.ts';

const pem = z.string().min(1).max(1_048_576);

export const pkiProfile = z.looseObject({
  ...identity,
  created_by: text.optional(),
  ca_certs: z
    .array(z.looseObject({ certificate: pem }))
    .max(1000)
    .default([]),
  crls: z
    .array(z.looseObject({ body: z.string().min(1).max(16_777_216) }))
    .max(1000)
    .default([]),
  crl_check: z.boolean().default(true),
  ignore_peer_chain: z.boolean().default(false),
  validate_only_leaf_crl: z.boolean().default(true),
  /** Ours, Avi has none: certificates of authorities that may stand above a client's, the root included. */
  limpet_chain_depth_max: count(1, 10).default(5),
});
