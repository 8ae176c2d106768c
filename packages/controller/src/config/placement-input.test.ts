import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { defaultControllerObjects } from './default-view.ts';
import { ImmutableView } from './immutable-view.ts';
import { DEFAULT_GROUP, groupUuidOf, placementInput } from './placement-input.ts';
import { engine, group, object, virtualService } from './test-configuration.ts';

type Put = ReturnType<typeof object>;

function viewOf(...puts: readonly Put[]): ImmutableView {
  const edits = puts.map(({ object: one }) => ({
    kind: 'put' as const,
    object: { ...one, lastModifiedUs: 1 },
  }));
  return ImmutableView.of(defaultControllerObjects, 0).with(edits, 1);
}

function inputOf(...puts: readonly Put[]) {
  return placementInput(viewOf(...puts), {
    former: new Map(),
    wanted: new Map([['vs', 3]]),
    lost: new Set(['se-2']),
  });
}

describe('what placement is told', () => {
  it('of a group that says nothing are the defaults of Avi', () => {
    assert.deepEqual(inputOf().groups.get(DEFAULT_GROUP), {
      algorithm: 'packed',
      enginesMin: 1,
      enginesMax: 4,
      virtualServicesPerEngine: 10,
    });
  });

  for (const [ha_mode, bounds] of [
    ['HA_MODE_SHARED', [1, 4]],
    ['HA_MODE_SHARED_PAIR', [2, 4]],
    ['HA_MODE_LEGACY_ACTIVE_STANDBY', [1, 1]],
  ] as const) {
    it(`of a group of ${ha_mode} are ${bounds.join(' to ')} engines`, () => {
      const placed = inputOf(group({ ha_mode })).groups.get(DEFAULT_GROUP);
      assert.deepEqual([placed?.enginesMin, placed?.enginesMax], bounds);
    });
  }

  it('of engines is what they may host, and which are lost', () => {
    const { engines } = inputOf(
      engine('se-1'),
      engine('se-2', { enable_state: 'SE_STATE_DISABLED_FOR_PLACEMENT' }),
      engine('se-3', { enable_state: 'SE_STATE_DISABLED', se_group_ref: '/api/serviceenginegroup/g' }),
      engine('se-4', { enable_state: 'SE_STATE_DISABLED_FORCE' }),
    );
    assert.deepEqual(
      engines.map(({ uuid, group: of, state, isLost }) => [uuid, of, state, isLost]),
      [
        ['se-1', DEFAULT_GROUP, 'enabled', false],
        ['se-2', DEFAULT_GROUP, 'keeping', true],
        ['se-3', 'g', 'disabled', false],
        ['se-4', DEFAULT_GROUP, 'disabled', false],
      ],
    );
  });

  it('of virtual services are those with an address, by who shares it, with what was asked for', () => {
    const { virtualServices } = inputOf(
      virtualService('vs', 1, { vsvip_ref: '/api/vsvip/v', se_group_ref: '/api/serviceenginegroup/g' }),
      virtualService('own', 2),
      object('VirtualService', 'child', {
        type: 'VS_TYPE_VH_CHILD',
        vh_parent_vs_ref: '/api/virtualservice/vs',
      }),
    );
    assert.deepEqual(virtualServices, [
      { uuid: 'vs', group: 'g', unit: 'v', wanted: 3 },
      { uuid: 'own', group: DEFAULT_GROUP, unit: 'own' },
    ]);
  });
});

describe('the group of a child', () => {
  it('is that of its parent, whatever it says itself', () => {
    const parent = virtualService('vs', 1, { se_group_ref: '/api/serviceenginegroup/g' });
    const child = object('VirtualService', 'child', {
      type: 'VS_TYPE_VH_CHILD',
      vh_parent_vs_ref: '/api/virtualservice/vs',
      se_group_ref: '/api/serviceenginegroup/other',
    });
    const view = viewOf(parent, child);
    const found = view.get('VirtualService', 'child');
    assert.ok(found !== undefined);
    assert.equal(groupUuidOf(found, view), 'g');
  });
});
