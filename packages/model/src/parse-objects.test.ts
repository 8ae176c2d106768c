// Tests of parsing: what is said about fields that are wrong, unknown or without effect, whatever JSON comes in.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { objectSchemas } from './objects/schemas.ts';
import { parseObjects } from './parse-objects.ts';
import {
  assertOnlyProblem,
  configurationWith,
  ecCertificate,
  problemsOf,
  whereOf,
} from './test-configuration.ts';

/** The notices and problems of the valid configuration with one field more. */
function parseWith(edits: Readonly<Record<string, unknown>>) {
  const { problems, notices, objects } = parseObjects(configurationWith(edits));
  return { problems, notices, objects };
}

describe('a value that a field cannot have', () => {
  const rows: readonly (readonly [path: string, value: unknown, where: string, message: RegExp])[] = [
    ['Pool[0].name', undefined, 'Pool "#0", name', /must be string/],
    ['Pool[0].name', 'a/b', 'Pool "a/b", name', /letters, digits, space/],
    ['Pool[0].enabled', 'yes', 'Pool "demo-pool", enabled', /must be boolean/],
    ['Pool[0].default_server_port', 0, 'Pool "demo-pool", default_server_port', />=1/],
    ['Pool[0].servers[0].port', 65_536, 'Pool "demo-pool", servers[0].port', /must be 0 or 1 to 65535/],
    ['Pool[0].servers[0].ratio', 21, 'Pool "demo-pool", servers[0].ratio', /<=20/],
    ['Pool[0].servers[0].ratio', 0, 'Pool "demo-pool", servers[0].ratio', />=1/],
    ['Pool[0].servers[0].ratio', 1.5, 'Pool "demo-pool", servers[0].ratio', /must be int/],
    ['Pool[0].servers[0].ip', undefined, 'Pool "demo-pool", servers[0].ip', /must be object/],
    ['Pool[0].servers[1].ip.type', 'V5', 'Pool "demo-pool", servers[1].ip.type', /"V4"\|"V6"\|"DNS"/],
    ['Pool[0].lb_algorithm', 'ROUND_ROBIN', 'Pool "demo-pool", lb_algorithm', /LB_ALGORITHM_ROUND_ROBIN/],
    ['HealthMonitor[0].failed_checks', 51, 'HealthMonitor "demo-health", failed_checks', /<=50/],
    [
      'HealthMonitor[0].http_monitor.http_response_code',
      [],
      'HealthMonitor "demo-health", http_monitor.http_response_code',
      /1/,
    ],
    ['SSLProfile[0].ssl_session_timeout', 604_801, 'SSLProfile "demo-tls", ssl_session_timeout', /<=604800/],
    ['SSLProfile[0].ssl_session_timeout', 0, 'SSLProfile "demo-tls", ssl_session_timeout', />=1/],
    [
      'ApplicationProfile[0].http_profile.xff_alternate_name',
      'X Forwarded',
      'ApplicationProfile "demo-http", http_profile.xff_alternate_name',
      /must be a field name/,
    ],
    [
      'ApplicationProfile[0].http_profile.xff_alternate_name',
      'Content-Length',
      'ApplicationProfile "demo-http", http_profile.xff_alternate_name',
      /must not be a field that frames/,
    ],
    [
      'ApplicationProfile[0].http_profile.xff_alternate_name',
      'Forwarded',
      'ApplicationProfile "demo-http", http_profile.xff_alternate_name',
      /use limpet_forwarded_enabled/,
    ],
    [
      'ApplicationProfile[0].http_profile.client_max_header_size',
      65,
      'ApplicationProfile "demo-http", http_profile.client_max_header_size',
      /<=64/,
    ],
    ['VirtualService[0].services[0].port', -1, 'VirtualService "demo", services[0].port', />=0/],
    ['VirtualService[0]', 'demo', 'VirtualService "#0"', /must be object/],
    ['VirtualService[0]', [], 'VirtualService "#0"', /must be object/],
    ['Pool', {}, 'Pool ""', /must be an array of at most 10000 objects/],
  ];
  for (const [path, value, where, message] of rows) {
    it(`is refused: ${path} = ${JSON.stringify(value)}`, () =>
      assertOnlyProblem(configurationWith({ [path]: value }), where, message));
  }

  it('is never quoted where it may be key material', () => {
    const key = `${ecCertificate.privateKeyPem}${'#'.repeat(70_000)}`;
    const problems = problemsOf(configurationWith({ 'SSLKeyAndCertificate[0].key': key }));
    assert.deepEqual(problems.map(whereOf), ['SSLKeyAndCertificate "demo-certificate", key']);
    assert.doesNotMatch(JSON.stringify(problems), /PRIVATE|####/);
  });
});

describe('a field that Avi does not have', () => {
  it('is an error that suggests the field that was meant', () => {
    assertOnlyProblem(
      configurationWith({ 'Pool[0].lb_algoritm': 'LB_ALGORITHM_ROUND_ROBIN' }),
      'Pool "demo-pool", lb_algoritm',
      /Pool has no such field; did you mean "lb_algorithm"\?/,
    );
  });

  it('is told with its place in a nested object', () => {
    assertOnlyProblem(
      configurationWith({ 'Pool[0].servers[1].ip.adr': '127.0.0.1' }),
      'Pool "demo-pool", servers[1].ip.adr',
      /IpAddr has no such field; did you mean "addr"\?/,
    );
  });

  it('gets no suggestion when nothing is like it', () => {
    const [problem] = problemsOf(configurationWith({ 'VsVip[0].colour_of_the_rack': 1 }));
    assert.equal(problem?.message, 'VsVip has no such field');
  });

  for (const field of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
    it(`is an error even if every object has it: ${field}`, () => {
      const text = JSON.stringify(configurationWith({ 'Pool[0].x': { polluted: true } }));
      const input: unknown = JSON.parse(text.replace('"x":', `"${field}":`));
      assertOnlyProblem(input, `Pool "demo-pool", ${field}`, /no such field/);
      assert.equal((Object.prototype as { polluted?: unknown }).polluted, undefined);
    });
  }

  it('does not become the prototype of an object that was read', () => {
    const text = JSON.stringify(
      configurationWith({ 'Pool[0].x': { max_concurrent_connections_per_server: 1 } }),
    );
    const { objects } = parseObjects(JSON.parse(text.replace('"x":', '"__proto__":')));
    assert.equal(Object.getPrototypeOf(objects.Pool[0]), Object.prototype);
    assert.equal(objects.Pool[0]?.max_concurrent_connections_per_server, 0);
  });
});

describe('a type that Avi does not have', () => {
  it('is an error that suggests the type that was meant', () => {
    const problems = problemsOf({ ...configurationWith({}), VirtualServices: [] });
    assert.deepEqual(problems.map(whereOf), ['VirtualServices ""']);
    assert.match(problems[0]?.message ?? '', /no type that Limpet knows; did you mean "VirtualService"\?/);
  });

  it('is an error even if every object has a field of its name', () => {
    const input: unknown = JSON.parse('{"__proto__": [{"name": "a"}], "constructor": []}');
    assert.deepEqual(problemsOf(input).map(whereOf), ['__proto__ ""', 'constructor ""']);
  });
});

describe('a field of Avi that is not implemented', () => {
  it('is noticed without its value: the key of a cookie is a secret', () => {
    const aes_key = 'ShYGZdMks8j6Bpvm2sCvaXWzvXms2Z9ob';
    const { problems, notices } = parseWith({
      'ApplicationPersistenceProfile[0].http_cookie_persistence_profile': {
        encryption_key: 'first',
        key: [{ name: 'first', aes_key }],
      },
    });
    assert.deepEqual(problems, []);
    assert.deepEqual(notices.map(whereOf), [
      'ApplicationPersistenceProfile "demo-persistence", http_cookie_persistence_profile.encryption_key',
      'ApplicationPersistenceProfile "demo-persistence", http_cookie_persistence_profile.key',
    ]);
    assert.ok(!JSON.stringify(notices).includes(aes_key));
  });

  it('is noticed when it is set, and does not make the configuration invalid', () => {
    const { problems, notices } = parseWith({ 'Pool[0].lookup_server_by_name': true });
    assert.deepEqual(problems, []);
    assert.deepEqual(notices.map(whereOf), ['Pool "demo-pool", lookup_server_by_name']);
    assert.match(notices[0]?.message ?? '', /is not implemented yet and has no effect/);
  });

  it('is noticed in a nested object, with its place', () => {
    const { notices } = parseWith({
      'Pool[0].servers[1].verify_network': true,
      'ApplicationProfile[0].http_profile.http2_profile.enable_http2_server_push': true,
      'VsVip[0].vip[0].prefix_length': 24,
    });
    assert.deepEqual(notices.map(whereOf).sort(), [
      'ApplicationProfile "demo-http", http_profile.http2_profile.enable_http2_server_push',
      'Pool "demo-pool", servers[1].verify_network',
      'VsVip "demo-vip", vip[0].prefix_length',
    ]);
  });

  it('is refused where to pass over it would be to believe anybody', () => {
    assertOnlyProblem(
      configurationWith({ 'ApplicationProfile[0].http_profile.use_true_client_ip': true }),
      'ApplicationProfile "demo-http", http_profile.use_true_client_ip',
      /cannot be passed over/,
    );
  });

  it('is not noticed when it says what is done anyway', () => {
    const { notices, problems } = parseWith({
      'Pool[0].capacity_estimation': false,
      'Pool[0].connection_ramp_duration': 10,
      'Pool[0].domain_name': [],
      'VirtualService[0].fqdn': '',
      'VirtualService[0].analytics_policy': null,
    });
    assert.deepEqual([...notices, ...problems], []);
  });

  for (const [path, value] of [
    ['VirtualService[0].pool_group_ref', 'group'],
    ['VirtualService[0].vh_matches', [{ host: 'a.test' }]],
    ['VirtualService[0].http_policies', [{}]],
    ['VirtualService[0].network_security_policy_ref', 'policy'],
    ['VirtualService[0].traffic_enabled', false],
    ['VirtualService[0].vs_datascripts', [{}]],
    ['VirtualService[0].service_pool_select', [{}]],
    ['Pool[0].use_service_port', true],
    ['Pool[0].ipaddrgroup_ref', 'group'],
    ['Pool[0].servers[0].resolve_server_by_dns', true],
  ] as const) {
    it(`is an error where passing over it would do something else: ${path}`, () => {
      const problems = problemsOf(configurationWith({ [path]: value }));
      assert.deepEqual(
        problems.map(({ field }) => field),
        [path.slice(path.indexOf('.') + 1)],
      );
      assert.match(problems[0]?.message ?? '', /cannot be passed over; take it out/);
    });
  }
});

describe('parsing', () => {
  it('adds the system objects and lets one of the same name take their place', () => {
    const { objects } = parseWith({
      'HealthMonitor[1]': { name: 'System-TCP', type: 'HEALTH_MONITOR_TCP', send_interval: 60 },
    });
    const named = objects.HealthMonitor.filter(({ name }) => name === 'System-TCP');
    assert.deepEqual(
      named.map(({ send_interval }) => send_interval),
      [60],
    );
    assert.ok(objects.SSLProfile.some(({ name }) => name === 'System-Standard'));
  });

  it('reads no configuration from what is no object of arrays', () => {
    for (const input of [null, 1, 'text', true, [], undefined]) {
      const { problems, isWhole } = parseObjects(input);
      assert.deepEqual(problems.map(whereOf), ['configuration ""']);
      assert.equal(isWhole, false);
    }
  });

  it('answers arbitrary JSON with objects and problems, and never throws', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (input) => {
        const { objects, problems, isWhole } = parseObjects(input);
        assert.ok(isWhole || problems.length > 0);
        assert.deepEqual(Object.keys(objects), Object.keys(objectSchemas));
      }),
    );
  });

  it('answers arbitrary JSON in the place of any field, and never throws', () => {
    const paths = fc.constantFrom(
      'Pool',
      'Pool[0]',
      'Pool[0].servers',
      'Pool[0].servers[0]',
      'Pool[0].servers[0].ip',
      'Pool[0].servers[0].ip.addr',
      'Pool[0].conn_pool_properties',
      'Pool[0].health_monitor_refs',
      'HealthMonitor[0].http_monitor',
      'HealthMonitor[0].http_monitor.http_request',
      'ApplicationProfile[0].http_profile',
      'SSLProfile[0].accepted_versions',
      'SSLProfile[0].accepted_versions[0]',
      'SSLProfile[0].accepted_ciphers',
      'SSLProfile[0].ciphersuites',
      'SSLProfile[0].ec_named_curve',
      'SSLProfile[0].signature_algorithm',
      'SSLKeyAndCertificate[0].certificate',
      'SSLKeyAndCertificate[0].key',
      'VsVip[0].vip',
      'VsVip[0].vip[0].ip_address',
      'VirtualService[0].services[0]',
      'VirtualService[0].pool_ref',
    );
    fc.assert(
      // problemsOf asserts that nothing but LimpetError is thrown.
      fc.property(
        paths,
        fc.jsonValue(),
        (path, value) => void problemsOf(configurationWith({ [path]: value })),
      ),
      { numRuns: 300 },
    );
  });
});
