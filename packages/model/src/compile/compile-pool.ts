// Compiling a pool: its servers, how one is chosen, and how long it may take.

import { sha256Hex } from '../canonical-json.ts';
import { canonicalIp } from '../ip-address.ts';
import { hashCriteria, lbAlgorithms } from '../lb-algorithms.ts';
import type { AviObject } from '../objects/schemas.ts';
import { referenced } from '../references.ts';
import { type Address, describeAddress, type PoolSnapshot, type ServerSnapshot } from '../snapshot.ts';
import { compileFailAction } from './compile-fail-action.ts';
import { compileHealthMonitor } from './compile-health-monitor.ts';
import { compilePersistence } from './compile-persistence.ts';
import { compileServerTls, type TlsObjects } from './compile-server-tls.ts';

/** Avi's server_timeout of 0 stands for a default; this is ours. */
const SERVER_TIMEOUT_DEFAULT_MS = 60_000;
const CONNECT_TIMEOUT_MS = 5000;
/** Avi has no field for it. Longer than that few people wait for a page, and few clients for an answer. */
const QUEUE_TIMEOUT_MS = 30_000;

const MINUTE_MS = 60_000;

export function compilePool(pool: AviObject<'Pool'>, from: TlsObjects, engines: number): PoolSnapshot {
  const { objects } = from;
  const limit = pool.max_concurrent_connections_per_server;
  const algorithm = lbAlgorithms[pool.lb_algorithm] ?? 'least-connections';
  const properties = pool.conn_pool_properties;
  const tls = compileServerTls(pool, from);
  return {
    uuid: pool.uuid,
    name: pool.name,
    enabled: pool.enabled,
    algorithm,
    ...(algorithm === 'consistent-hash' ? { hash: hashCriteria[pool.lb_algorithm_hash] ?? 'address' } : {}),
    rampMs: pool.connection_ramp_duration * MINUTE_MS,
    persistence: compilePersistence(pool, objects),
    servers: pool.servers.map((server) => compileServer(server, pool)),
    connectionLimitPerServer: limit === 0 ? 0 : Math.max(1, Math.floor(limit / engines)),
    healthMonitors: pool.health_monitor_refs.map((ref) =>
      compileHealthMonitor(referenced(objects.HealthMonitor, ref), pool, from),
    ),
    minServersUp: pool.min_servers_up,
    failAction: compileFailAction(pool, objects),
    minMonitorsUp: pool.min_health_monitors_up,
    passiveHealth: pool.inline_health_monitor,
    upstreamConnections: {
      idleTimeoutMs: properties.upstream_connpool_conn_idle_tmo,
      lifeTimeoutMs: properties.upstream_connpool_conn_life_tmo,
      maxReuse: properties.upstream_connpool_conn_max_reuse,
      maxIdlePerServer: properties.upstream_connpool_server_max_cache,
    },
    serverTimeoutMs: pool.server_timeout === 0 ? SERVER_TIMEOUT_DEFAULT_MS : pool.server_timeout,
    connectTimeoutMs:
      pool.server_timeout === 0 ? CONNECT_TIMEOUT_MS : Math.min(pool.server_timeout, CONNECT_TIMEOUT_MS),
    ...(pool.request_queue_enabled
      ? {
          requestQueue: {
            depth: pool.request_queue_depth,
            timeoutMs: Math.min(pool.server_timeout || QUEUE_TIMEOUT_MS, QUEUE_TIMEOUT_MS),
          },
        }
      : {}),
    gracefulDisable: {
      ...(pool.graceful_disable_timeout < 0 ? {} : { timeoutMs: pool.graceful_disable_timeout * 60_000 }),
      keepsPersisted: pool.server_disable_type === 'ALLOW_NEW_CONNECTION_IF_PERSISTENCE_PRESENT',
    },
    ...(tls === undefined ? {} : { tls }),
    http2: pool.enable_http2,
  };
}

function compileServer(
  server: AviObject<'Pool'>['servers'][number],
  pool: AviObject<'Pool'>,
): ServerSnapshot {
  const authority = rewrittenAuthority(server, pool);
  const address: Address = { ip: canonicalIp(server.ip.addr), port: server.port || pool.default_server_port };
  return {
    id: sha256Hex(`${pool.uuid} ${describeAddress(address)}`).slice(0, 12),
    name: server.description ?? server.hostname ?? describeAddress(address),
    address,
    ratio: server.ratio,
    enabled: server.enabled && pool.enabled,
    ...(authority === undefined ? {} : { authority }),
  };
}

const DEFAULT_PORTS = [80, 443];

/** What the server is told as Host instead of what the client said; the server's name counts more than the pool's. */
function rewrittenAuthority(
  server: AviObject<'Pool'>['servers'][number],
  pool: AviObject<'Pool'>,
): string | undefined {
  const toServerName = pool.rewrite_host_header_to_server_name || server.rewrite_host_header;
  const name = toServerName
    ? server.hostname
    : pool.rewrite_host_header_to_sni
      ? pool.server_name
      : undefined;
  if (name === undefined) return undefined;
  const port = server.port || pool.default_server_port;
  const bare =
    pool.append_port === 'NEVER' ||
    (pool.append_port === 'NON_DEFAULT_80_443' && DEFAULT_PORTS.includes(port));
  return bare ? name : `${name}:${port}`;
}
