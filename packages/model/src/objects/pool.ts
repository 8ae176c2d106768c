// Pool: servers, and how one of them is chosen and spoken to.

import { z } from 'zod';
import { failAction } from './fail-action.ts';
import { count, countOrZero, identity, ipAddr, ref, text } from './fields.ts';

export const server = z.looseObject({
  ip: ipAddr,
  port: countOrZero(1, 65_535).optional(),
  enabled: z.boolean().default(true),
  ratio: count(1, 20).default(1),
  hostname: text.optional(),
  rewrite_host_header: z.boolean().default(false),
  description: text.optional(),
});

export const connPoolProperties = z.looseObject({
  upstream_connpool_conn_idle_tmo: count(0, 86_400_000).default(60_000),
  upstream_connpool_conn_life_tmo: count(0, 86_400_000).default(600_000),
  upstream_connpool_conn_max_reuse: count(0, 0xffffffff).default(0),
  upstream_connpool_server_max_cache: count(0, 0xffffffff).default(0),
});

/** In minutes; 0 is at once, -1 never. */
const gracefulDisableTimeout = z
  .int()
  .refine((value) => value >= -1 && value <= 7200, 'must be -1 (never), 0 (at once) or 1 to 7200 minutes');

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
  lb_algorithm_hash: z
    .enum([
      'LB_ALGORITHM_CONSISTENT_HASH_SOURCE_IP_ADDRESS',
      'LB_ALGORITHM_CONSISTENT_HASH_SOURCE_IP_ADDRESS_AND_PORT',
      'LB_ALGORITHM_CONSISTENT_HASH_URI',
      'LB_ALGORITHM_CONSISTENT_HASH_CUSTOM_HEADER',
      'LB_ALGORITHM_CONSISTENT_HASH_CUSTOM_STRING',
      'LB_ALGORITHM_CONSISTENT_HASH_CALLID',
    ])
    .default('LB_ALGORITHM_CONSISTENT_HASH_SOURCE_IP_ADDRESS'),
  connection_ramp_duration: countOrZero(1, 300).default(10),
  application_persistence_profile_ref: ref.optional(),
  health_monitor_refs: z.array(ref).max(50).default([]),
  min_health_monitors_up: count(0, 50).default(0),
  min_servers_up: count(0, 5000).default(0),
  fail_action: failAction.optional(),
  inline_health_monitor: z.boolean().default(true),
  max_concurrent_connections_per_server: count(0, 0x7fffffff).default(0),
  conn_pool_properties: connPoolProperties.prefault({}),
  server_timeout: count(0, 0x7fffffff).default(0),
  request_queue_enabled: z.boolean().default(false),
  request_queue_depth: count(1, 1_000_000).default(128),
  graceful_disable_timeout: gracefulDisableTimeout.default(1),
  server_disable_type: z
    .enum(['DISALLOW_NEW_CONNECTION', 'ALLOW_NEW_CONNECTION_IF_PERSISTENCE_PRESENT'])
    .default('DISALLOW_NEW_CONNECTION'),
  ssl_profile_ref: ref.optional(),
  pki_profile_ref: ref.optional(),
  ssl_key_and_certificate_ref: ref.optional(),
  sni_enabled: z.boolean().default(true),
  server_name: z.string().max(255).optional(),
  host_check_enabled: z.boolean().default(false),
  domain_name: z.array(z.string().min(1).max(255)).max(100).default([]),
  rewrite_host_header_to_server_name: z.boolean().default(false),
  rewrite_host_header_to_sni: z.boolean().default(false),
  append_port: z.enum(['NON_DEFAULT_80_443', 'NEVER', 'ALWAYS']).default('NON_DEFAULT_80_443'),
  enable_http2: z.boolean().default(false),
});
