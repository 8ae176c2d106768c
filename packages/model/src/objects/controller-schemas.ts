// The Avi objects that a Controller has beside those of a configuration: what engines and users are, and what it is told of itself.

import { cloud } from './cloud.ts';
import { cluster } from './cluster.ts';
import { controllerProperties } from './controller-properties.ts';
import { networkProfile } from './network-profile.ts';
import { serviceEngine } from './service-engine.ts';
import { serviceEngineGroup } from './service-engine-group.ts';
import { systemConfiguration } from './system-configuration.ts';
import { tenant } from './tenant.ts';
import { user } from './user.ts';

export const controllerSchemas = {
  NetworkProfile: networkProfile,
  Cloud: cloud,
  Cluster: cluster,
  ControllerProperties: controllerProperties,
  ServiceEngine: serviceEngine,
  ServiceEngineGroup: serviceEngineGroup,
  SystemConfiguration: systemConfiguration,
  Tenant: tenant,
  User: user,
} as const;

export type ControllerObjectType = keyof typeof controllerSchemas;

/** Avi's name of the message type of what is nested in an object, by the path below the object. */
export const controllerNestedTypes: Readonly<Record<ControllerObjectType, Readonly<Record<string, string>>>> =
  {
    NetworkProfile: { profile: 'NetworkProfileUnion' },
    Cloud: {},
    Cluster: { 'nodes[]': 'ClusterNode', 'nodes[].ip': 'IpAddr' },
    ControllerProperties: {},
    ServiceEngine: {},
    ServiceEngineGroup: {},
    SystemConfiguration: { portal_configuration: 'PortalConfiguration' },
    Tenant: {},
    User: { 'access[]': 'UserRole' },
  };
