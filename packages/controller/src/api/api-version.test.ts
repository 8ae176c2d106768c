import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  asOfVersion,
  CONTROLLER_VERSION,
  compareVersions,
  readApiVersion,
  refuseNewerFields,
  withNewerFields,
} from './api-version.ts';

const virtualService = { name: 'VirtualService', nested: { 'services[]': 'Service' } };
const pool = { name: 'Pool', nested: { 'servers[]': 'Server' } };

describe('X-Avi-Version', () => {
  it('is 16.4.1 where it is absent, and else what it says, up to the version of the Controller', () => {
    assert.equal(readApiVersion(undefined), '16.4.1');
    assert.equal(readApiVersion('18.2.6'), '18.2.6');
    assert.equal(readApiVersion('22.1'), '22.1');
    assert.equal(readApiVersion(CONTROLLER_VERSION), CONTROLLER_VERSION);
  });

  for (const version of ['99.1.1', 'latest', '30.2.2', '1', '18.2.6; DROP', '-1.2']) {
    it(`is refused as ${version}, with "Invalid version"`, () =>
      assert.throws(() => readApiVersion(version), { code: 'VERSION_INVALID', message: /Invalid version/ }));
  }

  it('is compared number by number', () => {
    assert.ok(compareVersions('18.2.10', '18.2.9') > 0);
    assert.ok(compareVersions('18.2', '18.2.1') < 0);
    assert.equal(compareVersions('20.1', '20.1.0'), 0);
  });

  it('refuses a field that came later, in the words of Avi', () => {
    assert.throws(
      () =>
        refuseNewerFields(
          virtualService,
          { name: 'a', services: [{ port: 443, enable_http2: true }] },
          '18.2.2',
        ),
      {
        code: 'FIELD_TOO_NEW',
        detail: 'Incoming request (v18_2_2) has field (enable_http2) introduced in later versions(v20_1_1).',
      },
    );
    refuseNewerFields(virtualService, { name: 'a', services: [{ port: 443, enable_http2: true }] }, '20.1.1');
    refuseNewerFields(virtualService, { constructor: 1 } as never, '16.4.1');
  });

  it('hides from an answer what came later, at every depth', () => {
    const body = { name: 'a', vsvip_ref: '/api/vsvip/v', services: [{ port: 443, enable_http2: true }] };
    assert.deepEqual(asOfVersion(virtualService, body, '16.4.1'), { name: 'a', services: [{ port: 443 }] });
    assert.equal(asOfVersion(virtualService, body, CONTROLLER_VERSION), body);
  });

  it('keeps what an older client could not see when it sends an object back', () => {
    const before = {
      name: 'a',
      server_disable_type: 'DISALLOW_NEW_CONNECTION',
      description: 'gone',
      servers: [
        { ip: { addr: '10.0.0.1' }, port: 80, preference_order: 2 },
        { ip: { addr: '10.0.0.2' }, port: 80, preference_order: 3 },
      ],
    };
    const sent = { name: 'b', servers: [{ ip: { addr: '10.0.0.2' }, port: 80, ratio: 5 }] };
    const keys = { servers: ['ip.addr', 'port'] };
    assert.deepEqual(withNewerFields(pool, sent, before, '18.2.6', keys), {
      name: 'b',
      server_disable_type: 'DISALLOW_NEW_CONNECTION',
      servers: [{ ip: { addr: '10.0.0.2' }, port: 80, ratio: 5, preference_order: 3 }],
    });
    assert.equal(withNewerFields(pool, sent, before, CONTROLLER_VERSION, keys), sent);
  });
});
