// System objects: what a configuration can refer to without defining it, with the values that Avi ships (20.1.6) where they can be kept.

/** By type. An object of the same name in a configuration takes the place of one of these. */
export const systemObjects: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>> = {
  ApplicationPersistenceProfile: [
    { name: 'System-Persistence-TLS', persistence_type: 'PERSISTENCE_TYPE_TLS' },
    { name: 'System-Persistence-Http-Cookie', persistence_type: 'PERSISTENCE_TYPE_HTTP_COOKIE' },
  ],
  ApplicationProfile: [{ name: 'System-HTTP', type: 'APPLICATION_PROFILE_TYPE_HTTP' }],
  HealthMonitor: [
    {
      name: 'System-HTTP',
      type: 'HEALTH_MONITOR_HTTP',
      send_interval: 10,
      receive_timeout: 4,
      successful_checks: 3,
      failed_checks: 3,
      http_monitor: { http_request: 'HEAD / HTTP/1.0', http_response_code: ['HTTP_2XX', 'HTTP_3XX'] },
    },
    {
      name: 'System-HTTPS',
      type: 'HEALTH_MONITOR_HTTPS',
      send_interval: 10,
      receive_timeout: 4,
      successful_checks: 3,
      failed_checks: 3,
      https_monitor: { http_request: 'HEAD / HTTP/1.0', http_response_code: ['HTTP_2XX', 'HTTP_3XX'] },
    },
    { name: 'System-TCP', type: 'HEALTH_MONITOR_TCP' },
  ],
  SSLProfile: [
    {
      // Avi's offers TLS 1.0 to 1.2; here it is 1.2 and 1.3, AES-128 first because a ticket is sealed with AES-128.
      name: 'System-Standard',
      accepted_versions: [{ type: 'SSL_VERSION_TLS1_2' }, { type: 'SSL_VERSION_TLS1_3' }],
      accepted_ciphers:
        'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384',
      ciphersuites: 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256',
    },
    {
      name: 'System-Standard-PFS',
      accepted_versions: [{ type: 'SSL_VERSION_TLS1_2' }],
      accepted_ciphers:
        'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384',
    },
  ],
};

/** What an absent reference of a virtual service stands for. */
export const defaultReferences = {
  applicationProfile: 'System-HTTP',
  sslProfile: 'System-Standard',
} as const;
