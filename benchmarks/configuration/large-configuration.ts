// A configuration of the size that a fleet has: a thousand HTTPS virtual services, a pool of ten servers for each, and few certificates.

import { createSelfSigned } from '@limpet/testkit';

export type Objects = Record<string, Record<string, unknown>[]>;

export interface LargeConfigurationOptions {
  /** One in two is reached on a port of its own, the others are children of parents, told apart by SNI. */
  readonly virtualServices: number;
  readonly serversPerPool: number;
  readonly certificates: number;
  readonly childrenPerParent: number;
  /** 0: any free port. */
  readonly firstPort: number;
}

export const LARGE: LargeConfigurationOptions = {
  virtualServices: 1000,
  serversPerPool: 10,
  certificates: 20,
  childrenPerParent: 100,
  firstPort: 20_000,
};

export async function largeConfiguration(options: LargeConfigurationOptions = LARGE): Promise<Objects> {
  const { virtualServices, serversPerPool, childrenPerParent, firstPort } = options;
  const certificates = await Promise.all(
    Array.from({ length: options.certificates }, async (_, index) => {
      const made = await createSelfSigned({ dnsNames: [`*.c${index}.example`] });
      return {
        name: `certificate-${index}`,
        certificate: { certificate: made.certificatePem },
        key: made.privateKeyPem,
      };
    }),
  );
  const standing = Math.ceil(virtualServices / 2);
  const parents = Math.ceil((virtualServices - standing) / childrenPerParent);
  const portOf = (index: number): number => (firstPort === 0 ? 0 : firstPort + index);
  const common = (index: number) => ({
    pool_ref: `/api/pool/?name=pool-${index}`,
    application_profile_ref: `/api/applicationprofile/?name=profile-${index % 5}`,
    ssl_profile_ref: '/api/sslprofile/?name=System-Standard',
    ssl_key_and_certificate_refs: [
      `/api/sslkeyandcertificate/?name=certificate-${index % options.certificates}`,
    ],
  });
  const listening = (port: number) => ({
    vsvip_ref: '/api/vsvip/?name=vip',
    services: [{ port, enable_ssl: true, enable_http2: true }],
  });
  return {
    SSLKeyAndCertificate: certificates,
    VsVip: [{ name: 'vip', vip: [{ vip_id: '1', ip_address: { addr: '127.0.0.1', type: 'V4' } }] }],
    ApplicationProfile: Array.from({ length: 5 }, (_, index) => ({
      name: `profile-${index}`,
      type: 'APPLICATION_PROFILE_TYPE_HTTP',
      http_profile: { x_forwarded_proto_enabled: true, keepalive_timeout: 30_000 + index },
    })),
    HealthMonitor: Array.from({ length: 5 }, (_, index) => ({
      name: `monitor-${index}`,
      type: 'HEALTH_MONITOR_HTTP',
      send_interval: 10 + index,
      receive_timeout: 4,
      http_monitor: { http_request: 'GET /health HTTP/1.0', http_response_code: ['HTTP_2XX'] },
    })),
    Pool: Array.from({ length: virtualServices }, (_, index) => ({
      name: `pool-${index}`,
      lb_algorithm: 'LB_ALGORITHM_ROUND_ROBIN',
      application_persistence_profile_ref: '/api/applicationpersistenceprofile/?name=System-Persistence-TLS',
      health_monitor_refs: [`/api/healthmonitor/?name=monitor-${index % 5}`],
      servers: Array.from({ length: serversPerPool }, (_, server) => ({
        ip: { addr: `127.${index % 250}.${Math.floor(index / 250)}.${server + 1}`, type: 'V4' },
        port: 8080,
      })),
    })),
    VirtualService: [
      ...Array.from({ length: standing }, (_, index) => ({
        name: `service-${index}`,
        ...common(index),
        ...listening(portOf(index)),
      })),
      ...Array.from({ length: parents }, (_, index) => ({
        name: `parent-${index}`,
        type: 'VS_TYPE_VH_PARENT',
        ...common(index),
        ...listening(portOf(standing + index)),
      })),
      ...Array.from({ length: virtualServices - standing }, (_, index) => ({
        name: `service-${standing + index}`,
        type: 'VS_TYPE_VH_CHILD',
        vh_parent_vs_ref: `/api/virtualservice/?name=parent-${index % parents}`,
        vh_domain_name: [`host-${index}.example`],
        ...common(standing + index),
      })),
    ],
  };
}
