// Tests of the compiler: each field of the API becomes what the engine is told, in the engine's units.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lbAlgorithms } from '../lb-algorithms.ts';
import type { LoadOptions } from '../load-config.ts';
import type { HttpSnapshot, PoolSnapshot, VirtualServiceSnapshot } from '../snapshot.ts';
import { configurationWith, load } from '../test-configuration.ts';

type Edits = Readonly<Record<string, unknown>>;

function poolOf(edits: Edits = {}, options: Partial<LoadOptions> = {}): PoolSnapshot {
  const [pool] = load(configurationWith(edits), options).compiled.snapshot.pools;
  assert.ok(pool);
  return pool;
}

function virtualServiceOf(edits: Edits = {}): VirtualServiceSnapshot {
  const [virtualService] = load(configurationWith(edits)).compiled.snapshot.virtualServices;
  assert.ok(virtualService);
  return virtualService;
}

function httpOf(fields: Edits = {}): HttpSnapshot {
  const edits = Object.entries(fields).map(([name, value]) => [
    `ApplicationProfile[0].http_profile.${name}`,
    value,
  ]);
  return virtualServiceOf(Object.fromEntries(edits)).http;
}

describe('a compiled pool', () => {
  it('has its servers with id, name, address and ratio', () => {
    assert.deepEqual(poolOf().servers, [
      {
        // The first 48 bits of SHA-256 over 'pool-714c60e3-03a4-5a61-8d6a-62ebb3d8d71e 127.0.0.1:9001'; tickets name it.
        id: 'fe505404b96f',
        name: 'a',
        address: { ip: '127.0.0.1', port: 9001 },
        ratio: 1,
        enabled: true,
      },
      { ...poolOf().servers[1], name: 'b', address: { ip: '127.0.0.1', port: 9002 }, ratio: 3 },
    ]);
  });

  it('gives a server another id in another pool, on another port, and none by its name or ratio', () => {
    const id = (edits: Edits) => poolOf(edits).servers[0]?.id;
    assert.notEqual(id({ 'Pool[0].uuid': 'pool-other' }), id({}));
    assert.notEqual(id({ 'Pool[0].servers[0].port': 9009 }), id({}));
    assert.equal(id({ 'Pool[0].servers[0].description': 'c', 'Pool[0].servers[0].ratio': 9 }), id({}));
    assert.equal(id({ 'Pool[0].servers[0].port': undefined, 'Pool[0].default_server_port': 9001 }), id({}));
  });

  it('calls a server by its description, else its host name, else its address', () => {
    const servers = [
      { ip: { addr: '10.0.0.1', type: 'V4' }, description: 'one', hostname: 'host-1' },
      { ip: { addr: '10.0.0.2', type: 'V4' }, hostname: 'host-2' },
      { ip: { addr: '2001:DB8::3', type: 'V6' } },
    ];
    const names = poolOf({ 'Pool[0].servers': servers }).servers.map(({ name }) => name);
    assert.deepEqual(names, ['one', 'host-2', '[2001:db8::3]:80']);
  });

  it('disables every server when it is disabled itself', () => {
    assert.deepEqual(
      poolOf({ 'Pool[0].enabled': false }).servers.map(({ enabled }) => enabled),
      [false, false],
    );
  });

  for (const [limit, engines, each] of [
    [0, 3, 0],
    [10, 1, 10],
    [10, 3, 3],
    [2, 3, 1],
  ] as const) {
    it(`allows ${each} connections a server when ${limit} are spread over ${engines} engines`, () => {
      const edits = { 'Pool[0].max_concurrent_connections_per_server': limit };
      assert.equal(poolOf(edits, { enginesPerVirtualService: engines }).connectionLimitPerServer, each);
    });
  }

  for (const [recovery, compiled] of [
    ['HM_DOWN_PICK_NEW_SERVER', 'immediate'],
    ['HM_DOWN_CONTINUE_PERSISTENT_SERVER', 'never'],
    ['HM_DOWN_ABORT_CONNECTION', 'abort'],
  ] as const) {
    it(`recovers by ${compiled} for ${recovery}`, () => {
      const edits = { 'ApplicationPersistenceProfile[0].server_hm_down_recovery': recovery };
      assert.deepEqual(poolOf(edits).persistence, {
        kind: 'tls',
        profileName: 'demo-persistence',
        recovery: compiled,
      });
    });
  }

  it('keeps clients by the cookie that is asked for, or by one that every engine calls the same', () => {
    const persistenceOf = (fields?: Readonly<Record<string, unknown>>) =>
      poolOf({
        'ApplicationPersistenceProfile[0].persistence_type': 'PERSISTENCE_TYPE_HTTP_COOKIE',
        'ApplicationPersistenceProfile[0].http_cookie_persistence_profile': fields,
      }).persistence;
    const asked = { cookie_name: 'web', timeout: 90, always_send_cookie: true, http_only: true };
    assert.deepEqual(persistenceOf({ ...asked, is_persistent_cookie: true }), {
      kind: 'http-cookie',
      profileName: 'demo-persistence',
      recovery: 'immediate',
      cookie: { name: 'web', timeoutS: 5400, alwaysSend: true, httpOnly: true, persistent: true },
    });
    const plain = persistenceOf();
    assert.ok(plain.kind === 'http-cookie');
    const { name, ...rest } = plain.cookie;
    assert.match(name, /^[A-Z]{8}$/);
    assert.deepEqual(rest, { timeoutS: 0, alwaysSend: false, httpOnly: false, persistent: false });
    assert.deepEqual(persistenceOf(), plain);
    const other = poolOf({
      'Pool[0].application_persistence_profile_ref': 'System-Persistence-Http-Cookie',
    }).persistence;
    assert.ok(other.kind === 'http-cookie' && other.cookie.name !== name, 'another profile, another name');
  });

  it('has no persistence without a profile', () => {
    const edits = { 'Pool[0].application_persistence_profile_ref': undefined };
    assert.deepEqual(poolOf(edits).persistence, { kind: 'none' });
  });

  it('has the algorithm that is asked for', () => {
    assert.equal(poolOf().algorithm, 'round-robin');
    assert.equal(poolOf({ 'Pool[0].lb_algorithm': undefined }).algorithm, 'least-connections');
    for (const [avi, algorithm] of Object.entries(lbAlgorithms))
      assert.equal(poolOf({ 'Pool[0].lb_algorithm': avi }).algorithm, algorithm);
  });

  it('hashes by the address unless another thing is asked for, and only under consistent hash', () => {
    const consistent = { 'Pool[0].lb_algorithm': 'LB_ALGORITHM_CONSISTENT_HASH' };
    const andPort = 'LB_ALGORITHM_CONSISTENT_HASH_SOURCE_IP_ADDRESS_AND_PORT';
    assert.equal(poolOf(consistent).hash, 'address');
    assert.equal(poolOf({ ...consistent, 'Pool[0].lb_algorithm_hash': andPort }).hash, 'address-and-port');
    assert.equal(poolOf({ 'Pool[0].lb_algorithm_hash': andPort }).hash, undefined);
  });

  it('ramps servers up over ten minutes unless another time is asked for', () => {
    const rampMs = (duration?: number) => poolOf({ 'Pool[0].connection_ramp_duration': duration }).rampMs;
    assert.deepEqual([rampMs(), rampMs(1), rampMs(0)], [600_000, 60_000, 0]);
  });

  it('answers 503 where every server is down, unless another thing is asked for', () => {
    const actionOf = (fail_action?: unknown) => poolOf({ 'Pool[0].fail_action': fail_action }).failAction;
    assert.deepEqual(actionOf(), { kind: 'unavailable' });
    assert.deepEqual(actionOf({}), { kind: 'close' });
    const page = { content_type: 'text/html', file_content: '<p>Closed' };
    const local_rsp = { status_code: 'FAIL_HTTP_STATUS_CODE_200', file: page };
    assert.deepEqual(actionOf({ type: 'FAIL_ACTION_HTTP_LOCAL_RSP', local_rsp }), {
      kind: 'respond',
      status: 200,
      contentType: 'text/html',
      body: '<p>Closed',
    });
    const redirect = { host: 'sorry.example', path: 'closed', status_code: 'HTTP_REDIRECT_STATUS_CODE_307' };
    assert.deepEqual(actionOf({ type: 'FAIL_ACTION_HTTP_REDIRECT', redirect }), {
      kind: 'redirect',
      status: 307,
      protocol: 'https',
      host: 'sorry.example',
      path: '/closed',
    });
  });

  it('brings its backup pool along, and the backup of that, and no other pool', () => {
    const servers = [{ ip: { addr: '10.0.0.9', type: 'V4' } }];
    const by = (name: string) => ({
      type: 'FAIL_ACTION_BACKUP_POOL',
      backup_pool: { backup_pool_ref: name },
    });
    const { snapshot } = load(
      configurationWith({
        'Pool[0].fail_action': by('spare'),
        'Pool[1]': { name: 'spare', servers, fail_action: by('last') },
        'Pool[2]': { name: 'last', servers },
        'Pool[3]': { name: 'unused', servers },
      }),
    ).compiled;
    const byName = new Map(snapshot.pools.map((pool) => [pool.name, pool]));
    assert.deepEqual([...byName.keys()].sort(), ['demo-pool', 'last', 'spare']);
    assert.deepEqual(byName.get('spare')?.failAction, {
      kind: 'backup',
      poolUuid: byName.get('last')?.uuid,
    });
    assert.notEqual(byName.get('spare')?.servers[0]?.id, byName.get('last')?.servers[0]?.id);
  });

  it('waits for a server as long as server_timeout says, and 60 s where it says 0', () => {
    const times = (serverTimeout: number) => {
      const { serverTimeoutMs, connectTimeoutMs } = poolOf({ 'Pool[0].server_timeout': serverTimeout });
      return [serverTimeoutMs, connectTimeoutMs];
    };
    assert.deepEqual(times(0), [60_000, 5000]);
    assert.deepEqual(times(2000), [2000, 2000]);
    assert.deepEqual(times(90_000), [90_000, 5000]);
  });

  it('keeps connections to servers as its properties say', () => {
    const properties = {
      upstream_connpool_conn_idle_tmo: 1,
      upstream_connpool_conn_life_tmo: 2,
      upstream_connpool_conn_max_reuse: 3,
      upstream_connpool_server_max_cache: 4,
    };
    assert.deepEqual(poolOf({ 'Pool[0].conn_pool_properties': properties }).upstreamConnections, {
      idleTimeoutMs: 1,
      lifeTimeoutMs: 2,
      maxReuse: 3,
      maxIdlePerServer: 4,
    });
  });
});

