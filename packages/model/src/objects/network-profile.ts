// NetworkProfile: how connections with clients are carried; the kernel of the engine's host decides nearly all of it.

import { z } from 'zod';
import { identity, text } from './fields.ts';

export const networkProfileUnion = z.looseObject({
  type: z.enum([
    'PROTOCOL_TYPE_TCP_PROXY',
    'PROTOCOL_TYPE_TCP_FAST_PATH',
    'PROTOCOL_TYPE_UDP_FAST_PATH',
    'PROTOCOL_TYPE_UDP_PROXY',
  ]),
});

export const networkProfile = z.looseObject({
  ...identity,
  description: text.optional(),
  profile: networkProfileUnion,
});
