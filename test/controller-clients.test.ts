// The API in the order in which the SDKs of Avi, Terraform and Ansible call it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  ADMIN_PASSWORD,
  ApiClient,
  fresh,
  poolBody,
  poolServer,
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

describe('recipes of clients', () => {
  it('Python ApiSession: login by form, create, read, update, delete by name', async () => {
    const python = new ApiClient(controller.port);
    python.version = '20.1.1';
    const login = await python.send('POST', '/login', {
      body: `username=admin&password=${encodeURIComponent(ADMIN_PASSWORD)}`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    assert.equal(login.status, 200);
    assert.ok(python.cookies.get('csrftoken') && python.cookies.get(login.json.session_cookie_name));
    const name = fresh('py');
    assert.equal((await python.post('/api/pool', JSON.stringify(poolBody({ name })))).status, 201);
    const [found] = (await python.get(`/api/pool?name=${name}`)).json.results;
    const put = await python.put(`/api/pool/${found.uuid}`, {
      ...found,
      lb_algorithm: 'LB_ALGORITHM_ROUND_ROBIN',
    });
    assert.equal(put.status, 200, put.text);
    assert.equal(
      (await python.patch(`/api/pool/${found.uuid}`, { add: { servers: [poolServer('10.9.9.9')] } })).status,
      200,
    );
    const timeout = await python.get(`/api/pool?name=${name}`, { timeout: 'None' });
    assert.equal(timeout.json.results[0].servers.length, 2);
    assert.equal((await python.delete(`/api/pool/${found.uuid}`)).status, 204);
    python.close();
  });

  it('Go AviSession: double slashes, object by name, patch by operation, login again after 401', async () => {
    const go = new ApiClient(controller.port);
    assert.equal((await go.raw('GET', '//api/initial-data')).json.version.Version, '30.2.1');
    assert.equal((await go.login('admin', ADMIN_PASSWORD)).status, 200);
    const name = fresh('go');
    assert.equal((await go.post('//api/pool', poolBody({ name }))).status, 201);
    const { json } = await go.get(`//api/pool?name=${name}`);
    assert.equal(json.count, 1);
    const [{ uuid }] = json.results;
    assert.equal(
      (await go.patch(`//api/pool/${uuid}`, { replace: { description: 'x' } })).json.description,
      'x',
    );
    for (const cookie of ['avi-sessionid', 'sessionid']) go.cookies.set(cookie, 'expired');
    assert.equal((await go.get(`//api/pool/${uuid}`)).status, 401);
    assert.equal((await go.raw('GET', '//api/cluster/status')).status, 200);
    assert.equal((await go.login('admin', ADMIN_PASSWORD)).status, 200);
    assert.equal((await go.delete(`//api/pool/${uuid}`)).status, 204);
    go.close();
  });

  it('Terraform: tenant first, id from the url, reads without defaults, PUT with skip_default', async () => {
    const tenant = (await api.get('/api/tenant/admin')).json;
    assert.equal(tenant.name, 'admin');
    const name = fresh('tf');
    const { json } = await api.post('/api/pool', poolBody({ name, tenant_ref: '/api/tenant/admin' }));
    const path = `/${json.url.split('/').slice(3).join('/').split('#')[0]}`;
    const read = (await api.get(`${path}?skip_default=true`)).json;
    assert.equal(read.name, name);
    const put = await api.put(`${path}?skip_default=true`, { ...read, description: 'tf' });
    assert.equal(put.status, 200, put.text);
    assert.equal(
      (await api.get(`/api/pool?name=${name}&skip_default=true`)).json.results[0].description,
      'tf',
    );
    assert.equal((await api.delete(path)).status, 204);
    assert.equal((await api.delete(path)).status, 404);
  });

  it('Ansible: trailing slashes, references with names, PATCH by operation, delete by name', async () => {
    const name = fresh('ansible');
    assert.equal(
      (await api.post('/api/pool/', poolBody({ name, cloud_ref: '/api/cloud?name=Default-Cloud' }))).status,
      201,
    );
    const query = `/api/pool/?name=${name}&include_refs=&include_name=&cloud_ref.name=Default-Cloud`;
    const [found] = (await api.get(query)).json.results;
    assert.equal(found.tenant_ref.split('#')[1], 'admin');
    const patched = await api.patch(`/api/pool/${found.uuid}`, {
      add: { servers: [poolServer('10.8.8.8')] },
    });
    assert.equal(patched.status, 200);
    const byPath = await api.patch(`/api/pool/${found.uuid}`, {
      json_patch: [{ op: 'replace', path: '/servers/1/ratio', value: 2 }],
    });
    assert.equal(byPath.json.servers[1].ratio, 2);
    assert.equal((await api.delete(`/api/pool/${found.uuid}`)).status, 204);
  });
});
