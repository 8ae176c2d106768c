// The API as clients of Avi know it: its conventions, row by row, as requests and answers to a real Controller.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Certificate, createSelfSigned } from '@limpet/testkit';
import {
  type ApiClient,
  assertRefused,
  createPool,
  fresh,
  poolBody,
  poolServer,
  type RunningController,
  startController,
} from './support/controller.ts';

let controller: RunningController;
let api: ApiClient;
let certificate: Certificate;
before(async () => {
  [controller, certificate] = await Promise.all([
    startController(),
    createSelfSigned({ dnsNames: ['limpet.test'] }),
  ]);
  api = await controller.login();
});
after(async () => {
  api?.close();
  await controller?.stop();
});

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}';

/** Of virtual services, each on its own. */
let port = 20_000;

describe('paths', () => {
  it('are the same with slashes before, between and behind', async () => {
    const { name, uuid } = await createPool(api);
    for (const path of ['//api/pool', '/api/pool/', '//api//pool//'])
      assert.equal((await api.get(`${path}?name=${name}`)).json.count, 1, path);
    assert.equal((await api.get(`//api/pool/${uuid}/`)).status, 200);
    assert.equal((await api.delete(`//api/pool/${uuid}/`)).status, 204);
  });
});

describe('collections', () => {
  it('have count, results and next, page by page', async () => {
    const mark = fresh('page');
    for (let index = 0; index < 5; index++) await createPool(api, { created_by: mark });
    const seen: string[] = [];
    let path: string | undefined = `/api/pool?created_by=${mark}&page_size=2`;
    for (let page = 1; path !== undefined; page++) {
      const { json } = await api.get(path);
      assert.equal(json.count, 5);
      seen.push(...json.results.map(({ uuid }: { uuid: string }) => uuid));
      assert.equal(json.results.length, page < 3 ? 2 : 1);
      if (json.next !== undefined)
        assert.match(json.next, /^https:\/\/127\.0\.0\.1:\d+\/api\/pool\?.*page=\d/);
      path = json.next === undefined ? undefined : json.next.slice(api.origin.length);
    }
    assert.equal(new Set(seen).size, 5);
    assert.equal((await api.get('/api/pool?page=x')).status, 400);
  });

  it('of a name that is not there are empty, with 200', async () => {
    const { status, json } = await api.get('/api/pool?name=gone');
    assert.deepEqual([status, json], [200, { count: 0, results: [] }]);
  });

  it('filter, sort and show as they are asked to', async () => {
    const mark = fresh('query');
    const monitor = (
      await api.post('/api/healthmonitor', { name: fresh('monitor'), type: 'HEALTH_MONITOR_TCP' })
    ).json;
    const [b, a] = [
      await createPool(api, { created_by: mark, name: `${mark}-b`, health_monitor_refs: [monitor.url] }),
      await createPool(api, { created_by: mark, name: `${mark}-a`, enabled: false }),
    ];
    const names = async (query: string) =>
      (await api.get(`/api/pool?created_by=${mark}&${query}`)).json.results.map(
        ({ name }: { name: string }) => name,
      );
    const rows: readonly (readonly [query: string, names: readonly string[]])[] = [
      ['sort=name', [a.name, b.name]],
      ['sort=-name', [b.name, a.name]],
      [`name=${a.name}`, [a.name]],
      [`name.contains=${mark}-A`, [a.name]],
      [`name.in=${a.name},${b.name}&sort=name`, [a.name, b.name]],
      [`uuid=${b.uuid}`, [b.name]],
      ['enabled=false', [a.name]],
      ['cloud_ref.name=Default-Cloud&sort=name', [a.name, b.name]],
      ['cloud=Default-Cloud&sort=name', [a.name, b.name]],
      ['cloud_ref.name=other', []],
      [`health_monitor_refs.name=${monitor.name}`, [b.name]],
      [`health_monitor_refs.uuid=${monitor.uuid}`, [b.name]],
      [`refers_to=healthmonitor:${monitor.uuid}`, [b.name]],
    ];
    for (const [query, wanted] of rows) assert.deepEqual(await names(query), wanted, query);
    const referred = await api.get(`/api/healthmonitor?referred_by=pool:${b.uuid}`);
    assert.deepEqual(
      referred.json.results.map(({ uuid }: { uuid: string }) => uuid),
      [monitor.uuid],
    );
  });

  it('name, shorten and leave out what they are asked to', async () => {
    const { uuid, name } = await createPool(api, {
      default_server_port: 80,
      lb_algorithm: 'LB_ALGORITHM_ROUND_ROBIN',
    });
    const one = async (query: string) => (await api.get(`/api/pool?uuid=${uuid}&${query}`)).json.results[0];
    assert.match((await one('')).tenant_ref, /\/api\/tenant\/admin$/);
    for (const query of [
      'include_name',
      'include_name=',
      'include_name=true',
      'include_refs=&include_name=',
    ]) {
      const shown = await one(query);
      assert.match(shown.tenant_ref, /\/api\/tenant\/admin#admin$/);
      assert.equal(shown.url, `${api.origin}/api/pool/${uuid}#${name}`);
    }
    assert.deepEqual(Object.keys(await one('fields=lb_algorithm')), ['url', 'uuid', 'name', 'lb_algorithm']);
    assert.equal((await one('')).default_server_port, 80);
    const bare = await one('skip_default=true');
    assert.equal(bare.default_server_port, undefined);
    assert.equal(bare.lb_algorithm, 'LB_ALGORITHM_ROUND_ROBIN');
  });
});

describe('objects', () => {
  it('are created with 201, uuid, url and references with names, and Location', async () => {
    const name = fresh('pool');
    const body = { name, servers: [poolServer('10.0.0.1')] };
    const { status, headers, json } = await api.post('/api/pool', body);
    assert.equal(status, 201);
    assert.match(json.uuid, new RegExp(`^pool-${UUID}$`));
    assert.equal(json.url, `${api.origin}/api/pool/${json.uuid}#${name}`);
    assert.equal(headers.location, json.url);
    assert.match(json.tenant_ref, /#admin$/);
    assert.match(json.cloud_ref, /#Default-Cloud$/);
    assert.equal(typeof json._last_modified, 'string');
    assert.ok(Math.abs(Number(json._last_modified) / 1000 - Date.now()) < 60_000, 'microseconds since 1970');
  });

  it('get the profiles, cloud and group that Avi gives a virtual service without', async () => {
    const body = { key: certificate.privateKeyPem, certificate: { certificate: certificate.certificatePem } };
    const key = (await api.post('/api/sslkeyandcertificate', { ...body, name: fresh('key') })).json;
    const pool = await createPool(api);
    const answer = await api.post('/api/virtualservice', {
      name: fresh('vs'),
      services: [{ port: port++, enable_ssl: true }],
      vip: [{ vip_id: '1', ip_address: { addr: '127.0.0.1', type: 'V4' } }],
      pool_ref: pool.url,
      ssl_key_and_certificate_refs: [key.url],
    });
    assert.equal(answer.status, 201, answer.text);
    for (const [field, name] of [
      ['application_profile_ref', 'System-HTTP'],
      ['network_profile_ref', 'System-TCP-Proxy'],
      ['ssl_profile_ref', 'System-Standard'],
      ['se_group_ref', 'Default-Group'],
      ['cloud_ref', 'Default-Cloud'],
    ] as const)
      assert.equal(answer.json[field].split('#')[1], name);
    const [service] = answer.json.services;
    assert.equal(service.port_range_end, service.port);
    const put = await api.put(`/api/virtualservice/${answer.json.uuid}`, answer.json);
    assert.equal(put.status, 200, put.text);
  });

  it('have the uuid of the Slug header', async () => {
    const uuid = `pool-${crypto.randomUUID()}`;
    assert.equal((await createPool(api, {}, { slug: uuid })).uuid, uuid);
    assert.equal((await api.post('/api/pool', poolBody(), { slug: uuid })).status, 409);
  });

  it('are replaced by PUT, whatever read-only fields come along, and keep their url', async () => {
    const created = await createPool(api, { description: 'old' });
    const put = await api.put(`/api/pool/${created.uuid}`, {
      ...created,
      name: fresh('renamed'),
      description: undefined,
    });
    assert.equal(put.status, 200, put.text);
    assert.equal(put.json.uuid, created.uuid);
    assert.match(put.json.url, /#renamed/);
    assert.equal(put.json.description, undefined);
    assert.notEqual(put.json._last_modified, created._last_modified);
  });

  it('are deleted with 204 and nothing else, and are then unknown', async () => {
    const { uuid } = await createPool(api);
    const { status, text } = await api.delete(`/api/pool/${uuid}`);
    assert.deepEqual([status, text], [204, '']);
    for (const answer of [
      await api.get(`/api/pool/${uuid}`),
      await api.delete(`/api/pool/${uuid}`),
      await api.put(`/api/pool/${uuid}`, { name: 'x' }),
      await api.patch(`/api/pool/${uuid}`, { add: { name: 'x' } }),
    ])
      assertRefused(answer, 404, 'Pool object not found!');
  });

  it('accept a reference in every form', async () => {
    const monitor = (
      await api.post('/api/healthmonitor', { name: fresh('monitor'), type: 'HEALTH_MONITOR_TCP' })
    ).json;
    const path = '/api/healthmonitor';
    for (const reference of [
      monitor.url,
      monitor.url.split('#')[0],
      `${path}/${monitor.uuid}`,
      `${path}?name=${monitor.name}`,
      `${path}?name=${monitor.name}&tenant=admin`,
      `${path}/?tenant=admin&name=${monitor.name}`,
    ]) {
      const pool = await createPool(api, { health_monitor_refs: [reference] });
      assert.deepEqual(pool.health_monitor_refs, [monitor.url], reference);
    }
    const renamed = await api.patch(`${path}/${monitor.uuid}`, { replace: { name: fresh('monitor') } });
    const [pool] = (await api.get(`/api/pool?refers_to=healthmonitor:${monitor.uuid}&include_name`)).json
      .results;
    assert.deepEqual(pool.health_monitor_refs, [renamed.json.url], 'a new name breaks none');
  });

  it('of which there is one are read and changed, never created or deleted', async () => {
    for (const path of ['/api/systemconfiguration', '/api/cluster', '/api/controllerproperties']) {
      const { status, json } = await api.get(path);
      assert.equal(status, 200, path);
      assert.equal(json.url, api.origin + path);
      assertRefused(await api.delete(path), 405, "Method 'DELETE' not allowed.");
      assertRefused(await api.post(path, {}), 405, "Method 'POST' not allowed.");
    }
    const { json } = await api.get('/api/controllerproperties');
    assert.equal(json.vs_key_rotate_period, 360);
    const put = await api.put('/api/controllerproperties', { ...json, api_idle_timeout: 20 });
    assert.equal(put.json.api_idle_timeout, 20, put.text);
    const patched = await api.patch('/api/controllerproperties', { delete: { api_idle_timeout: 20 } });
    assert.equal(patched.json.api_idle_timeout, 15, patched.text);
  });

  it('have names of Avi’s letters, up to 255', async () => {
    for (const name of ['', 'a$b', 'a/b', 'a'.repeat(256), 'ü', 7])
      assertRefused(await api.post('/api/pool', { name }), 400, /name/);
    assertRefused(await api.post('/api/pool', {}), 400, /name/);
    assert.equal((await api.post('/api/pool', poolBody({ name: `${fresh('A z')}.@+-_` }))).status, 201);
  });

  it('answer that nothing has changed to a client that knows it', async () => {
    const { uuid } = await createPool(api);
    const { headers } = await api.get(`/api/pool/${uuid}`);
    assert.equal(
      (await api.get(`/api/pool/${uuid}`, { 'if-none-match': headers.etag as string })).status,
      304,
    );
  });
});

describe('the inventory', () => {
  it('has configuration by itself, for all of a type and for one', async () => {
    const { uuid, name } = await createPool(api);
    const { json } = await api.get(`/api/pool-inventory?name=${name}`);
    assert.equal(json.count, 1);
    assert.equal(json.results[0].uuid, uuid);
    assert.equal(json.results[0].config.name, name);
    assert.equal((await api.get(`/api/pool-inventory/${uuid}`)).json.config.name, name);
    for (const type of ['virtualservice', 'serviceengine', 'serviceenginegroup', 'cloud'])
      assert.equal((await api.get(`/api/${type}-inventory/?include=config,metrics,alert`)).status, 200, type);
    assert.equal((await api.get('/api/tenant-inventory')).status, 404);
    assert.equal((await api.post('/api/pool-inventory', {})).status, 405);
  });
});

describe('PATCH', () => {
  it('adds, updates, replaces and deletes', async () => {
    const { uuid } = await createPool(api, {
      servers: [poolServer('10.0.0.1', 80, { hostname: 'one' }), poolServer('10.0.0.2')],
      description: 'd',
    });
    const servers = async (patch: unknown): Promise<unknown[]> => {
      const { status, json, text } = await api.patch(`/api/pool/${uuid}`, patch);
      assert.equal(status, 200, text);
      return json.servers.map(
        (one: { ip: { addr: string }; port: number; ratio: number; hostname?: string }) => [
          one.ip.addr,
          one.ratio,
          one.hostname,
        ],
      );
    };
    assert.deepEqual(await servers({ add: { servers: [poolServer('10.0.0.3')] } }), [
      ['10.0.0.1', 1, 'one'],
      ['10.0.0.2', 1, undefined],
      ['10.0.0.3', 1, undefined],
    ]);
    assert.deepEqual(await servers({ add: { servers: [poolServer('10.0.0.1', 80, { ratio: 3 })] } }), [
      ['10.0.0.1', 3, 'one'],
      ['10.0.0.2', 1, undefined],
      ['10.0.0.3', 1, undefined],
    ]);
    assert.deepEqual(
      await servers({ delete: { servers: [poolServer('10.0.0.2'), poolServer('10.0.0.3')] } }),
      [['10.0.0.1', 3, 'one']],
    );
    assert.deepEqual(await servers({ replace: { servers: [poolServer('10.0.0.9')] } }), [
      ['10.0.0.9', 1, undefined],
    ]);
    assert.deepEqual(await servers({ json_patch: [{ op: 'replace', path: '/servers/0/ratio', value: 5 }] }), [
      ['10.0.0.9', 5, undefined],
    ]);
    const after = (await api.patch(`/api/pool/${uuid}`, { delete: { description: 'd' } })).json;
    assert.equal(after.description, undefined);
  });

  it('that cannot be applied is refused, and changes nothing', async () => {
    const { uuid, _last_modified } = await createPool(api);
    for (const patch of [
      {},
      { name: 'x' },
      { json_patch: [{ op: 'replace', path: '/description', value: 'x' }] },
      {
        json_patch: [
          { op: 'add', path: '/description', value: 'x' },
          { op: 'spam', path: '/a' },
        ],
      },
      { replace: { servers: 'x' } },
      { add: { health_monitor_refs: 7 } },
    ])
      assert.equal((await api.patch(`/api/pool/${uuid}`, patch)).status, 400, JSON.stringify(patch));
    assert.equal((await api.get(`/api/pool/${uuid}`)).json._last_modified, _last_modified);
  });
});

describe('the macro call', () => {
  const macro = (name: string, more: Record<string, unknown> = {}) => ({
    model_name: 'VirtualService',
    data: {
      name,
      services: [{ port: port++ }],
      vsvip_ref_data: {
        name: `${name}-vip`,
        vip: [{ vip_id: '1', ip_address: { addr: '127.0.0.1', type: 'V4' } }],
      },
      pool_ref_data: {
        name: `${name}-pool`,
        servers: [poolServer('10.0.0.1')],
        health_monitor_refs: ['/api/healthmonitor?name=System-TCP'],
        health_monitor_refs_data: [{ name: `${name}-monitor`, type: 'HEALTH_MONITOR_TCP' }],
        ...more,
      },
    },
  });

  it('creates an object with all that is nested in it', async () => {
    const name = fresh('macro');
    const { status, json, text } = await api.post('/api/macro', macro(name));
    assert.equal(status, 201, text);
    assert.match(json.pool_ref, new RegExp(`#${name}-pool$`));
    assert.match(json.vsvip_ref, new RegExp(`#${name}-vip$`));
    const [pool] = (await api.get(`/api/pool?name=${name}-pool&include_name`)).json.results;
    assert.deepEqual(
      pool.health_monitor_refs.map((one: string) => one.split('#')[1]),
      ['System-TCP', `${name}-monitor`],
    );
    const again = await api.post('/api/macro', macro(name, { description: 'changed' }));
    assert.equal(again.status, 200, again.text);
    assert.equal((await api.get(`/api/pool?name=${name}-pool`)).json.results[0].description, 'changed');
  });

  it('that fails at any object creates none', async () => {
    const name = fresh('macro');
    const answer = await api.post('/api/macro', macro(name, { default_server_port: 0 }));
    assertRefused(answer, 400, /default_server_port/);
    for (const type of ['virtualservice', 'vsvip', 'pool', 'healthmonitor'])
      assert.equal((await api.get(`/api/${type}?name.contains=${name}`)).json.count, 0, type);
  });
});
