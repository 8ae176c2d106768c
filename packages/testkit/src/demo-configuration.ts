// The configuration of demo and tests: one virtual service with TLS persistence before a pool of servers, in Avi's objects.

export interface DemoConfigurationOptions {
  /** 0: any free port. */
  readonly port: number;
  readonly servers: readonly {
    readonly name: string;
    readonly port: number;
    readonly ratio?: number;
    readonly enabled?: boolean;
  }[];
  /** Inline PEM, or {"file": …}. */
  readonly certificate: unknown;
  readonly key: unknown;
  readonly recovery?:
    | 'HM_DOWN_PICK_NEW_SERVER'
    | 'HM_DOWN_CONTINUE_PERSISTENT_SERVER'
    | 'HM_DOWN_ABORT_CONNECTION';
  /** False: no persistence profile on the pool. */
  readonly persistence?: boolean;
  /** Further fields of the persistence profile. */
  readonly persistenceProfile?: Readonly<Record<string, unknown>>;
  /** False: no health monitor. */
  readonly monitored?: boolean;
  /** Further fields of the objects. */
  readonly virtualService?: Readonly<Record<string, unknown>>;
  readonly pool?: Readonly<Record<string, unknown>>;
  readonly sslProfile?: Readonly<Record<string, unknown>>;
  readonly httpProfile?: Readonly<Record<string, unknown>>;
  readonly healthMonitor?: Readonly<Record<string, unknown>>;
  /** Further objects, by type. */
  readonly objects?: Readonly<Record<string, readonly unknown[]>>;
}

/** Names are fixed, so that engines with configurations made here derive the same uuids and keys. */
export function demoConfiguration(options: DemoConfigurationOptions): Record<string, unknown[]> {
  const address = { addr: '127.0.0.1', type: 'V4' };
  const made: Record<string, unknown[]> = {
    VirtualService: [
      {
        name: 'demo',
        vsvip_ref: 'demo-vip',
        services: [{ port: options.port, enable_ssl: true, enable_http2: true }],
        pool_ref: 'demo-pool',
        application_profile_ref: 'demo-http',
        ssl_profile_ref: 'demo-tls',
        ssl_key_and_certificate_refs: ['demo-certificate'],
        ...options.virtualService,
      },
    ],
    VsVip: [{ name: 'demo-vip', vip: [{ vip_id: '1', ip_address: address }] }],
    Pool: [
      {
        name: 'demo-pool',
        lb_algorithm: 'LB_ALGORITHM_ROUND_ROBIN',
        servers: options.servers.map(({ name, port, ratio = 1, enabled = true }) => ({
          description: name,
          ip: address,
          port,
          ratio,
          enabled,
        })),
        ...(options.persistence === false ? {} : { application_persistence_profile_ref: 'demo-persistence' }),
        ...(options.monitored === false ? {} : { health_monitor_refs: ['demo-health'] }),
        ...options.pool,
      },
    ],
    HealthMonitor: [
      {
        name: 'demo-health',
        type: 'HEALTH_MONITOR_HTTP',
        send_interval: 2,
        receive_timeout: 1,
        successful_checks: 1,
        failed_checks: 1,
        http_monitor: { http_request: 'GET /health HTTP/1.0', http_response_code: ['HTTP_2XX'] },
        ...options.healthMonitor,
      },
    ],
    ApplicationPersistenceProfile: [
      {
        name: 'demo-persistence',
        persistence_type: 'PERSISTENCE_TYPE_TLS',
        server_hm_down_recovery: options.recovery ?? 'HM_DOWN_PICK_NEW_SERVER',
        ...options.persistenceProfile,
      },
    ],
    ApplicationProfile: [
      {
        name: 'demo-http',
        type: 'APPLICATION_PROFILE_TYPE_HTTP',
        http_profile: { x_forwarded_proto_enabled: true, ...options.httpProfile },
      },
    ],
    SSLProfile: [
      {
        name: 'demo-tls',
        accepted_versions: [{ type: 'SSL_VERSION_TLS1_2' }, { type: 'SSL_VERSION_TLS1_3' }],
        accepted_ciphers:
          'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384',
        ciphersuites: 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256',
        ...options.sslProfile,
      },
    ],
    SSLKeyAndCertificate: [
      { name: 'demo-certificate', certificate: { certificate: options.certificate }, key: options.key },
    ],
  };
  for (const [type, more] of Object.entries(options.objects ?? {}))
    made[type] = [...(made[type] ?? []), ...more];
  return made;
}
