// Tests of the cross-object checks: each shows the wrong input and what an operator is told.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  assertOnlyProblem,
  configurationWith,
  load,
  problemsOf,
  validConfiguration,
  whereOf,
} from '../test-configuration.ts';
import { findNotices } from './find-notices.ts';

type Row = readonly [title: string, edits: Readonly<Record<string, unknown>>, where: string, message: RegExp];

function backupBy(pool: string) {
  return { type: 'FAIL_ACTION_BACKUP_POOL', backup_pool: { backup_pool_ref: pool } };
}

const service = { port: 8443, enable_ssl: true };
const otherVirtualService = { ...(validConfiguration().VirtualService?.[0] ?? {}), name: 'other' };
const vip = (addr: string, type: string, vip_id = '1') => ({ vip_id, ip_address: { addr, type } });

const rows: Readonly<Record<string, readonly Row[]>> = {
  'objects of one type': [
    [
      'with one name',
      {
        'ApplicationPersistenceProfile[1]': {
          name: 'demo-persistence',
          persistence_type: 'PERSISTENCE_TYPE_TLS',
        },
      },
      'ApplicationPersistenceProfile "demo-persistence", name',
      /must be unique/,
    ],
    [
      'with one name in two tenants, since a reference does not tell them apart',
      {
        'Pool[1]': {
          name: 'demo-pool',
          tenant_ref: 'other',
          servers: [{ ip: { addr: '10.0.0.1', type: 'V4' } }],
        },
      },
      'Pool "demo-pool", name',
      /must be unique/,
    ],
    [
      'with one uuid',
      {
        'VsVip[0].uuid': 'vsvip-1',
        'VsVip[1]': { name: 'second', uuid: 'vsvip-1', vip: [] },
      },
      'VsVip "second", uuid',
      /is that of "demo-vip"/,
    ],
  ],
  'a health monitor': [
    [
      'of a type that is not implemented',
      { 'HealthMonitor[0].type': 'HEALTH_MONITOR_PING' },
      'HealthMonitor "demo-health", type',
      /HEALTH_MONITOR_PING is not supported yet; use HEALTH_MONITOR_TCP or HEALTH_MONITOR_HTTP/,
    ],
    [
      'that waits as long as it pauses',
      { 'HealthMonitor[0].receive_timeout': 2 },
      'HealthMonitor "demo-health", receive_timeout',
      /must be less than send_interval \(2 s\)/,
    ],
    [
      'whose request does not begin with a request line',
      { 'HealthMonitor[0].http_monitor.http_request': 'GET /health' },
      'HealthMonitor "demo-health", http_monitor.http_request',
      /such as "GET \/ HTTP\/1\.0"/,
    ],
    [
      'of TCP that looks for maintenance in an answer that it does not wait for',
      {
        'HealthMonitor[0].type': 'HEALTH_MONITOR_TCP',
        'HealthMonitor[0].tcp_monitor': { maintenance_response: 'closed' },
      },
      'HealthMonitor "demo-health", tcp_monitor.maintenance_response',
      /needs tcp_response/,
    ],
  ],
  'a pool': [
    [
      'with an algorithm that is not implemented',
      { 'Pool[0].lb_algorithm': 'LB_ALGORITHM_FEWEST_SERVERS' },
      'Pool "demo-pool", lb_algorithm',
      /LB_ALGORITHM_FEWEST_SERVERS is not supported; use one of LB_ALGORITHM_ROUND_ROBIN, /,
    ],
    [
      'that hashes by what cannot be hashed by',
      {
        'Pool[0].lb_algorithm': 'LB_ALGORITHM_CONSISTENT_HASH',
        'Pool[0].lb_algorithm_hash': 'LB_ALGORITHM_CONSISTENT_HASH_URI',
      },
      'Pool "demo-pool", lb_algorithm_hash',
      /CONSISTENT_HASH_URI is not supported; use one of LB_ALGORITHM_CONSISTENT_HASH_SOURCE_IP_ADDRESS, /,
    ],
    [
      'that asks for more monitors than it has',
      { 'Pool[0].min_health_monitors_up': 2 },
      'Pool "demo-pool", min_health_monitors_up',
      /more than the pool has monitors \(1\)/,
    ],
    [
      'whose backup pool is not there',
      { 'Pool[0].fail_action': backupBy('spare') },
      'Pool "demo-pool", fail_action.backup_pool.backup_pool_ref',
      /there is no Pool "spare"/,
    ],
    [
      'that is its own backup',
      { 'Pool[0].fail_action': backupBy('demo-pool') },
      'Pool "demo-pool", fail_action.backup_pool.backup_pool_ref',
      /leads in a circle \("demo-pool", "demo-pool"\)/,
    ],
    [
      'whose backup has it for a backup',
      {
        'Pool[0].fail_action': backupBy('spare'),
        'Pool[1]': {
          name: 'spare',
          servers: [{ ip: { addr: '10.0.0.9', type: 'V4' } }],
          fail_action: backupBy('demo-pool'),
        },
      },
      'Pool "demo-pool", fail_action.backup_pool.backup_pool_ref',
      /leads in a circle \("demo-pool", "spare", "demo-pool"\)/,
    ],
    [
      'that redirects to nowhere',
      { 'Pool[0].fail_action': { type: 'FAIL_ACTION_HTTP_REDIRECT' } },
      'Pool "demo-pool", fail_action.redirect',
      /needs to know where to/,
    ],
    [
      'that would smuggle a field into its redirect',
      {
        'Pool[0].fail_action': {
          type: 'FAIL_ACTION_HTTP_REDIRECT',
          redirect: { host: 'a.example\r\nSet-Cookie: a=b' },
        },
      },
      'Pool "demo-pool", fail_action.redirect.host',
      /must be a host name/,
    ],
    ['without servers', { 'Pool[0].servers': [] }, 'Pool "demo-pool", servers', /at least one server/],
    [
      'with a server by DNS',
      { 'Pool[0].servers[0].ip': { addr: 'web.example', type: 'DNS' } },
      'Pool "demo-pool", servers[0].ip',
      /give an address/,
    ],
    [
      'with an IPv6 address that is called V4',
      { 'Pool[0].servers[1].ip.addr': '::1' },
      'Pool "demo-pool", servers[1].ip.addr',
      /"::1" is no V4 address/,
    ],
    [
      'with what is no address',
      { 'Pool[0].servers[1].ip': { addr: '10.0.0.256', type: 'V4' } },
      'Pool "demo-pool", servers[1].ip.addr',
      /"10\.0\.0\.256" is no V4 address/,
    ],
    [
      'with one server twice',
      { 'Pool[0].servers[1].port': 9001 },
      'Pool "demo-pool", servers[1]',
      /has the address and port of servers\[0\]/,
    ],
    [
      'with one server twice, once by the default port',
      { 'Pool[0].default_server_port': 9001, 'Pool[0].servers[1].port': 0 },
      'Pool "demo-pool", servers[1]',
      /has the address and port of servers\[0\]/,
    ],
    [
      'with one IPv6 server in two notations',
      {
        'Pool[0].servers[0]': { ip: { addr: '2001:DB8::1', type: 'V6' } },
        'Pool[0].servers[1]': { ip: { addr: '2001:db8:0:0::1', type: 'V6' } },
      },
      'Pool "demo-pool", servers[1]',
      /has the address and port of servers\[0\]/,
    ],
    [
      'with a health monitor that is not there',
      { 'Pool[0].health_monitor_refs': ['System-TCP', 'demo-heath'] },
      'Pool "demo-pool", health_monitor_refs[1]',
      /there is no HealthMonitor "demo-heath"/,
    ],
    [
      'with a persistence profile that is not there',
      { 'Pool[0].application_persistence_profile_ref': '/api/applicationpersistenceprofile?name=gone' },
      'Pool "demo-pool", application_persistence_profile_ref',
      /there is no ApplicationPersistenceProfile .*gone/,
    ],
    [
      'with a persistence method that is not implemented',
      { 'ApplicationPersistenceProfile[0].persistence_type': 'PERSISTENCE_TYPE_APP_COOKIE' },
      'ApplicationPersistenceProfile "demo-persistence", persistence_type',
      /PERSISTENCE_TYPE_APP_COOKIE is not supported yet; use PERSISTENCE_TYPE_TLS or PERSISTENCE_TYPE_HTTP_COOKIE/,
    ],
  ],
  'a virtual service': [
    [
      'that redirects to TLS and has none',
      {
        'ApplicationProfile[0].http_profile.http_to_https': true,
        'VirtualService[0].services': [{ port: 80 }],
        'Pool[0].application_persistence_profile_ref': undefined,
      },
      'VirtualService "demo", application_profile_ref',
      /has http_to_https, which needs a service with enable_ssl/,
    ],
    [
      'with a VsVip that is not there',
      { 'VirtualService[0].vsvip_ref': 'gone' },
      'VirtualService "demo", vsvip_ref',
      /there is no VsVip "gone"/,
    ],
    [
      'without an address',
      { 'VirtualService[0].vsvip_ref': undefined },
      'VirtualService "demo", vsvip_ref',
      /give a VsVip with an enabled vip/,
    ],
    [
      'whose only vip is disabled',
      { 'VsVip[0].vip[0].enabled': false },
      'VirtualService "demo", vsvip_ref',
      /give a VsVip with an enabled vip/,
    ],
    [
      'with a vip that has no address',
      { 'VsVip[0].vip[0]': { vip_id: '7' } },
      'VirtualService "demo", vsvip_ref',
      /vip "7" has neither ip_address nor ip6_address/,
    ],
    [
      'with a vip whose address is of the other family',
      { 'VsVip[0].vip[0]': vip('::1', 'V4') },
      'VirtualService "demo", vsvip_ref',
      /"::1" of vip "1" is no V4 address/,
    ],
    [
      'with a vip by DNS',
      { 'VsVip[0].vip[0]': vip('web.example', 'DNS') },
      'VirtualService "demo", vsvip_ref',
      /give an address/,
    ],
    [
      'without a port',
      { 'VirtualService[0].services': [], 'Pool[0].application_persistence_profile_ref': undefined },
      'VirtualService "demo", services',
      /at least one port/,
    ],
    [
      'with a range of ports',
      { 'VirtualService[0].services[0].port_range_end': 8450 },
      'VirtualService "demo", services[0].port_range_end',
      /give each port a service of its own/,
    ],
    [
      'with HTTP/2 where TLS is off',
      { 'VirtualService[0].services': [service, { port: 8080, enable_http2: true }] },
      'VirtualService "demo", services[1].enable_http2',
      /needs enable_ssl/,
    ],
    [
      'with an application profile that is not there',
      { 'VirtualService[0].application_profile_ref': 'gone' },
      'VirtualService "demo", application_profile_ref',
      /there is no ApplicationProfile "gone"/,
    ],
    [
      'with an application profile that is not HTTP',
      { 'ApplicationProfile[0].type': 'APPLICATION_PROFILE_TYPE_L4' },
      'VirtualService "demo", application_profile_ref',
      /"demo-http" is of APPLICATION_PROFILE_TYPE_L4; only APPLICATION_PROFILE_TYPE_HTTP/,
    ],
    [
      'with an SSL profile that is not there',
      { 'VirtualService[0].ssl_profile_ref': 'gone' },
      'VirtualService "demo", ssl_profile_ref',
      /there is no SSLProfile "gone"/,
    ],
    [
      'with TLS and no certificate',
      { 'VirtualService[0].ssl_key_and_certificate_refs': [] },
      'VirtualService "demo", ssl_key_and_certificate_refs',
      /needs a certificate/,
    ],
    [
      'with a certificate that is not there',
      { 'VirtualService[0].ssl_key_and_certificate_refs[1]': 'gone' },
      'VirtualService "demo", ssl_key_and_certificate_refs[1]',
      /there is no SSLKeyAndCertificate "gone"/,
    ],
    [
      "with a CA's certificate",
      { 'SSLKeyAndCertificate[0].type': 'SSL_CERTIFICATE_TYPE_CA' },
      'VirtualService "demo", ssl_key_and_certificate_refs[0]',
      /"demo-certificate" is a CA's certificate; give one of SSL_CERTIFICATE_TYPE_VIRTUALSERVICE/,
    ],
    [
      'without a pool',
      { 'VirtualService[0].pool_ref': undefined },
      'VirtualService "demo", pool_ref',
      /needs a pool/,
    ],
    [
      'with a pool that is not there',
      { 'VirtualService[0].pool_ref': 'gone' },
      'VirtualService "demo", pool_ref',
      /there is no Pool "gone"/,
    ],
    [
      "on another's address and port",
      { 'VirtualService[1]': otherVirtualService },
      'VirtualService "other", services[0].port',
      /127\.0\.0\.1:8443 belongs to virtual service "demo"; give it another port or address/,
    ],
    [
      "on another's IPv6 address in another notation",
      {
        'VsVip[0].vip[0]': { vip_id: '1', ip6_address: { addr: '::1', type: 'V6' } },
        'VsVip[1]': { name: 'v6', vip: [{ vip_id: '1', ip6_address: { addr: '0:0::1', type: 'V6' } }] },
        'VirtualService[1]': { ...otherVirtualService, vsvip_ref: 'v6' },
      },
      'VirtualService "other", services[0].port',
      /\[::1\]:8443 belongs to virtual service "demo"/,
    ],
  ],
  'HTTP cookie persistence': [
    [
      'with a cookie that outlives the session and has no timeout',
      {
        'ApplicationPersistenceProfile[0].persistence_type': 'PERSISTENCE_TYPE_HTTP_COOKIE',
        'ApplicationPersistenceProfile[0].http_cookie_persistence_profile': { is_persistent_cookie: true },
      },
      'ApplicationPersistenceProfile "demo-persistence", http_cookie_persistence_profile.is_persistent_cookie',
      /needs a timeout/,
    ],
    [
      'with a cookie name that could be two things',
      { 'ApplicationPersistenceProfile[0].http_cookie_persistence_profile': { cookie_name: 'a=b; c' } },
      'ApplicationPersistenceProfile "demo-persistence", http_cookie_persistence_profile.cookie_name',
      /must be a token/,
    ],
    [
      'with a timeout beyond ten days',
      { 'ApplicationPersistenceProfile[0].http_cookie_persistence_profile': { timeout: 14_401 } },
      'ApplicationPersistenceProfile "demo-persistence", http_cookie_persistence_profile.timeout',
      /must be 0 or 1 to 14400/,
    ],
    [
      'with a cookie that browsers refuse where there is no TLS',
      {
        'ApplicationPersistenceProfile[0].persistence_type': 'PERSISTENCE_TYPE_HTTP_COOKIE',
        'ApplicationPersistenceProfile[0].http_cookie_persistence_profile': { cookie_name: '__Host-web' },
        'VirtualService[0].services': [{ port: 8443, enable_ssl: true }, { port: 8080 }],
      },
      'VirtualService "demo", services[1]',
      /"demo-pool" has a cookie "__Host-web".*over TLS only/,
    ],
  ],
  'TLS persistence': [
    [
      'on a virtual service that does not terminate HTTPS',
      { 'VirtualService[0].services': [{ port: 8080 }] },
      'VirtualService "demo", services',
      /"demo-pool" has TLS persistence \("demo-persistence"\).*enable_ssl; turn it on, or take the profile/,
    ],
    [
      'where sessions are not reused',
      { 'SSLProfile[0].enable_ssl_session_reuse': false },
      'VirtualService "demo", ssl_profile_ref',
      /enable_ssl_session_reuse of SSLProfile "demo-tls"; turn it on, or take the profile/,
    ],
  ],
};

