// What the API refuses and what it tells of a change: errors, secrets, dry runs, events, versions, actions.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Certificate, createSelfSigned } from '@limpet/testkit';
import {
  ADMIN_PASSWORD,
  type ApiClient,
  assertRefused,
  createPool,
  fresh,
  poolBody,
  poolServer,
  type RunningController,
  startController,
} from './support/controller.ts';
import { eventually } from './support/engine.ts';

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

describe('errors', () => {
  it('400: a value out of range names object and field', async () => {
    const name = fresh('pool');
    const answer = await api.post('/api/pool', { name, servers: [poolServer('10.0.0.1', 70_000)] });
    assertRefused(answer, 400, new RegExp(`^Pool "${name}", servers\\[0\\]\\.port: `));
    assert.equal(answer.json.obj_name, name);
    assert.equal((await api.get(`/api/pool?name=${name}`)).json.count, 0);
  });

  it('403: an object that others refer to is not deleted, and they are named', async () => {
    const monitor = (
      await api.post('/api/healthmonitor', { name: fresh('monitor'), type: 'HEALTH_MONITOR_TCP' })
    ).json;
    const [one, two] = [
      await createPool(api, { health_monitor_refs: [monitor.url] }),
      await createPool(api, { health_monitor_refs: [monitor.url] }),
    ];
    const answer = await api.delete(`/api/healthmonitor/${monitor.uuid}`);
    assertRefused(
      answer,
      403,
      `Cannot delete, object is referred by: ['Pool ${one.name}', 'Pool ${two.name}']`,
    );
    assert.equal(answer.json.obj_name, monitor.name);
  });

  it('403: a system object is not deleted, and can be edited', async () => {
    const [profile] = (await api.get('/api/applicationpersistenceprofile?name=System-Persistence-TLS')).json
      .results;
    const path = `/api/applicationpersistenceprofile/${profile.uuid}`;
    assertRefused(await api.delete(path), 403, 'Cannot delete system default object');
    assert.equal((await api.patch(path, { add: { description: 'ours' } })).status, 200);
  });

  it('404: an object, a type and a reference that are not there', async () => {
    assertRefused(await api.get('/api/pool/pool-1'), 404, 'Pool object not found!');
    assert.equal((await api.get('/api/nothing')).status, 404);
    assert.equal((await api.get('/nothing')).status, 404);
    const name = fresh('vs');
    const answer = await api.post('/api/virtualservice', { name, pool_ref: '/api/pool/pool-gone' });
    assertRefused(
      answer,
      404,
      `Pool object not found! VirtualService "${name}", pool_ref: /api/pool/pool-gone`,
    );
  });

  it('405: a method that is none here', async () => {
    assertRefused(await api.put('/api/pool', {}), 405, "Method 'PUT' not allowed.");
    assertRefused(await api.post('/api/pool/pool-1', {}), 405, "Method 'POST' not allowed.");
  });

  it('409: a name that is taken', async () => {
    const { name } = await createPool(api);
    assertRefused(
      await api.post('/api/pool', { name }),
      409,
      `Pool object with name ${name} already exists!`,
    );
    const { uuid } = await createPool(api);
    assert.equal((await api.patch(`/api/pool/${uuid}`, { replace: { name } })).status, 409);
  });

  it('412: a change of what has been changed since', async () => {
    const created = await createPool(api);
    const path = `/api/pool/${created.uuid}`;
    const { etag } = (await api.get(path)).headers;
    assert.equal((await api.put(path, { ...created, description: 'first' })).status, 200);
    assertRefused(await api.put(path, { ...created, description: 'second' }), 412, /Concurrent Update Error/);
    const ifMatch = { 'if-match': etag as string };
    assert.equal((await api.put(path, poolBody({ name: created.name }), ifMatch)).status, 412);
    assert.equal((await api.delete(path, ifMatch)).status, 412);
    const now = (await api.get(path)).headers.etag as string;
    assert.equal((await api.put(path, poolBody({ name: created.name }), { 'if-match': now })).status, 200);
  });

  it('412: of many who change what they have read, one at a time succeeds', async () => {
    const created = await createPool(api);
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        api.put(`/api/pool/${created.uuid}`, { ...created, description: `${index}` }),
      ),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, ...Array(7).fill(412)]);
  });

  it('say nothing of what is secret', async () => {
    const key = `${certificate.privateKeyPem}broken`;
    const answer = await api.post('/api/sslkeyandcertificate', {
      ...{ name: fresh('key'), key, certificate: { certificate: 'no certificate' } },
    });
    assert.equal(answer.status, 400);
    assert.doesNotMatch(answer.text, /PRIVATE|broken/);
  });
});

