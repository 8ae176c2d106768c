// The compiler: from validated objects to the frozen snapshot. Pure: the same objects give the same snapshot and hash.

import { canonicalJson, deepFreeze, sha256Hex } from './canonical-json.ts';
import { hostPatternWeight, parseHostPattern } from './host-pattern.ts';
import { canonicalIp } from './ip-address.ts';
import type { AviObject, ObjectSet } from './objects/schemas.ts';
import { findReferenced } from './references.ts';
import {
  type Address,
  type CertificateSnapshot,
  type CompiledConfig,
  describeAddress,
  type HealthMonitorSnapshot,
  type HostingSnapshot,
  type HttpSnapshot,
  type ListenerSnapshot,
  type PersistenceSnapshot,
  type PoolSnapshot,
  type Recovery,
  type ServerSnapshot,
  type TlsSnapshot,
  type VirtualServiceSnapshot,
} from './snapshot.ts';
import { defaultReferences } from './system-objects.ts';
import { vipsOf } from './validate.ts';
import { listeningOf } from './virtual-hosting.ts';

export interface CompileOptions {
  /** Over how many engines a virtual service is spread; connection limits are divided by it. */
  readonly enginesPerVirtualService?: number;
}

/** A certificate that was read, with its private key. */
export interface LoadedCertificate {
  readonly snapshot: CertificateSnapshot;
  readonly privateKeyPem: string;
}

/** Avi's server_timeout of 0 stands for a default; this is ours. */
const SERVER_TIMEOUT_DEFAULT_MS = 60_000;
const CONNECT_TIMEOUT_MS = 5000;

/** @param certificates by the uuid of their SSLKeyAndCertificate. */
export function compileObjects(
  objects: ObjectSet,
  certificates: ReadonlyMap<string, LoadedCertificate>,
  { enginesPerVirtualService = 1 }: CompileOptions = {},
): CompiledConfig {
  const enabled = objects.VirtualService.filter((virtualService) => virtualService.enabled);
  const virtualServices = enabled
    .map((object) => compileVirtualService(object, objects, certificates))
    .sort(byUuid);
  const used = new Set(virtualServices.map(({ poolUuid }) => poolUuid));
  const pools = objects.Pool.filter(({ uuid }) => used.has(uuid))
    .map((pool) => compilePool(pool, objects, enginesPerVirtualService))
    .sort(byUuid);
  const content = { virtualServices, pools };
  const secrets = new Map(
    [...certificates.values()].map(({ snapshot, privateKeyPem }) => [snapshot.keyHash, privateKeyPem]),
  );
  return { snapshot: deepFreeze({ hash: sha256Hex(canonicalJson(content)), ...content }), secrets };
}

function byUuid(a: { readonly uuid: string }, b: { readonly uuid: string }): number {
  return a.uuid < b.uuid ? -1 : a.uuid > b.uuid ? 1 : 0;
}

/** What validation has shown to be there. */
function referenced<T extends { readonly name: string; readonly uuid: string }>(
  objects: readonly T[],
  ref: string,
): T {
  const found = findReferenced(objects, ref);
  if (found === undefined) throw new Error(`"${ref}" was not validated`);
  return found;
}

function compileVirtualService(
  object: AviObject<'VirtualService'>,
  objects: ObjectSet,
  certificates: ReadonlyMap<string, LoadedCertificate>,
): VirtualServiceSnapshot {
  const profile = referenced(
    objects.ApplicationProfile,
    object.application_profile_ref ?? defaultReferences.applicationProfile,
  );
  // A child has no address of its own; its parent's services are where it is reached.
  const owner = listeningOf(object, objects);
  const addresses = vipsOf(object, objects).flatMap(({ ip_address, ip6_address }) =>
    [ip_address, ip6_address].flatMap((address) => (address === undefined ? [] : [address.addr])),
  );
  const listeners: ListenerSnapshot[] = object.services.flatMap(({ port, enable_ssl }) =>
    addresses.map((ip) => ({ address: { ip, port }, terminatesTls: enable_ssl })),
  );
  const terminatesTls = owner.services.some(({ enable_ssl }) => enable_ssl);
  const hosting = compileHosting(owner, objects);
  return {
    uuid: object.uuid,
    name: object.name,
    listeners,
    ...(hosting === undefined ? {} : { hosting }),
    ...(terminatesTls ? { tls: compileTls(object, owner, objects, certificates) } : {}),
    http: compileHttp(profile.http_profile, owner),
    poolUuid: referenced(objects.Pool, object.pool_ref ?? '').uuid,
  };
}

