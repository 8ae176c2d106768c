// What no client of good will sends to the API.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { type ApiClient, createPool, type RunningController, startController } from './support/controller.ts';

let controller: RunningController;
let api: ApiClient;
before(async () => {
  controller = await startController();
  api = await controller.login();
});
after(async () => {
  api?.close();
  await controller?.stop();
});

describe('hostile input', () => {
  const json = { 'content-type': 'application/json' };
  const deep = `${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}`;
  const rows: readonly (readonly [
    title: string,
    body: unknown,
    status: number,
    headers?: Record<string, string>,
  ])[] = [
    ['JSON that is cut off', '{"name": "x"', 400],
    ['JSON that is a list', '[]', 400],
    ['JSON that is a text', '"x"', 400],
    ['nothing at all', '', 400],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 400],
    ['10 MB', Buffer.alloc(10 * 2 ** 20, 0x20), 413],
    ['nesting without end', deep, 400],
    ['a __proto__', '{"name":"polluted","__proto__":{"is_superuser":true}}', 400],
    ['a constructor', '{"name":"polluted","constructor":{"prototype":{"x":1}}}', 400],
    ['a __proto__ below', '{"name":"polluted","servers":[{"__proto__":{"enabled":false}}]}', 400],
    ['another content type', 'name=x', 415, { 'content-type': 'application/x-www-form-urlencoded' }],
    ['XML', '<pool/>', 415, { 'content-type': 'text/xml' }],
    ['another charset', '{}', 415, { 'content-type': 'application/json; charset=utf-16' }],
    ['fields of other types', { name: { $gt: '' }, servers: 'x' }, 400],
    ['a number too large', '{"name":"polluted","default_server_port":1e400}', 400],
    ['a Slug that is a path', { name: 'polluted' }, 400, { slug: '../../etc/passwd' }],
    ['a Host that is none', { name: 'polluted' }, 401, { host: 'a b<script>' }],
  ];
  for (const [title, body, status, headers] of rows) {
    it(`${title}: ${status}, and nothing is stored`, async () => {
      const answer = await api
        .post('/api/pool', body, { ...json, ...headers })
        .catch((error: Error) => error);
      // A body that is too large may be answered while it is still sent; the connection then ends.
      if (answer instanceof Error) assert.ok(status === 413, String(answer));
      else assert.equal(answer.status, status, answer.text.slice(0, 500));
      assert.equal((await api.get('/api/pool?name=polluted')).json.count, 0);
    });
  }

  for (const [path, status] of [
    ['/api/pool/%', 400],
    ['/api/pool/%ff%fe', 400],
    ['/api/pool/%00', 404],
    ['/api/pool/..%2f..%2fetc%2fpasswd', 404],
    ['/api/pool/__proto__', 404],
    ['/api/__proto__', 404],
    ['/api/constructor', 404],
    ['/api/constructor/x/y', 404],
    [`/api/pool/${'a'.repeat(2000)}`, 414],
    ['/api/pool?constructor=1', 200],
    ['/api/pool?__proto__[x]=1', 200],
    ['/api/pool?fields=__proto__,constructor', 200],
    ['/api/pool?sort=__proto__', 200],
    ['/api/pool?refers_to=__proto__:x', 400],
    [`/api/pool?sort=${new Array(11).fill('name').join(',')}`, 400],
    [`/api/pool?${Array.from({ length: 200 }, (_, index) => `f${index}=1`).join('&')}`, 400],
    ['/api/configuration/versions/-1', 404],
    ['/api/configuration/versions/1e3/rollback', 404],
  ] as const) {
    it(`GET ${path.slice(0, 60)}: ${status}`, async () => {
      const answer = await api.get(path);
      assert.equal(answer.status, status, answer.text.slice(0, 500));
    });
  }

  it('that is named as what every object of JavaScript has is no fault of the Controller', async () => {
    for (const name of ['toString_data', 'valueOf_data', 'hasOwnProperty']) {
      const macro = { model_name: 'Pool', data: { name: 'polluted', [name]: { name: 'x' } } };
      assert.equal((await api.post('/api/macro', macro)).status, 400, name);
    }
    const host = { host: ':::' };
    assert.equal((await api.raw('GET', '/api/cluster/runtime', { headers: host })).status, 400);
  });

  it('that would be tried out by a call that cannot be tried is refused, and not done', async () => {
    const { uuid } = await createPool(api);
    for (const path of ['/api/user-token', '/api/enrolment-token', `/api/pool/${uuid}/runtime/stats/clear`])
      assert.equal((await api.post(`${path}?dry_run`, {})).status, 400, path);
    assert.equal((await api.get('/api/user-token')).json.count, 0);
  });

  it('without a login is read up to 64 kB, and not at all where a login is needed', async () => {
    const large = Buffer.alloc(100_000, 0x20);
    for (const [path, status] of [
      ['/login', 413],
      ['/api/engine-link/enrol', 413],
      ['/api/pool', 401],
    ] as const)
      assert.equal((await api.raw('POST', path, { body: large, headers: json })).status, status, path);
  });

  it('of any shape is refused or taken, and never a fault of the Controller', async () => {
    const [{ uuid }] = [await createPool(api)];
    const words = [
      'name',
      'uuid',
      'servers',
      'ip',
      'addr',
      'port',
      'pool_ref',
      'pool_ref_data',
      'tenant_ref',
      'add',
    ];
    words.push(
      'replace',
      'delete',
      'json_patch',
      'op',
      'path',
      'value',
      'model_name',
      'data',
      'vip',
      'services',
      'key',
    );
    words.push(
      'health_monitor_refs',
      'health_monitor_refs_data',
      '_last_modified',
      'certificate',
      'password',
      'username',
    );
    const texts = [
      '',
      'Pool',
      'VirtualService',
      'User',
      '/api/pool/x',
      '/api/pool?name=',
      '<sensitive>',
      'remove',
      '/servers/-',
    ];
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        ...[
          fc.constantFrom(...texts),
          fc.integer(),
          fc.double(),
          fc.boolean(),
          fc.constant(null),
          fc.string(),
        ],
        ...[tie('object'), fc.array(tie('value'), { maxLength: 3 })],
      ),
      object: fc.dictionary(fc.constantFrom(...words), tie('value'), { maxKeys: 5 }),
    }));
    const calls = [
      ['POST', '/api/macro'],
      ['POST', '/api/virtualservice'],
      ['POST', '/api/user'],
      ['POST', '/api/sslkeyandcertificate'],
      ['PUT', `/api/pool/${uuid}`],
      ['PATCH', `/api/pool/${uuid}`],
      ['PATCH', '/api/systemconfiguration'],
      ['PUT', '/api/useraccount'],
      ['POST', '/api/user-token'],
      ['POST', '/api/enrolment-token'],
    ] as const;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...calls), value, async ([method, path], body) => {
        // As a dry run, so that what it finds good is not there afterwards.
        const answer = await api.send(method, `${path}?dry_run`, { body: JSON.stringify(body) });
        assert.ok(
          answer.status < 500,
          `${method} ${path} ${JSON.stringify(body)}: ${answer.status} ${answer.text}`,
        );
      }),
      { numRuns: 400 },
    );
  });

  it('leaves the Controller as it was', async () => {
    assert.equal(controller.process.child.exitCode, null);
    assert.equal((await api.get('/api/useraccount')).json.is_superuser, true);
    const failures = controller.process
      .stderr()
      .split('\n')
      .filter((line) => /EXCEPTION|API_FAILED/.test(line));
    assert.deepEqual(failures, []);
  });
});

describe('answers', () => {
  it('are not to be kept, framed or guessed at', async () => {
    for (const answer of [
      await api.get('/api/pool'),
      await api.get('/api/nothing'),
      await api.raw('GET', '/x'),
    ]) {
      assert.equal(answer.headers['cache-control'], 'no-store');
      assert.equal(answer.headers['x-content-type-options'], 'nosniff');
      assert.match(String(answer.headers['content-security-policy']), /default-src 'none'/);
      assert.equal(answer.headers['x-powered-by'], undefined);
    }
  });
});