describe('validation', () => {
  it('finds nothing wrong in the valid configuration', () => {
    assert.deepEqual(problemsOf(validConfiguration()), []);
  });

  for (const [object, list] of Object.entries(rows)) {
    describe(`refuses ${object}`, () => {
      for (const [title, edits, where, message] of list) {
        it(title, () => assertOnlyProblem(configurationWith(edits), where, message));
      }
    });
  }

  it('tells of everything that is wrong at once, unknown fields among it', () => {
    const problems = problemsOf(
      configurationWith({
        'Pool[0].lb_algoritm': 'LB_ALGORITHM_ROUND_ROBIN',
        'Pool[0].servers': [],
        'HealthMonitor[0].receive_timeout': 9,
        'VirtualService[0].vsvip_ref': 'gone',
        'SSLKeyAndCertificate[0].key': 'no key',
      }),
    );
    assert.deepEqual(problems.map(whereOf), [
      'Pool "demo-pool", lb_algoritm',
      'HealthMonitor "demo-health", receive_timeout',
      'Pool "demo-pool", servers',
      'VirtualService "demo", vsvip_ref',
      'SSLKeyAndCertificate "demo-certificate", key',
    ]);
  });

  it('does not call a reference dangling when its object could not be read', () => {
    const problems = problemsOf(configurationWith({ 'Pool[0].servers[0].port': 70_000 }));
    assert.deepEqual(problems.map(whereOf), ['Pool "demo-pool", servers[0].port']);
  });

  it('lets two virtual services ask for any free port', () => {
    const services = [{ port: 0, enable_ssl: true }];
    const input = configurationWith({
      'VirtualService[0].services': services,
      'VirtualService[1]': { ...otherVirtualService, services },
    });
    assert.deepEqual(problemsOf(input), []);
  });

  it('does not look at a virtual service that is disabled', () => {
    const input = configurationWith({
      'VirtualService[0].enabled': false,
      'VirtualService[0].pool_ref': 'gone',
    });
    assert.deepEqual(load(input).compiled.snapshot.virtualServices, []);
  });

  it('accepts sessions that are not reused where no profile needs them', () => {
    const input = configurationWith({
      'SSLProfile[0].enable_ssl_session_reuse': false,
      'Pool[0].application_persistence_profile_ref': undefined,
    });
    assert.deepEqual(problemsOf(input), []);
  });

  it('takes a link-local server with its zone', () => {
    const input = configurationWith({ 'Pool[0].servers[0].ip': { addr: 'FE80:0::1%eth0', type: 'V6' } });
    assert.equal(load(input).compiled.snapshot.pools[0]?.servers[0]?.address.ip, 'fe80::1%eth0');
  });

  it('notices protocol versions that are never offered, and certificates of authorities', () => {
    const { objects, notices } = load(
      configurationWith({
        'SSLProfile[0].accepted_versions': [{ type: 'SSL_VERSION_TLS1_1' }, { type: 'SSL_VERSION_TLS1_2' }],
        'SSLKeyAndCertificate[1]': {
          name: 'ca',
          type: 'SSL_CERTIFICATE_TYPE_CA',
          certificate: { certificate: 'PEM' },
        },
      }),
    );
    assert.deepEqual(notices, findNotices(objects));
    assert.deepEqual(notices.map(whereOf), [
      'SSLProfile "demo-tls", accepted_versions[0]',
      'SSLKeyAndCertificate "ca", type',
    ]);
    assert.match(notices[0]?.message ?? '', /SSL_VERSION_TLS1_1 is never offered/);
  });
});
