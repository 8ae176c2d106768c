// Cloud: where engines run. There is one, whose engines are started by an operator.

import { z } from 'zod';
import { identity, text } from './fields.ts';

export const cloud = z.looseObject({
  ...identity,
  description: text.optional(),
  vtype: z
    .enum([
      'CLOUD_NONE',
      'CLOUD_VCENTER',
      'CLOUD_OPENSTACK',
      'CLOUD_AWS',
      'CLOUD_VCA',
      'CLOUD_APIC',
      'CLOUD_MESOS',
      'CLOUD_LINUXSERVER',
      'CLOUD_DOCKER_UCP',
      'CLOUD_RANCHER',
      'CLOUD_OSHIFT_K8S',
      'CLOUD_AZURE',
      'CLOUD_GCP',
      'CLOUD_NSXT',
    ])
    .default('CLOUD_NONE'),
});