describe('a compiled health monitor', () => {
  const monitorOf = (edits: Edits) => poolOf(edits).healthMonitors[0];

  it('has its request with CRLF and without the empty line, and its status codes as ranges', () => {
    const http_monitor = {
      http_request: 'GET /health HTTP/1.1\nHost: a\r\nX: 1\n\n',
      http_request_body: 'body',
      http_response: 'ok',
      http_response_code: ['HTTP_2XX', 'HTTP_ANY'],
      maintenance_code: [503],
      maintenance_response: 'back soon',
      exact_http_request: true,
    };
    assert.deepEqual(
      monitorOf({ 'HealthMonitor[0].http_monitor': http_monitor, 'HealthMonitor[0].monitor_port': 81 }),
      {
        kind: 'http',
        name: 'demo-health',
        sendIntervalMs: 2000,
        receiveTimeoutMs: 1000,
        successfulChecks: 1,
        failedChecks: 1,
        port: 81,
        request: 'GET /health HTTP/1.1\r\nHost: a\r\nX: 1',
        body: 'body',
        response: 'ok',
        exact: true,
        statusRanges: [
          [200, 299],
          [100, 599],
        ],
        maintenanceCodes: [503],
        maintenanceResponse: 'back soon',
      },
    );
  });

  it("probes the server's own port where monitor_port is 0", () => {
    assert.equal(Object.hasOwn(monitorOf({ 'HealthMonitor[0].monitor_port': 0 }) ?? {}, 'port'), false);
  });

  it('of TCP has what is sent and awaited', () => {
    const monitor = monitorOf({
      'HealthMonitor[0].type': 'HEALTH_MONITOR_TCP',
      'HealthMonitor[0].tcp_monitor': { tcp_request: 'PING', tcp_response: 'PONG' },
    });
    assert.ok(monitor?.kind === 'tcp');
    assert.deepEqual([monitor.request, monitor.response], ['PING', 'PONG']);
  });
});