/** Who is reached through a parent's listeners, the most telling name first; undefined for any other virtual service. */
function compileHosting(owner: AviObject<'VirtualService'>, objects: ObjectSet): HostingSnapshot | undefined {
  if (owner.type !== 'VS_TYPE_VH_PARENT') return undefined;
  const hosts = objects.VirtualService.filter(
    (child) => child.enabled && child !== owner && listeningOf(child, objects) === owner,
  ).flatMap((child) =>
    child.vh_domain_name.map((name) => {
      const pattern = parseHostPattern(name);
      if (pattern === undefined) throw new Error(`"${name}" was not validated`);
      return { pattern, virtualServiceUuid: child.uuid };
    }),
  );
  hosts.sort((a, b) => hostPatternWeight(b.pattern) - hostPatternWeight(a.pattern));
  return { parentUuid: owner.uuid, hosts };
}

function compileTls(
  object: AviObject<'VirtualService'>,
  owner: AviObject<'VirtualService'>,
  objects: ObjectSet,
  certificates: ReadonlyMap<string, LoadedCertificate>,
): TlsSnapshot {
  // Avi: the parent's profile holds for its children, since it is what the handshake begins with.
  const profile = referenced(objects.SSLProfile, owner.ssl_profile_ref ?? defaultReferences.sslProfile);
  const versions = profile.accepted_versions.map(({ type }) => type);
  const tls12 = versions.includes('SSL_VERSION_TLS1_2');
  const tls13 = versions.includes('SSL_VERSION_TLS1_3');
  const suites = [...(tls13 ? [profile.ciphersuites] : []), ...(tls12 ? [profile.accepted_ciphers] : [])];
  const chosen = object.ssl_key_and_certificate_refs.map((ref) => {
    const certificate = certificates.get(referenced(objects.SSLKeyAndCertificate, ref).uuid);
    if (certificate === undefined) throw new Error(`certificate "${ref}" was not validated`);
    return certificate.snapshot;
  });
  return {
    http2: owner.services.some(({ enable_http2 }) => enable_http2),
    minVersion: tls12 ? 'TLSv1.2' : 'TLSv1.3',
    maxVersion: tls13 ? 'TLSv1.3' : 'TLSv1.2',
    ciphers: suites.join(':'),
    honorCipherOrder: !profile.prefer_client_cipher_ordering,
    ...(profile.ec_named_curve === 'auto' ? {} : { groups: profile.ec_named_curve }),
    ...(profile.signature_algorithm === 'auto' ? {} : { signatureAlgorithms: profile.signature_algorithm }),
    sessionTimeoutS: profile.ssl_session_timeout,
    sessionReuse: profile.enable_ssl_session_reuse,
    certificates: chosen.sort((a, b) => Number(a.keyType === 'rsa') - Number(b.keyType === 'rsa')),
  };
}

const XFF_UPDATE = {
  REPLACE_XFF_HEADERS: 'replace',
  APPEND_TO_THE_XFF_HEADER: 'append',
  ADD_NEW_XFF_HEADER: 'add',
} as const;

const DAY_S = 86_400;

function compileHttp(
  profile: AviObject<'ApplicationProfile'>['http_profile'],
  owner: AviObject<'VirtualService'>,
): HttpSnapshot {
  const httpsPort = owner.services.find(({ enable_ssl }) => enable_ssl)?.port;
  const subdomains = profile.hsts_subdomains_enabled ? '; includeSubDomains' : '';
  return {
    connectionMultiplexing: profile.connection_multiplexing_enabled,
    forwardedFor: {
      enabled: profile.xff_enabled,
      headerName: profile.xff_alternate_name,
      update: XFF_UPDATE[profile.xff_update],
    },
    forwardedProto: profile.x_forwarded_proto_enabled,
    headTimeoutMs: profile.client_header_timeout,
    bodyTimeoutMs: profile.client_body_timeout,
    keepAliveTimeoutMs: profile.keepalive_timeout,
    firstByteTimeoutMs: profile.post_accept_timeout,
    keepAliveRequests: profile.max_keepalive_requests,
    fieldLineLimitBytes: profile.client_max_header_size * 1024,
    // Avi: the size of one field overrides that of all where it is larger.
    headLimitBytes: Math.max(profile.client_max_request_size, profile.client_max_header_size) * 1024,
    bodyLimitBytes: profile.client_max_body_size * 1024,
    respondWith100Continue: profile.respond_with_100_continue,
    webSockets: profile.websockets_enabled,
    ...(profile.http_to_https && httpsPort !== undefined ? { redirectToHttpsPort: httpsPort } : {}),
    ...(profile.hsts_enabled
      ? { strictTransportSecurity: `max-age=${profile.hsts_max_age * DAY_S}${subdomains}` }
      : {}),
  };
}

