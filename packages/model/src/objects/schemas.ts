// The Avi objects that Limpet acts upon: JSON names, types, ranges and defaults as Avi's published schemas have them.

import { z } from 'zod';

const ref = z.string().min(1).max(1024);
const text = z.string().max(65_536);
const count = (min: number, max: number) => z.int().min(min).max(max);
/** A number in a range, or 0 with a meaning of its own. */
const countOrZero = (min: number, max: number) =>
  z.int().refine((value) => value === 0 || (value >= min && value <= max), `must be 0 or ${min} to ${max}`);

const identity = {
  // Avi allows letters, digits, space and .@+-_ in names.
  name: z
    .string()
    .min(1)
    .max(255)
    .regex(/^[A-Za-z0-9 .@+\-_]+$/, 'must consist of letters, digits, space and .@+-_'),
  uuid: z.string().min(1).max(255).optional(),
  url: z.string().optional(),
  _last_modified: z.string().optional(),
  tenant_ref: ref.optional(),
};

export const ipAddr = z.looseObject({ addr: z.string().min(1), type: z.enum(['V4', 'V6', 'DNS']) });

export const service = z.looseObject({
  port: count(0, 65_535),
  port_range_end: countOrZero(1, 65_535).optional(),
  enable_ssl: z.boolean().default(false),
  enable_http2: z.boolean().default(false),
});