describe('a compiled virtual service', () => {
  it('listens on every address of its enabled vips, with every service', () => {
    const { listeners, tls } = virtualServiceOf({
      'VirtualService[0].services': [{ port: 443, enable_ssl: true, enable_http2: true }, { port: 80 }],
      'VsVip[0].vip': [
        {
          vip_id: '1',
          ip_address: { addr: '10.0.0.1', type: 'V4' },
          ip6_address: { addr: '2001:db8::1', type: 'V6' },
        },
        { vip_id: '2', enabled: false, ip_address: { addr: '10.0.0.2', type: 'V4' } },
      ],
    });
    assert.deepEqual(listeners, [
      { address: { ip: '10.0.0.1', port: 443 }, terminatesTls: true },
      { address: { ip: '2001:db8::1', port: 443 }, terminatesTls: true },
      { address: { ip: '10.0.0.1', port: 80 }, terminatesTls: false },
      { address: { ip: '2001:db8::1', port: 80 }, terminatesTls: false },
    ]);
    assert.equal(tls?.http2, true);
  });

  it('reads a PROXY protocol header from the sources that a service lists', () => {
    const { listeners } = virtualServiceOf({
      'VirtualService[0].services': [
        { port: 443, enable_ssl: true, limpet_proxy_protocol_sources: ['10.0.0.0/8', '2001:DB8::1'] },
        { port: 80 },
      ],
    });
    assert.deepEqual(
      listeners.map(({ proxySources }) => proxySources),
      [
        [
          { ip: '10.0.0.0', bits: 8 },
          { ip: '2001:db8::1', bits: 128 },
        ],
        undefined,
      ],
    );
  });

  it('has no TLS where no service terminates it', () => {
    const plain = virtualServiceOf({
      'VirtualService[0].services': [{ port: 80 }],
      'Pool[0].application_persistence_profile_ref': undefined,
    });
    assert.equal(Object.hasOwn(plain, 'tls'), false);
  });

  it('has TLS as its profile says', () => {
    const { tls } = virtualServiceOf({
      'SSLProfile[0].prefer_client_cipher_ordering': true,
      'SSLProfile[0].ssl_session_timeout': 600,
      'SSLProfile[0].ec_named_curve': 'X25519:P-256',
      'SSLProfile[0].signature_algorithm': 'ECDSA+SHA256',
    });
    assert.equal(tls?.honorCipherOrder, false);
    assert.equal(tls?.sessionTimeoutS, 600);
    assert.equal(tls?.groups, 'X25519:P-256');
    assert.equal(tls?.signatureAlgorithms, 'ECDSA+SHA256');
  });

  it("leaves groups and signature algorithms to Node where they are 'auto'", () => {
    const { tls } = virtualServiceOf();
    assert.equal(Object.hasOwn(tls ?? {}, 'groups'), false);
    assert.equal(Object.hasOwn(tls ?? {}, 'signatureAlgorithms'), false);
  });
});

