// How a client logs in to the API and what it may do then: sessions, tokens, versions, tenants.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  ADMIN_PASSWORD,
  ApiClient,
  assertRefused,
  createPool,
  fresh,
  poolBody,
  type RunningController,
  startController,
} from './support/controller.ts';

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

describe('login and session', () => {
  const good = { username: 'admin', password: ADMIN_PASSWORD };
  const form = { 'content-type': 'application/x-www-form-urlencoded' };

  for (const [title, body, headers] of [
    ['a form, as the Python SDK', new URLSearchParams(good).toString(), form],
    ['JSON, as the Go SDK', JSON.stringify(good), { 'content-type': 'application/json' }],
  ] as const) {
    it(`takes ${title} sends it, and sets three cookies`, async () => {
      const answer = await api.raw('POST', '/login', { body, headers });
      assert.equal(answer.status, 200, answer.text);
      const cookies = answer.headers['set-cookie'] ?? [];
      const cookie = (name: string): string =>
        cookies.find((text) => text.startsWith(`${name}=`)) ?? assert.fail(name);
      const session = cookie('avi-sessionid');
      assert.match(cookie('csrftoken'), /; Max-Age=31536000;.*Path=\/.*Secure/);
      assert.doesNotMatch(cookie('csrftoken'), /HttpOnly/);
      assert.match(session, /; Max-Age=86400;.*Path=\/.*Secure.*HttpOnly/);
      assert.equal(cookie('sessionid'), session.replace('avi-', ''));
      assert.equal(answer.json.session_cookie_name, 'avi-sessionid');
    });
  }

  it('answers a login with who it is, tenants, version and timeouts', async () => {
    const { json } = await api.raw('POST', '/login', {
      body: good,
      headers: { 'content-type': 'application/json' },
    });
    assert.equal(json.user_initialized, true);
    assert.deepEqual([json.user.username, json.user.is_superuser, json.user.local], ['admin', true, true]);
    assert.match(json.user.default_tenant_ref, /\/api\/tenant\/admin$/);
    assert.deepEqual(json.tenants, [
      {
        url: `https://127.0.0.1:${controller.port}/api/tenant/admin`,
        uuid: 'admin',
        name: 'admin',
        local: true,
      },
    ]);
    assert.equal(json.controller.api_idle_timeout, 15);
    for (const field of ['Version', 'build', 'Tag', 'ProductName', 'Product', 'Date', 'min_version'])
      assert.ok(Object.hasOwn(json.version, field), field);
    assert.equal(typeof json.system_config, 'object');
  });

  for (const [title, body, headers] of [
    ['a wrong password', { username: 'admin', password: 'no' }, {}],
    ['a name that is not there', { username: 'nobody', password: ADMIN_PASSWORD }, {}],
    ['a wrong token', { username: 'admin', token: 'no' }, {}],
    ['no password', { username: 'admin' }, {}],
    ['other types', { username: ['admin'], password: { $ne: '' } }, {}],
    ['an empty form', 'x=1', form],
  ] as const) {
    it(`refuses ${title} with 401, and does not say which`, async () => {
      const answer = await api.raw('POST', '/login', {
        body,
        headers: { 'content-type': 'application/json', ...headers },
      });
      assertRefused(answer, 401, 'wrong name or password');
      assert.equal(answer.headers['set-cookie'], undefined);
    });
  }

  it('refuses what has no session, and a session that is none, with 401', async () => {
    for (const headers of [
      {},
      { cookie: 'sessionid=x; avi-sessionid=x' },
      { authorization: 'Token x' },
      { authorization: 'x' },
    ])
      assert.equal((await api.raw('GET', '/api/pool', { headers })).status, 401);
  });

  it('ends a session by logout', async () => {
    const other = await controller.login();
    assert.equal((await other.get('/api/pool')).status, 200);
    const kept = new Map(other.cookies);
    assert.equal((await other.post('/logout', {})).status, 200);
    for (const [name, value] of kept) other.cookies.set(name, value);
    assert.equal((await other.get('/api/pool')).status, 401);
    other.close();
  });

  it('sets the session cookies again with every answer', async () => {
    const { headers } = await api.get('/api/pool');
    assert.deepEqual(
      headers['set-cookie']?.map((text) => text.split('=')[0]),
      ['avi-sessionid', 'sessionid'],
    );
  });

  it('refuses a change without the CSRF token, or with a wrong one, with 401 in plain text', async () => {
    for (const token of ['', 'wrong', `${api.cookies.get('csrftoken')}x`]) {
      const answer = await api.post('/api/pool', poolBody(), { 'x-csrftoken': token });
      assert.equal(answer.status, 401);
      assert.equal(answer.text, 'CSRF token missing or incorrect.');
      assert.match(answer.headers['content-type'] ?? '', /^text\/plain/);
    }
    assert.equal((await api.get('/api/pool', { 'x-csrftoken': 'wrong' })).status, 200, 'reading needs none');
  });

  it('refuses a change, and a login, that comes from another site', async () => {
    const body = { username: 'admin', password: ADMIN_PASSWORD };
    for (const headers of [
      { referer: 'https://evil.example/' },
      { origin: 'https://evil.example' },
      { origin: 'null' },
    ]) {
      assert.equal((await api.post('/api/pool', poolBody(), headers)).status, 401);
      const login = await api.raw('POST', '/login', {
        body,
        headers: { 'content-type': 'application/json', ...headers },
      });
      assert.equal(login.status, 401);
      assert.equal(login.headers['set-cookie'], undefined);
    }
  });

  it('takes the last of cookies that come twice', async () => {
    const session = api.cookies.get('sessionid');
    const csrf = api.cookies.get('csrftoken') ?? '';
    const pairs = (value: string | undefined) =>
      `csrftoken=${csrf}; sessionid=${value}; avi-sessionid=${value}`;
    const stale = await api.raw('GET', '/api/pool', {
      headers: { cookie: `${pairs(session)}; ${pairs('stale')}` },
    });
    assert.equal(stale.status, 401);
    const answer = await api.raw('POST', '/api/pool', {
      body: poolBody(),
      headers: {
        cookie: `${pairs('stale')}; ${pairs(session)}`,
        'x-csrftoken': csrf,
        'content-type': 'application/json',
      },
    });
    assert.equal(answer.status, 201, answer.text);
  });

  it('allows basic authentication only where the system configuration does', async () => {
    const headers = { authorization: `Basic ${Buffer.from(`admin:${ADMIN_PASSWORD}`).toString('base64')}` };
    assertRefused(await api.raw('GET', '/api/pool', { headers }), 401, /basic/);
    const allow = (value: boolean) =>
      api.patch('/api/systemconfiguration', {
        replace: { portal_configuration: { allow_basic_authentication: value } },
      });
    assert.equal((await allow(true)).status, 200);
    assert.equal((await api.raw('GET', '/api/pool', { headers })).status, 200);
    const wrong = { authorization: `Basic ${Buffer.from('admin:no').toString('base64')}` };
    assert.equal((await api.raw('GET', '/api/pool', { headers: wrong })).status, 401);
    await allow(false);
    assert.equal((await api.raw('GET', '/api/pool', { headers })).status, 401);
  });

  it('takes a token in place of a password and with every request, until it is revoked', async () => {
    const { status, json } = await api.post('/api/user-token', { hours: 1, description: 'ci' });
    assert.equal(status, 201);
    const login = () =>
      api.raw('POST', '/login', {
        body: new URLSearchParams({ username: 'admin', token: json.token }).toString(),
        headers: form,
      });
    const headers = { authorization: `Token ${json.token}`, 'content-type': 'application/json' };
    const create = () => api.raw('POST', '/api/pool', { body: poolBody(), headers });
    assert.equal((await login()).status, 200);
    assert.equal((await create()).status, 201, 'without a CSRF token, since no browser sends it by itself');
    const listed = (await api.get('/api/user-token')).json.results.find(
      ({ uuid }: { uuid: string }) => uuid === json.uuid,
    );
    assert.equal(listed.description, 'ci');
    assert.ok(!JSON.stringify(listed).includes(json.token));
    assert.equal((await api.delete(`/api/user-token/${json.uuid}`)).status, 204);
    assert.equal((await create()).status, 401);
    assert.equal((await login()).status, 401);
  });

  it('lets a user change the password, which ends the other sessions', async () => {
    const username = fresh('user');
    const created = await api.post('/api/user', {
      username,
      name: username,
      password: 'first password',
      is_superuser: true,
    });
    assert.equal(created.status, 201, created.text);
    assert.equal(created.json.password, '<sensitive>');
    const [one, other] = [new ApiClient(controller.port), new ApiClient(controller.port)];
    for (const client of [one, other])
      assert.equal((await client.login(username, 'first password')).status, 200);
    const change = (old_password: string, password: string) =>
      one.put('/api/useraccount', { old_password, password });
    assertRefused(await change('wrong', 'second password'), 403, /old_password/);
    assertRefused(await change('first password', 'short'), 400, /password/);
    assert.equal((await change('first password', 'second password')).status, 200);
    assert.equal((await one.get('/api/useraccount')).json.username, username);
    assert.equal((await other.get('/api/useraccount')).status, 401);
    assert.equal((await other.login(username, 'first password')).status, 401);
    assert.equal((await other.login(username, 'second password')).status, 200);
    one.close();
    other.close();
  });
});