describe('secrets', () => {
  it('are answered as <sensitive>, and stay what they are when that is sent back', async () => {
    const body = {
      name: fresh('key'),
      key: certificate.privateKeyPem,
      certificate: { certificate: certificate.certificatePem },
    };
    const created = await api.post('/api/sslkeyandcertificate', body);
    assert.equal(created.status, 201, created.text);
    assert.equal(created.json.key, '<sensitive>');
    const path = `/api/sslkeyandcertificate/${created.json.uuid}`;
    const { json, text } = await api.get(path);
    assert.doesNotMatch(text, /PRIVATE KEY/);
    assert.match(json.certificate.certificate, /BEGIN CERTIFICATE/);
    assert.match(json.certificate.not_after, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
    assert.equal(json.certificate.expiry_status, 'SSL_CERTIFICATE_GOOD');
    assert.match(json.key_params.algorithm, /^SSL_KEY_ALGORITHM_/);
    // A key that does not fit the certificate would be refused: so this one is still there.
    const put = await api.put(path, { ...json, created_by: 'me' });
    assert.equal(put.status, 200, put.text);
    assert.equal(
      put.headers['limpet-unknown-fields'] ?? put.headers['limpet-fields-without-effect'],
      undefined,
    );
    assert.equal((await api.patch(path, { add: { created_by: 'you' } })).json.key, '<sensitive>');
    for (const place of ['/api/configuration/versions?limit=1000', '/api/sslkeyandcertificate'])
      assert.doesNotMatch((await api.get(place)).text, /PRIVATE KEY/, place);
    assert.doesNotMatch(controller.process.stderr(), /PRIVATE KEY/);
    assert.ok(!controller.process.stderr().includes(ADMIN_PASSWORD));
  });
});

describe('fields that nothing comes of', () => {
  it('are named in a header: those that are kept, and those that are not', async () => {
    const name = fresh('pool');
    const { headers, json } = await api.post(
      '/api/pool',
      poolBody({ name, capacity_estimation: true, colour: 'red' }),
    );
    assert.equal(headers['limpet-fields-without-effect'], 'Pool.capacity_estimation');
    assert.equal(headers['limpet-unknown-fields'], 'Pool.colour');
    assert.equal(json.capacity_estimation, true);
    assert.equal(json.colour, undefined);
    // The answer may be here before the line of the log.
    await eventually(
      () => /CONFIG_FIELDS_PASSED_OVER.*capacity_estimation.*colour/.test(controller.process.stderr()),
      'the event is told',
    );
    const plain = await api.post('/api/pool', { ...poolBody(), capacity_estimation: false });
    assert.equal(plain.headers['limpet-fields-without-effect'], undefined);
  });
});

describe('a dry run', () => {
  it('says what would change, and changes nothing', async () => {
    const name = fresh('pool');
    const { status, json } = await api.post('/api/pool?dry_run', poolBody({ name }));
    assert.equal(status, 200);
    assert.deepEqual(
      json.changed.map((one: { change: string; type: string; name: string }) => [
        one.change,
        one.type,
        one.name,
      ]),
      [['create', 'Pool', name]],
    );
    assert.equal((await api.get(`/api/pool?name=${name}`)).json.count, 0);
    const { uuid, description } = await createPool(api, { description: 'old' });
    const put = await api.patch(`/api/pool/${uuid}?dry_run=true`, { replace: { description: 'new' } });
    assert.deepEqual(put.json.changed[0].fields, [
      { field: 'description', before: description, after: 'new' },
    ]);
    assert.equal((await api.delete(`/api/pool/${uuid}?dry_run`)).json.changed[0].change, 'delete');
    assert.equal((await api.get(`/api/pool/${uuid}`)).json.description, 'old');
    assert.equal((await api.post('/api/pool?dry_run', { name: '$' })).status, 400);
  });
});

describe('a change', () => {
  it('is told as an event with who did it, from where, to which object', async () => {
    const { uuid, name } = await createPool(api);
    await api.delete(`/api/pool/${uuid}`);
    // Whole lines only: the last may be on its way.
    const lines = () => controller.process.stderr().split('\n').slice(0, -1);
    const ofThePool = () => lines().filter((line) => line.includes(uuid) && line.includes('"CONFIG_'));
    await eventually(() => ofThePool().length >= 2, 'both events are told');
    const events = ofThePool().map(
      (line) => JSON.parse(line) as { event: string; details: Record<string, unknown> },
    );
    assert.deepEqual(
      events.map(({ event, details }) => [event, details.obj_name, details.user, details.client_ip]),
      [
        ['CONFIG_CREATE', name, 'admin', '127.0.0.1'],
        ['CONFIG_DELETE', name, 'admin', '127.0.0.1'],
      ],
    );
  });
});

describe('versions of the configuration', () => {
  it('are listed, shown, compared and rolled back to', async () => {
    const pool = await createPool(api, { description: 'first' });
    const [newest] = (await api.get('/api/configuration/versions?limit=1')).json.results;
    assert.deepEqual(
      [newest.user, newest.summary, newest.objects[0].uuid],
      ['admin', 'POST /api/pool', pool.uuid],
    );
    const other = await createPool(api);
    await api.patch(`/api/pool/${pool.uuid}`, { replace: { description: 'second' } });
    const at = `/api/configuration/versions/${newest.version}`;
    const shown = (await api.get(at)).json.objects.find(({ uuid }: { uuid: string }) => uuid === pool.uuid);
    assert.equal(shown.body.description, 'first');
    const { changed } = (await api.get(`${at}/compare`)).json;
    assert.deepEqual(
      changed.map((one: { change: string; uuid: string }) => [one.change, one.uuid]),
      [
        ['update', pool.uuid],
        ['create', other.uuid],
      ],
    );
    const trial = await api.post(`${at}/rollback?dry_run`, {});
    assert.equal(trial.json.changed.length, 2, trial.text);
    assert.equal((await api.get(`/api/pool/${pool.uuid}`)).json.description, 'second');
    const done = await api.post(`${at}/rollback`, {});
    assert.equal(done.status, 200, done.text);
    assert.equal((await api.get(`/api/pool/${pool.uuid}`)).json.description, 'first');
    assert.equal((await api.get(`/api/pool/${other.uuid}`)).status, 404);
    assert.deepEqual((await api.get(`${at}/compare`)).json.changed, []);
    assert.equal((await api.get('/api/configuration/versions/999999999')).status, 404);
    assert.equal((await api.get('/api/configuration/versions/x')).status, 404);
  });
});

describe('actions', () => {
  it('that Avi does not have are 404, and so is one on what is not there', async () => {
    const { uuid } = await createPool(api);
    assert.equal((await api.post(`/api/pool/${uuid}/explode`, {})).status, 404);
    assert.equal((await api.post('/api/virtualservice/gone/rotatekeys')).status, 404);
  });

  it('that nobody serves are 501', async () => {
    const { uuid } = await createPool(api);
    assert.equal((await api.post(`/api/pool/${uuid}/scaleout`, {})).status, 501);
  });
});
