// Input that is wrong: an answer of the right code that names object and field, and nothing stored.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createSelfSigned } from '@limpet/testkit';
import { type ApiClient, poolBody, type RunningController, startController } from './support/controller.ts';

let controller: RunningController;
let api: ApiClient;
const certificates = await Promise.all([
  createSelfSigned({ dnsNames: ['limpet.test'] }),
  createSelfSigned({ dnsNames: ['other.test'] }),
  createSelfSigned({ dnsNames: ['expired.test'], days: -1 }),
]);
const [good, other, expired] = certificates as [
  (typeof certificates)[0],
  (typeof certificates)[0],
  (typeof certificates)[0],
];

const TLS_PERSISTENCE = '/api/applicationpersistenceprofile?name=System-Persistence-TLS';

function keyAndCertificate(name: string, certificate: string, key: string) {
  return { name, key, certificate: { certificate } };
}

function virtualService(name: string, port: number, more: object = {}) {
  return {
    name,
    vip: [{ vip_id: '1', ip_address: { addr: '127.0.0.1', type: 'V4' } }],
    services: [{ port, enable_ssl: true }],
    ssl_key_and_certificate_refs: ['/api/sslkeyandcertificate?name=good'],
    pool_ref: '/api/pool?name=plain',
    ...more,
  };
}

before(async () => {
  controller = await startController();
  api = await controller.login();
  for (const [path, body] of [
    ['sslkeyandcertificate', keyAndCertificate('good', good.certificatePem, good.privateKeyPem)],
    ['pool', poolBody({ name: 'plain' })],
    ['pool', { ...poolBody({ name: 'tls' }), application_persistence_profile_ref: TLS_PERSISTENCE }],
    ['virtualservice', virtualService('first', 8443)],
  ] as const) {
    const answer = await api.post(`/api/${path}`, body);
    assert.equal(answer.status, 201, answer.text);
  }
});
after(async () => {
  api?.close();
  await controller?.stop();
});

const version = async (): Promise<number> =>
  (await api.get('/api/configuration/versions?limit=1')).json.current;

interface Wrong {
  readonly what: string;
  readonly path: string;
  readonly body: unknown;
  readonly status: number;
  readonly said: RegExp;
  readonly objectName?: string;
}

const wrongs: readonly Wrong[] = [
  { what: 'a body that is no JSON', path: 'pool', body: '{"name": ', status: 400, said: /JSON/ },
  { what: 'a body that is a list', path: 'pool', body: [], status: 400, said: /object/i },
  { what: 'an unknown type', path: 'teapot', body: { name: 'a' }, status: 404, said: /./ },
  {
    what: 'a dangling reference',
    path: 'virtualservice',
    body: virtualService('bad', 1, { pool_ref: '/api/pool/pool-none' }),
    // Avi's code.
    status: 404,
    said: /pool_ref/,
    objectName: 'bad',
  },
  {
    what: 'an address and port that are taken',
    path: 'virtualservice',
    body: virtualService('bad', 8443),
    status: 400,
    said: /"bad", services\[0\]\.port: 127\.0\.0\.1:8443 belongs to virtual service "first"/,
    objectName: 'bad',
  },
  {
    what: 'a pool without servers',
    path: 'pool',
    body: { name: 'bad', servers: [] },
    status: 400,
    said: /Pool "bad", servers: is empty/,
    objectName: 'bad',
  },
  {
    what: 'a certificate that does not fit its key',
    path: 'sslkeyandcertificate',
    body: keyAndCertificate('bad', good.certificatePem, other.privateKeyPem),
    status: 400,
    said: /SSLKeyAndCertificate "bad", key: does not belong to the certificate/,
    objectName: 'bad',
  },
  {
    what: 'a certificate that has expired',
    path: 'sslkeyandcertificate',
    body: keyAndCertificate('bad', expired.certificatePem, expired.privateKeyPem),
    status: 400,
    said: /"bad", certificate\.certificate: has expired/,
    objectName: 'bad',
  },
  {
    what: 'a certificate that cannot be read',
    path: 'sslkeyandcertificate',
    body: keyAndCertificate('bad', good.certificatePem.replaceAll('M', '-'), good.privateKeyPem),
    status: 400,
    said: /"bad", certificate\.certificate: /,
    objectName: 'bad',
  },
  {
    what: 'TLS persistence where nothing terminates HTTPS',
    path: 'virtualservice',
    body: virtualService('bad', 80, { services: [{ port: 80 }], pool_ref: '/api/pool?name=tls' }),
    status: 400,
    said: /"bad", services: pool "tls" has TLS persistence/,
    objectName: 'bad',
  },
  {
    what: 'a name that is taken',
    path: 'pool',
    body: poolBody({ name: 'plain' }),
    status: 409,
    said: /plain/,
    objectName: 'plain',
  },
  {
    what: 'a value out of range',
    path: 'pool',
    body: { ...poolBody({ name: 'bad' }), default_server_port: 65_536 },
    status: 400,
    said: /Pool "bad", default_server_port/,
    objectName: 'bad',
  },
];

describe('input that is wrong is answered with its code, names object and field, and is not stored', () => {
  for (const { what, path, body, status, said, objectName } of wrongs) {
    it(`as ${what}`, async () => {
      const known = await version();
      const answer = await api.post(`/api/${path}`, body);
      assert.equal(answer.status, status, answer.text);
      assert.match(answer.json.error, said);
      assert.equal(answer.json.obj_name, objectName);
      assert.doesNotMatch(answer.text, /PRIVATE KEY/);
      assert.equal(await version(), known);
      if (objectName === 'bad') assert.equal((await api.get(`/api/${path}?name=bad`)).json.count, 0);
    });
  }

  it('also in a change of what was good', async () => {
    const known = await version();
    const [pool] = (await api.get('/api/pool?name=plain')).json.results;
    const emptied = await api.patch(`/api/pool/${pool.uuid}`, { replace: { servers: [] } });
    assert.equal(emptied.status, 400, emptied.text);
    const used = await api.delete(`/api/pool/${pool.uuid}`);
    assert.equal(used.status, 403, used.text);
    assert.equal(used.json.error, "Cannot delete, object is referred by: ['VirtualService first']");
    assert.equal(await version(), known);
    assert.equal((await api.get(`/api/pool/${pool.uuid}`)).json.servers.length, pool.servers.length);
  });
});