export const vip = z.looseObject({
  vip_id: z.string().min(1),
  ip_address: ipAddr.optional(),
  ip6_address: ipAddr.optional(),
  enabled: z.boolean().default(true),
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

export const vsVip = z.looseObject({ ...identity, vip: z.array(vip).max(64).default([]) });

export const server = z.looseObject({
  ip: ipAddr,
  port: countOrZero(1, 65_535).optional(),
  enabled: z.boolean().default(true),
  ratio: count(1, 20).default(1),
  hostname: text.optional(),
  description: text.optional(),
});

export const connPoolProperties = z.looseObject({
  upstream_connpool_conn_idle_tmo: count(0, 86_400_000).default(60_000),
  upstream_connpool_conn_life_tmo: count(0, 86_400_000).default(600_000),
  upstream_connpool_conn_max_reuse: count(0, 0xffffffff).default(0),
  upstream_connpool_server_max_cache: count(0, 0xffffffff).default(0),
});

export const pool = z.looseObject({
  ...identity,
  description: text.optional(),
  created_by: text.optional(),
  enabled: z.boolean().default(true),
  servers: z.array(server).max(5000).default([]),
  default_server_port: count(1, 65_535).default(80),
  lb_algorithm: z
    .enum([
      'LB_ALGORITHM_LEAST_CONNECTIONS',
      'LB_ALGORITHM_ROUND_ROBIN',
      'LB_ALGORITHM_FASTEST_RESPONSE',
      'LB_ALGORITHM_CONSISTENT_HASH',
      'LB_ALGORITHM_LEAST_LOAD',
      'LB_ALGORITHM_FEWEST_SERVERS',
      'LB_ALGORITHM_RANDOM',
      'LB_ALGORITHM_FEWEST_TASKS',
      'LB_ALGORITHM_NEAREST_SERVER',
      'LB_ALGORITHM_CORE_AFFINITY',
      'LB_ALGORITHM_TOPOLOGY',
    ])
    .default('LB_ALGORITHM_LEAST_CONNECTIONS'),
  application_persistence_profile_ref: ref.optional(),
  health_monitor_refs: z.array(ref).max(50).default([]),
  max_concurrent_connections_per_server: count(0, 0x7fffffff).default(0),
  conn_pool_properties: connPoolProperties.prefault({}),
  server_timeout: count(0, 0x7fffffff).default(0),
});

export const healthMonitorTcp = z.looseObject({
  tcp_request: text.optional(),
  tcp_response: text.min(1).optional(),
});

export const healthMonitorHttp = z.looseObject({
  http_request: z.string().min(1).max(8192).default('GET / HTTP/1.0'),
  http_request_body: text.optional(),
  http_response: text.min(1).optional(),
  http_response_code: z
    .array(z.enum(['HTTP_ANY', 'HTTP_1XX', 'HTTP_2XX', 'HTTP_3XX', 'HTTP_4XX', 'HTTP_5XX']))
    .min(1)
    .default(['HTTP_2XX']),
  exact_http_request: z.boolean().default(false),
});

export const healthMonitor = z.looseObject({
  ...identity,
  description: text.optional(),
  type: z.enum([
    'HEALTH_MONITOR_PING',
    'HEALTH_MONITOR_TCP',
    'HEALTH_MONITOR_HTTP',
    'HEALTH_MONITOR_HTTPS',
    'HEALTH_MONITOR_EXTERNAL',
    'HEALTH_MONITOR_UDP',
    'HEALTH_MONITOR_DNS',
    'HEALTH_MONITOR_GSLB',
    'HEALTH_MONITOR_SIP',
    'HEALTH_MONITOR_RADIUS',
    'HEALTH_MONITOR_SMTP',
    'HEALTH_MONITOR_SMTPS',
    'HEALTH_MONITOR_POP3',
    'HEALTH_MONITOR_POP3S',
    'HEALTH_MONITOR_IMAP',
    'HEALTH_MONITOR_IMAPS',
    'HEALTH_MONITOR_FTP',
    'HEALTH_MONITOR_FTPS',
    'HEALTH_MONITOR_LDAP',
    'HEALTH_MONITOR_LDAPS',
    'HEALTH_MONITOR_SCTP',
  ]),
  send_interval: count(1, 3600).default(10),
  receive_timeout: count(1, 2400).default(4),
  successful_checks: count(1, 50).default(2),
  failed_checks: count(1, 50).default(2),
  monitor_port: countOrZero(1, 65_535).optional(),
  tcp_monitor: healthMonitorTcp.prefault({}),
  http_monitor: healthMonitorHttp.prefault({}),
});

export const applicationPersistenceProfile = z.looseObject({
  ...identity,
  description: text.optional(),
  persistence_type: z
    .enum([
      'PERSISTENCE_TYPE_CLIENT_IP_ADDRESS',
      'PERSISTENCE_TYPE_HTTP_COOKIE',
      'PERSISTENCE_TYPE_TLS',
      'PERSISTENCE_TYPE_CLIENT_IPV6_ADDRESS',
      'PERSISTENCE_TYPE_CUSTOM_HTTP_HEADER',
      'PERSISTENCE_TYPE_APP_COOKIE',
      'PERSISTENCE_TYPE_GSLB_SITE',
    ])
    .default('PERSISTENCE_TYPE_CLIENT_IP_ADDRESS'),
  server_hm_down_recovery: z
    .enum(['HM_DOWN_PICK_NEW_SERVER', 'HM_DOWN_ABORT_CONNECTION', 'HM_DOWN_CONTINUE_PERSISTENT_SERVER'])
    .default('HM_DOWN_PICK_NEW_SERVER'),
});

export const sslKeyAndCertificate = z.looseObject({
  ...identity,
  created_by: text.optional(),
  type: z
    .enum(['SSL_CERTIFICATE_TYPE_VIRTUALSERVICE', 'SSL_CERTIFICATE_TYPE_SYSTEM', 'SSL_CERTIFICATE_TYPE_CA'])
    .default('SSL_CERTIFICATE_TYPE_VIRTUALSERVICE'),
  certificate: z.looseObject({ certificate: z.string().min(1).max(1_048_576) }),
  key: z.string().min(1).max(65_536).optional(),
  key_passphrase: z.string().max(1024).optional(),
});

export const sslProfile = z.looseObject({
  ...identity,
  description: text.optional(),
  type: z
    .enum(['SSL_PROFILE_TYPE_APPLICATION', 'SSL_PROFILE_TYPE_SYSTEM'])
    .default('SSL_PROFILE_TYPE_APPLICATION'),
  accepted_versions: z
    .array(
      z.looseObject({
        type: z.enum([
          'SSL_VERSION_SSLV3',
          'SSL_VERSION_TLS1',
          'SSL_VERSION_TLS1_1',
          'SSL_VERSION_TLS1_2',
          'SSL_VERSION_TLS1_3',
        ]),
      }),
    )
    .default([{ type: 'SSL_VERSION_TLS1_2' }, { type: 'SSL_VERSION_TLS1_3' }]),
  accepted_ciphers: z.string().min(1).max(4096).default('AES:3DES:RC4'),
  ciphersuites: z
    .string()
    .max(4096)
    .default('TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256'),
  ec_named_curve: z.string().min(1).max(1024).default('auto'),
  signature_algorithm: z.string().min(1).max(1024).default('auto'),
  prefer_client_cipher_ordering: z.boolean().default(false),
  enable_ssl_session_reuse: z.boolean().default(true),
  // RFC 8446 §4.6.1: a ticket lives at most seven days.
  ssl_session_timeout: count(1, 604_800).default(86_400),
});

export const httpApplicationProfile = z.looseObject({
  connection_multiplexing_enabled: z.boolean().default(true),
  xff_enabled: z.boolean().default(true),
  xff_alternate_name: z
    .string()
    .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, 'must be a field name')
    .default('X-Forwarded-For'),
  xff_update: z
    .enum(['REPLACE_XFF_HEADERS', 'APPEND_TO_THE_XFF_HEADER', 'ADD_NEW_XFF_HEADER'])
    .default('REPLACE_XFF_HEADERS'),
  x_forwarded_proto_enabled: z.boolean().default(false),
  client_header_timeout: count(10, 100_000_000).default(10_000),
  client_body_timeout: count(0, 100_000_000).default(30_000),
  keepalive_timeout: count(10, 100_000_000).default(30_000),
  post_accept_timeout: count(10, 100_000_000).default(30_000),
  max_keepalive_requests: count(0, 1_000_000).default(100),
  client_max_header_size: count(1, 64).default(12),
  client_max_request_size: count(1, 256).default(48),
  client_max_body_size: count(0, Number.MAX_SAFE_INTEGER).default(0),
  respond_with_100_continue: z.boolean().default(true),
  websockets_enabled: z.boolean().default(true),
  http_to_https: z.boolean().default(false),
  hsts_enabled: z.boolean().default(false),
  hsts_max_age: count(0, 10_000).default(365),
  hsts_subdomains_enabled: z.boolean().default(true),
});

export const applicationProfile = z.looseObject({
  ...identity,
  description: text.optional(),
  type: z.enum([
    'APPLICATION_PROFILE_TYPE_L4',
    'APPLICATION_PROFILE_TYPE_HTTP',
    'APPLICATION_PROFILE_TYPE_SYSLOG',
    'APPLICATION_PROFILE_TYPE_DNS',
    'APPLICATION_PROFILE_TYPE_SSL',
    'APPLICATION_PROFILE_TYPE_SIP',
  ]),
  http_profile: httpApplicationProfile.prefault({}),
});

/** The types of objects that a configuration is made of, by Avi's names, in the order in which they refer to each other. */
export const objectSchemas = {
  ApplicationPersistenceProfile: applicationPersistenceProfile,
  ApplicationProfile: applicationProfile,
  HealthMonitor: healthMonitor,
  SSLKeyAndCertificate: sslKeyAndCertificate,
  SSLProfile: sslProfile,
  VsVip: vsVip,
  Pool: pool,
  VirtualService: virtualService,
} as const;

export type ObjectType = keyof typeof objectSchemas;

/** An object after parsing: defaults filled in, its uuid known. */
export type AviObject<T extends ObjectType> = z.output<(typeof objectSchemas)[T]> & { uuid: string };

/** All objects of a configuration. */
export type ObjectSet = { readonly [T in ObjectType]: readonly AviObject<T>[] };

/** Avi's name of the message type of each object and of what is nested in it, by the path below the object. */
export const nestedTypes: Readonly<Record<ObjectType, Readonly<Record<string, string>>>> = {
  ApplicationPersistenceProfile: {},
  ApplicationProfile: { http_profile: 'HTTPApplicationProfile' },
  HealthMonitor: { tcp_monitor: 'HealthMonitorTcp', http_monitor: 'HealthMonitorHttp' },
  SSLKeyAndCertificate: { certificate: 'SSLCertificate' },
  SSLProfile: { 'accepted_versions[]': 'SSLVersion' },
  VsVip: { 'vip[]': 'Vip', 'vip[].ip_address': 'IpAddr', 'vip[].ip6_address': 'IpAddr' },
  Pool: { 'servers[]': 'Server', 'servers[].ip': 'IpAddr', conn_pool_properties: 'ConnPoolProperties' },
  VirtualService: {
    'services[]': 'Service',
    'vip[]': 'Vip',
    'vip[].ip_address': 'IpAddr',
    'vip[].ip6_address': 'IpAddr',
  },
};
