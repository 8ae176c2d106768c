// Cluster: the Controllers. There is one.

import { z } from 'zod';
import { identity, ipAddr, singleton } from './fields.ts';

export const clusterNode = z.looseObject({
  name: identity.name.default('node1'),
  ip: ipAddr,
  vm_hostname: z.string().max(255).optional(),
});

export const cluster = z.looseObject({
  ...singleton,
  name: identity.name.default('cluster-0-1'),
  nodes: z.array(clusterNode).max(1).default([]),
});
