import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '../json.ts';
import { CONTROLLER_VERSION } from './api-version.ts';
import { macroEdits } from './macro.ts';
import { PendingView } from './object-edits.ts';
import { object, viewOf } from './test-objects.ts';

const present = object('HealthMonitor', { name: 'present', type: 'HEALTH_MONITOR_TCP' });

function run(request: JsonObject) {
  let made = 0;
  return macroEdits(new PendingView(viewOf(present)), request, {
    tenantUuid: 'admin',
    version: CONTROLLER_VERSION,
    newUuid: (type) => `${type.path}-${++made}`,
    onPassedOver: ({ unknown }) => assert.deepEqual(unknown, []),
  });
}

describe('the macro call', () => {
  it('makes nested objects before those that refer to them, with references among them', () => {
    const { edits, uuid } = run({
      model_name: 'VirtualService',
      data: {
        name: 'vs',
        services: [{ port: 443 }],
        vsvip_ref_data: { name: 'vip', vip: [{ vip_id: '1' }] },
        pool_ref_data: {
          name: 'pool',
          health_monitor_refs: ['/api/healthmonitor?name=present'],
          health_monitor_refs_data: [
            { name: 'a', type: 'HEALTH_MONITOR_TCP' },
            { name: 'b', type: 'HEALTH_MONITOR_TCP' },
          ],
        },
      },
    });
    const put = edits.map((edit) => {
      assert.equal(edit.kind, 'put');
      return edit.kind === 'put' ? edit.object : assert.fail();
    });
    assert.deepEqual(
      put.map(({ type, name }) => [type, name]),
      [
        ['VsVip', 'vip'],
        ['HealthMonitor', 'a'],
        ['HealthMonitor', 'b'],
        ['Pool', 'pool'],
        ['VirtualService', 'vs'],
      ],
    );
    const [vip, a, b, pool, virtualService] = put;
    assert.equal(virtualService?.uuid, uuid);
    assert.deepEqual(pool?.body.health_monitor_refs, [
      `/api/healthmonitor/${present.uuid}`,
      `/api/healthmonitor/${a?.uuid}`,
      `/api/healthmonitor/${b?.uuid}`,
    ]);
    assert.equal(virtualService?.body.pool_ref, `/api/pool/${pool?.uuid}`);
    assert.equal(virtualService?.body.vsvip_ref, `/api/vsvip/${vip?.uuid}`);
    assert.ok(!Object.keys(virtualService?.body ?? {}).some((field) => field.endsWith('_data')));
  });

  it('changes an object that is there', () => {
    const { edits } = run({
      model_name: 'HealthMonitor',
      data: { name: 'present', type: 'HEALTH_MONITOR_TCP', send_interval: 3 },
    });
    const [edit] = edits;
    assert.ok(
      edit?.kind === 'put' && edit.object.uuid === present.uuid && edit.object.body.send_interval === 3,
    );
  });

  it('lets an object refer by name to one that it makes', () => {
    const { edits } = run({
      model_name: 'VirtualService',
      data: {
        name: 'vs',
        pool_ref_data: { name: 'p' },
        vh_parent_vs_ref_data: { name: 'parent', pool_ref: '/api/pool?name=p' },
      },
    });
    assert.deepEqual(
      edits.map((edit) => edit.kind === 'put' && edit.object.name),
      ['p', 'parent', 'vs'],
    );
  });

  it('lets an object come twice, once new and then changed', () => {
    const { edits } = run({
      model_name: 'VirtualService',
      data: {
        name: 'vs',
        pool_ref_data: { name: 'p' },
        vh_parent_vs_ref_data: { name: 'parent', pool_ref_data: { name: 'p', enabled: false } },
      },
    });
    const pools = edits.flatMap((edit) =>
      edit.kind === 'put' && edit.object.type === 'Pool' ? [edit.object] : [],
    );
    assert.equal(new Set(pools.map(({ uuid }) => uuid)).size, 1);
  });

  for (const request of [
    {},
    { model_name: 'Constructor', data: {} },
    { model_name: 'Pool' },
    { model_name: 'Pool', data: [] },
    { model_name: 'Pool', data: { name: 'a', health_monitor_refs_data: {} } },
    { model_name: 'Pool', data: { name: 'a', ssl_profile_ref_data: 'x' } },
  ] as JsonObject[]) {
    it(`is refused as ${JSON.stringify(request)}`, () =>
      assert.throws(() => run(request), { code: 'JSON_MALFORMED' }));
  }
});