describe('versions and tenants', () => {
  it('speaks 16.4.1 where no version is sent, and says which version it speaks', async () => {
    for (const [version, spoken] of [
      ['', '16.4.1'],
      ['18.2.6', '18.2.6'],
      ['30.2.1', '30.2.1'],
    ] as const) {
      api.version = version;
      assert.equal((await api.get('/api/pool')).headers.avi_api_version, spoken);
    }
    api.version = '30.2.1';
  });

  it('refuses a version that is newer or none', async () => {
    for (const version of ['99.1.1', 'x'])
      assertRefused(await api.get('/api/pool', { 'x-avi-version': version }), 400, /Invalid version/);
  });

  it('refuses a field that the version of the request does not have, in the words of Avi', async () => {
    const body = { ...poolBody(), append_port: 'NEVER' };
    assertRefused(
      await api.post('/api/pool', body, { 'x-avi-version': '18.2.2' }),
      400,
      'Incoming request (v18_2_2) has field (append_port) introduced in later versions(v21_1_1).',
    );
    assert.equal((await api.get(`/api/pool?name=${body.name}`)).json.count, 0);
  });

  it('hides what an older version does not have, and keeps it when that sends the object back', async () => {
    const { uuid } = await createPool(api, { append_port: 'NEVER' });
    const old = { 'x-avi-version': '18.2.2' };
    const { json } = await api.get(`/api/pool/${uuid}`, old);
    assert.ok(!Object.hasOwn(json, 'append_port'));
    assert.equal(
      (await api.put(`/api/pool/${uuid}`, { ...json, description: 'by an old one' }, old)).status,
      200,
    );
    const now = (await api.get(`/api/pool/${uuid}`)).json;
    assert.deepEqual([now.append_port, now.description], ['NEVER', 'by an old one']);
  });

  it('keeps tenants apart: names are unique in one, and another does not see its objects', async () => {
    const name = fresh('tenant');
    const tenant = await api.post('/api/tenant', { name });
    assert.equal(tenant.status, 201, tenant.text);
    const pool = await createPool(api);
    const own = await api.post('/api/pool', poolBody({ name: pool.name }), { 'x-avi-tenant': name });
    assert.equal(own.status, 201, own.text);
    assert.match(own.json.tenant_ref, new RegExp(`/api/tenant/${tenant.json.uuid}#${name}$`));
    const counts = async (headers: Record<string, string>) =>
      (await api.get(`/api/pool?name=${pool.name}`, headers)).json.count;
    assert.equal(await counts({}), 1);
    assert.equal(await counts({ 'x-avi-tenant': name }), 1);
    assert.equal(await counts({ 'x-avi-tenant': '', 'x-avi-tenant-uuid': tenant.json.uuid }), 1);
    assert.equal(await counts({ 'x-avi-tenant': '*' }), 2);
    assert.equal((await api.get(`/api/pool/${own.json.uuid}`)).status, 404);
    const system = await api.get('/api/applicationprofile?name=System-HTTP', { 'x-avi-tenant': name });
    assert.equal(system.json.count, 1, 'system objects are for all');
    assertRefused(await api.get('/api/pool', { 'x-avi-tenant': 'nowhere' }), 404, 'Tenant object not found!');
  });

  it('lets a user who is no superuser see and change only what is of the own tenant', async () => {
    const name = fresh('tenant');
    const tenant = (await api.post('/api/tenant', { name })).json;
    const username = fresh('user');
    const created = await api.post('/api/user', {
      ...{
        username,
        name: username,
        password: 'some password',
        default_tenant_ref: `/api/tenant/${tenant.uuid}`,
      },
      access: [{ tenant_ref: `/api/tenant/${tenant.uuid}` }],
    });
    assert.equal(created.status, 201, created.text);
    const { uuid } = await createPool(api);
    const user = new ApiClient(controller.port);
    user.tenant = '';
    assert.equal((await user.login(username, 'some password')).status, 200);
    const own = await user.post('/api/pool', poolBody());
    assert.equal(own.status, 201, own.text);
    for (const [path, status] of [
      [`/api/pool/${uuid}`, 404],
      ['/api/user', 403],
      ['/api/configuration/versions', 403],
    ] as const)
      assert.equal((await user.get(path)).status, status, path);
    assert.equal((await user.get('/api/pool', { 'x-avi-tenant': 'admin' })).status, 403);
    assert.equal((await user.get('/api/pool', { 'x-avi-tenant': '*' })).json.count, 1);
    assert.equal((await user.put('/api/systemconfiguration', {})).status, 403);
    assert.equal(
      (await user.post('/api/pool', { ...poolBody(), tenant_ref: '/api/tenant/admin' })).status,
      403,
    );
    const [system] = (await user.get('/api/applicationprofile?name=System-HTTP')).json.results;
    assert.equal(
      (await user.patch(`/api/applicationprofile/${system.uuid}`, { add: { description: 'x' } })).status,
      403,
    );
    user.close();
  });

  it('gives a user without a default tenant the one that access names, and never that of admin', async () => {
    const tenant = (await api.post('/api/tenant', { name: fresh('tenant') })).json;
    for (const [access, status] of [
      [[{ tenant_ref: `/api/tenant/${tenant.uuid}` }], 201],
      [[], 403],
    ] as const) {
      const username = fresh('user');
      const body = { username, name: username, password: 'some password', access };
      assert.equal((await api.post('/api/user', body)).status, 201);
      const user = new ApiClient(controller.port);
      user.tenant = '';
      assert.equal((await user.login(username, 'some password')).status, 200);
      const own = await user.post('/api/pool', poolBody());
      assert.equal(own.status, status, own.text);
      if (status === 201) assert.match(own.json.tenant_ref, new RegExp(`/api/tenant/${tenant.uuid}#`));
      for (const [named, wanted] of [
        ['admin', 403],
        ['*', status],
      ] as const)
        assert.equal((await user.post('/api/pool', poolBody(), { 'x-avi-tenant': named })).status, wanted);
      user.close();
    }
  });

  it('takes no password by a pointer, not even by one to the whole user', async () => {
    const username = fresh('user');
    const value = { username, name: username, password: 'some password' };
    const { uuid } = (await api.post('/api/user', value)).json;
    for (const operation of [
      { op: 'add', path: '', value: { ...value, password: 'x' } },
      { op: 'replace', path: '/password', value: 'x' },
      { op: 'copy', from: '/username', path: '/password' },
    ])
      assert.equal((await api.patch(`/api/user/${uuid}`, { json_patch: [operation] })).status, 400);
  });
});

describe('what is told without a login', () => {
  it('is the version, and that the Controller is up', async () => {
    const get = async (path: string) => (await api.raw('GET', path)).json;
    assert.equal((await get('/api/initial-data')).version.Version, '30.2.1');
    assert.equal((await get('/api/cluster/version')).Version, '30.2.1');
    for (const path of ['/api/cluster/runtime', '//api/cluster/status', '/api/cluster/runtime/']) {
      const { node_states, cluster_state } = await get(path);
      assert.equal(cluster_state.state, 'CLUSTER_UP_NO_HA');
      assert.equal(node_states[0].role, 'CLUSTER_LEADER');
      assert.match(node_states[0].up_since, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
      assert.ok(node_states[0].name);
    }
    assert.equal((await get('/api/openapi.json')).openapi, '3.1.0');
  });

  it('is told to clients of any version', async () => {
    assert.equal(
      (await api.raw('GET', '/api/initial-data', { headers: { 'x-avi-version': '99.1.1' } })).status,
      200,
    );
  });
});