const RECOVERY: Readonly<Record<string, Recovery>> = {
  HM_DOWN_PICK_NEW_SERVER: 'immediate',
  HM_DOWN_CONTINUE_PERSISTENT_SERVER: 'never',
  HM_DOWN_ABORT_CONNECTION: 'abort',
};

function compilePool(pool: AviObject<'Pool'>, objects: ObjectSet, engines: number): PoolSnapshot {
  const limit = pool.max_concurrent_connections_per_server;
  const properties = pool.conn_pool_properties;
  return {
    uuid: pool.uuid,
    name: pool.name,
    enabled: pool.enabled,
    algorithm: pool.lb_algorithm === 'LB_ALGORITHM_ROUND_ROBIN' ? 'round-robin' : 'least-connections',
    persistence: compilePersistence(pool, objects),
    servers: pool.servers.map((server) => compileServer(server, pool)),
    connectionLimitPerServer: limit === 0 ? 0 : Math.max(1, Math.floor(limit / engines)),
    healthMonitors: pool.health_monitor_refs.map((ref) =>
      compileMonitor(referenced(objects.HealthMonitor, ref)),
    ),
    upstreamConnections: {
      idleTimeoutMs: properties.upstream_connpool_conn_idle_tmo,
      lifeTimeoutMs: properties.upstream_connpool_conn_life_tmo,
      maxReuse: properties.upstream_connpool_conn_max_reuse,
      maxIdlePerServer: properties.upstream_connpool_server_max_cache,
    },
    serverTimeoutMs: pool.server_timeout === 0 ? SERVER_TIMEOUT_DEFAULT_MS : pool.server_timeout,
    connectTimeoutMs:
      pool.server_timeout === 0 ? CONNECT_TIMEOUT_MS : Math.min(pool.server_timeout, CONNECT_TIMEOUT_MS),
  };
}

function compilePersistence(pool: AviObject<'Pool'>, objects: ObjectSet): PersistenceSnapshot {
  const ref = pool.application_persistence_profile_ref;
  if (ref === undefined) return { kind: 'none' };
  const profile = referenced(objects.ApplicationPersistenceProfile, ref);
  return {
    kind: 'tls',
    profileName: profile.name,
    recovery: RECOVERY[profile.server_hm_down_recovery] ?? 'immediate',
  };
}

function compileServer(
  server: AviObject<'Pool'>['servers'][number],
  pool: AviObject<'Pool'>,
): ServerSnapshot {
  const address: Address = { ip: canonicalIp(server.ip.addr), port: server.port || pool.default_server_port };
  return {
    id: sha256Hex(`${pool.uuid} ${describeAddress(address)}`).slice(0, 12),
    name: server.description ?? server.hostname ?? describeAddress(address),
    address,
    ratio: server.ratio,
    enabled: server.enabled && pool.enabled,
  };
}

const STATUS_RANGES: Readonly<Record<string, readonly [number, number]>> = {
  HTTP_ANY: [100, 599],
  HTTP_1XX: [100, 199],
  HTTP_2XX: [200, 299],
  HTTP_3XX: [300, 399],
  HTTP_4XX: [400, 499],
  HTTP_5XX: [500, 599],
};

function compileMonitor(monitor: AviObject<'HealthMonitor'>): HealthMonitorSnapshot {
  const base = {
    name: monitor.name,
    sendIntervalMs: monitor.send_interval * 1000,
    receiveTimeoutMs: monitor.receive_timeout * 1000,
    successfulChecks: monitor.successful_checks,
    failedChecks: monitor.failed_checks,
    ...(monitor.monitor_port ? { port: monitor.monitor_port } : {}),
  };
  if (monitor.type === 'HEALTH_MONITOR_TCP') {
    const { tcp_request, tcp_response } = monitor.tcp_monitor;
    return {
      ...base,
      kind: 'tcp',
      ...(tcp_request === undefined ? {} : { request: tcp_request }),
      ...(tcp_response === undefined ? {} : { response: tcp_response }),
    };
  }
  const http = monitor.http_monitor;
  return {
    ...base,
    kind: 'http',
    request: http.http_request.replace(/\r?\n/g, '\r\n').replace(/(\r\n)+$/, ''),
    exact: http.exact_http_request,
    statusRanges: http.http_response_code.map((code) => STATUS_RANGES[code] as readonly [number, number]),
    ...(http.http_request_body === undefined ? {} : { body: http.http_request_body }),
    ...(http.http_response === undefined ? {} : { response: http.http_response }),
  };
}
