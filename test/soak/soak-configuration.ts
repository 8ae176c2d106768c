// The configuration of a soak: a virtual service with TLS persistence before plain HTTP/1.1, and one with cookies before TLS and HTTP/2, on the same servers.

import { type Certificate, demoConfiguration } from '@limpet/testkit';
import { cookieProfile } from '../support/cookie-client.ts';
import type { SoakChanges } from './disturbances.ts';
import type { SoakServer } from './soak-server.ts';

/** Their names, in the order of lanes' turns. */
export const virtualServices = ['demo', 'secure'] as const;

const ADDRESS = { addr: '127.0.0.1', type: 'V4' };
/** A machine that is busy is no server that is down. */
const PATIENT = { send_interval: 5, receive_timeout: 4, successful_checks: 1, failed_checks: 2 };
const POOL = {
  // Connections that are kept are no leak, but have to go before the end is looked at.
  conn_pool_properties: { upstream_connpool_conn_idle_tmo: 1000 },
  // Reached now and then: what is above it waits.
  max_concurrent_connections_per_server: 10,
  request_queue_enabled: true,
  request_queue_depth: 1000,
};

export function soakConfiguration(
  certificate: Certificate,
  servers: readonly SoakServer[],
  { servers: changes = [], persistenceProfile = {} }: SoakChanges = {},
): Record<string, unknown[]> {
  const listed = servers.flatMap((server, index) => {
    const change = changes[index] ?? {};
    return change === 'absent' ? [] : [{ server, ...change }];
  });
  return demoConfiguration({
    port: 0,
    servers: listed.map(({ server: { name, port }, ...change }) => ({ name, port, ...change })),
    certificate: certificate.certificatePem,
    key: certificate.privateKeyPem,
    pool: POOL,
    persistenceProfile,
    healthMonitor: PATIENT,
    objects: {
      VirtualService: [
        {
          name: 'secure',
          vsvip_ref: 'demo-vip',
          services: [{ port: 0, enable_ssl: true, enable_http2: true }],
          pool_ref: 'secure-pool',
          application_profile_ref: 'demo-http',
          ssl_profile_ref: 'demo-tls',
          ssl_key_and_certificate_refs: ['demo-certificate'],
        },
      ],
      Pool: [
        {
          name: 'secure-pool',
          lb_algorithm: 'LB_ALGORITHM_LEAST_CONNECTIONS',
          servers: listed.map(({ server: { name, securePort }, ...change }) => ({
            ...{ description: name, ip: ADDRESS, port: securePort },
            ...change,
          })),
          application_persistence_profile_ref: 'secure-persistence',
          health_monitor_refs: ['demo-health-tls'],
          enable_http2: true,
          ssl_profile_ref: 'System-Standard',
          ...POOL,
        },
      ],
      HealthMonitor: [
        {
          name: 'demo-health-tls',
          type: 'HEALTH_MONITOR_HTTPS',
          ...PATIENT,
          https_monitor: {
            http_request: 'GET /health HTTP/1.0',
            http_response_code: ['HTTP_2XX'],
            ssl_attributes: { ssl_profile_ref: 'System-Standard' },
          },
        },
      ],
      ApplicationPersistenceProfile: [{ name: 'secure-persistence', ...cookieProfile('SECURE') }],
    },
  });
}