describe('a compiled HTTP profile', () => {
  it('sends clients without TLS to the first port with it, where http_to_https says so', () => {
    const edits = {
      'VirtualService[0].services': [
        { port: 80 },
        { port: 8443, enable_ssl: true },
        { port: 9443, enable_ssl: true },
      ],
    };
    const on = { ...edits, 'ApplicationProfile[0].http_profile.http_to_https': true };
    assert.equal(virtualServiceOf(edits).http.redirectToHttpsPort, undefined);
    assert.equal(virtualServiceOf(on).http.redirectToHttpsPort, 8443);
  });

  it('has its policy of strict transport security in the words of RFC 6797', () => {
    const at = (field: string) => `ApplicationProfile[0].http_profile.${field}`;
    const policyWith = (edits: Record<string, unknown>) =>
      virtualServiceOf(edits).http.strictTransportSecurity;
    assert.equal(policyWith({}), undefined);
    assert.equal(policyWith({ [at('hsts_enabled')]: true }), 'max-age=31536000; includeSubDomains');
    const alone = {
      [at('hsts_enabled')]: true,
      [at('hsts_max_age')]: 0,
      [at('hsts_subdomains_enabled')]: false,
    };
    assert.equal(policyWith(alone), 'max-age=0');
  });

  it('has the times and sizes of its fields, in milliseconds and bytes', () => {
    const http = httpOf({
      client_header_timeout: 11,
      client_body_timeout: 12,
      keepalive_timeout: 13,
      post_accept_timeout: 14,
      max_keepalive_requests: 15,
      client_max_header_size: 2,
      client_max_request_size: 3,
      client_max_body_size: 4,
      connection_multiplexing_enabled: false,
      respond_with_100_continue: false,
      websockets_enabled: false,
    });
    assert.deepEqual(http, {
      connectionMultiplexing: false,
      forwardedFor: { enabled: true, headerName: 'X-Forwarded-For', update: 'replace' },
      forwardedProto: true,
      headTimeoutMs: 11,
      bodyTimeoutMs: 12,
      keepAliveTimeoutMs: 13,
      firstByteTimeoutMs: 14,
      keepAliveRequests: 15,
      fieldLineLimitBytes: 2048,
      headLimitBytes: 3072,
      bodyLimitBytes: 4096,
      fieldCountLimit: 256,
      responseHeadLimitBytes: 49_152,
      forwarded: false,
      dotsInNames: false,
      accelFields: false,
      cookieAttributes: { secure: false, httpOnly: false },
      redirectsToHttps: false,
      keepAliveField: 'none',
      fireAndForget: false,
      hostCheck: true,
      resetsPlainHttp: false,
      http2: { initialWindowBytes: 65_536, streamsMax: 128, requestsMax: 1000 },
      respondWith100Continue: false,
      webSockets: false,
    });
  });

  it('has the switches of its fields', () => {
    const http = httpOf({
      max_header_count: 7,
      max_response_headers_size: 2,
      limpet_forwarded_enabled: true,
      allow_dots_in_header_name: true,
      pass_through_x_accel_headers: true,
      secure_cookie_enabled: true,
      httponly_enabled: true,
      server_side_redirect_to_https: true,
      keepalive_header: true,
      enable_fire_and_forget: true,
      disable_sni_hostname_check: true,
      reset_conn_http_on_ssl_port: true,
      http2_profile: {
        http2_initial_window_size: 128,
        max_http2_concurrent_streams_per_connection: 9,
        max_http2_requests_per_connection: 0,
      },
    });
    assert.equal(http.fieldCountLimit, 7);
    assert.equal(http.responseHeadLimitBytes, 2048);
    assert.deepEqual(
      [http.forwarded, http.dotsInNames, http.accelFields, http.redirectsToHttps, http.fireAndForget],
      [true, true, true, true, true],
    );
    assert.deepEqual(http.cookieAttributes, { secure: true, httpOnly: true });
    assert.deepEqual([http.hostCheck, http.resetsPlainHttp], [false, true]);
    assert.equal(http.keepAliveField, 'own');
    assert.deepEqual(http.http2, { initialWindowBytes: 131_072, streamsMax: 9, requestsMax: 0 });
    const ofServer = httpOf({ keepalive_header: true, use_app_keepalive_timeout: true });
    assert.equal(ofServer.keepAliveField, 'server');
    // No count is a count that no head can reach.
    assert.ok(httpOf({ max_header_count: 0 }).fieldCountLimit > 256 * 256 - 1);
  });

  it('allows a head as large as its largest field', () => {
    assert.equal(httpOf({ client_max_header_size: 64, client_max_request_size: 48 }).headLimitBytes, 65_536);
  });

  for (const [update, compiled] of [
    ['REPLACE_XFF_HEADERS', 'replace'],
    ['APPEND_TO_THE_XFF_HEADER', 'append'],
    ['ADD_NEW_XFF_HEADER', 'add'],
  ] as const) {
    it(`updates X-Forwarded-For by ${compiled} for ${update}`, () => {
      assert.deepEqual(
        httpOf({ xff_update: update, xff_alternate_name: 'X-Client', xff_enabled: false }).forwardedFor,
        {
          enabled: false,
          headerName: 'X-Client',
          update: compiled,
        },
      );
    });
  }
});
