// VsVip: the addresses of a virtual service.

import { z } from 'zod';
import { identity, ipAddr } from './fields.ts';

export const vip = z.looseObject({
  vip_id: z.string().min(1),
  ip_address: ipAddr.optional(),
  ip6_address: ipAddr.optional(),
  enabled: z.boolean().default(true),
});

export const vsVip = z.looseObject({ ...identity, vip: z.array(vip).max(64).default([]) });
