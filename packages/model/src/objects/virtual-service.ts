// VirtualService: addresses and ports that clients reach, and what serves them.

import { z } from 'zod';
import { parseIpPrefix } from '../ip-prefix.ts';
import { count, countOrZero, identity, ref, text } from './fields.ts';
import { vip } from './vs-vip.ts';

export const service = z.looseObject({
  port: count(0, 65_535),
  port_range_end: countOrZero(1, 65_535).optional(),
  enable_ssl: z.boolean().default(false),
  enable_http2: z.boolean().default(false),
  /** Ours: Avi takes no PROXY protocol from clients. Addresses and prefixes whose connections begin with such a header. */
  limpet_proxy_protocol_sources: z
    .array(
      z
        .string()
        .refine(
          (text) => parseIpPrefix(text) !== undefined,
          'must be an address or a prefix such as 10.0.0.0/8',
        ),
    )
    .max(256)
    .default([]),
});

export const virtualService = z.looseObject({
  ...identity,
  description: text.optional(),
  created_by: text.optional(),
  enabled: z.boolean().default(true),
  type: z.enum(['VS_TYPE_NORMAL', 'VS_TYPE_VH_PARENT', 'VS_TYPE_VH_CHILD']).default('VS_TYPE_NORMAL'),
  services: z.array(service).max(2048).default([]),
  pool_ref: ref.optional(),
  vsvip_ref: ref.optional(),
  vip: z.array(vip).max(64).default([]),
  ssl_profile_ref: ref.optional(),
  ssl_key_and_certificate_refs: z.array(ref).max(16).default([]),
  application_profile_ref: ref.optional(),
  vh_parent_vs_ref: ref.optional(),
  vh_domain_name: z.array(z.string().min(1).max(255)).max(1000).default([]),
  vh_type: z.enum(['VS_TYPE_VH_SNI', 'VS_TYPE_VH_ENHANCED']).default('VS_TYPE_VH_SNI'),
});
