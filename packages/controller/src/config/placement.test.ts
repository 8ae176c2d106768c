import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type PlacedEngine,
  type PlacedGroup,
  type PlacedVirtualService,
  type Placement,
  type PlacementResult,
  place,
} from './placement.ts';

const GROUP: PlacedGroup = {
  algorithm: 'packed',
  enginesMin: 1,
  enginesMax: 4,
  virtualServicesPerEngine: 10,
};

const engine = (uuid: string, about: Partial<PlacedEngine> = {}): PlacedEngine => ({
  uuid,
  group: 'g',
  state: 'enabled',
  isLost: false,
  ...about,
});
const service = (uuid: string, about: Partial<PlacedVirtualService> = {}): PlacedVirtualService => ({
  uuid,
  group: 'g',
  unit: uuid,
  ...about,
});
const many = (count: number, prefix = 'vs'): readonly PlacedVirtualService[] =>
  Array.from({ length: count }, (_, index) => service(`${prefix}-${index}`));

function placed(
  virtualServices: readonly PlacedVirtualService[],
  engines: readonly PlacedEngine[],
  group: Partial<PlacedGroup> = {},
  former: Placement = new Map(),
): PlacementResult {
  return place({ groups: new Map([['g', { ...GROUP, ...group }]]), engines, virtualServices, former });
}

function loads({ placement }: PlacementResult): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const engines of placement.values())
    for (const uuid of engines) counts[uuid] = (counts[uuid] ?? 0) + 1;
  return counts;
}

const three = [engine('a'), engine('b'), engine('c')];

describe('placement', () => {
  it('that is packed fills an engine before it takes another', () => {
    const result = placed(many(12), three);
    assert.deepEqual(
      Object.values(loads(result)).sort((a, b) => a - b),
      [2, 10],
    );
    assert.deepEqual(result.short, []);
  });

  it('that is distributed loads all engines alike', () => {
    assert.deepEqual(loads(placed(many(12), three, { algorithm: 'distributed' })), { a: 4, b: 4, c: 4 });
  });

  it('spreads a virtual service over as many engines as its group wants at least', () => {
    const { placement } = placed(many(3), three, { enginesMin: 2 });
    for (const engines of placement.values()) assert.equal(new Set(engines).size, 2);
  });

  it('gives no engine more than it may have, every one its first engine before any a second, and lets the newest wait', () => {
    const result = placed(many(5), [engine('a'), engine('b')], {
      enginesMin: 2,
      virtualServicesPerEngine: 3,
    });
    assert.deepEqual(loads(result), { a: 3, b: 3 });
    assert.ok([...result.placement.values()].every((engines) => engines.length >= 1));
    assert.equal(result.short.length, 4);
    const full = placed(many(3), [engine('a')], { virtualServicesPerEngine: 2 });
    assert.equal(full.short.length, 1);
  });

  it('keeps those that share an address together', () => {
    const sharing = ['x', 'y', 'z'].map((uuid) => service(uuid, { unit: 'vip' }));
    const { placement } = placed([...many(9), ...sharing], three, { algorithm: 'distributed' });
    assert.deepEqual(placement.get('x'), placement.get('y'));
    assert.deepEqual(placement.get('x'), placement.get('z'));
  });

  it('lets one of those that share an address wait where there is no room, and not those that were there', () => {
    const shared = (uuid: string) => service(uuid, { unit: 'vip' });
    const before = placed([shared('x'), shared('y')], [engine('a')], { virtualServicesPerEngine: 2 });
    const after = placed(
      [shared('new'), shared('x'), shared('y')],
      [engine('a')],
      { virtualServicesPerEngine: 2 },
      before.placement,
    );
    assert.deepEqual(after.placement.get('x'), ['a']);
    assert.deepEqual(after.placement.get('y'), ['a']);
    assert.deepEqual(after.placement.get('new'), []);
    assert.deepEqual(after.short, [{ uuid: 'new', wanted: 1, placed: 0 }]);
  });

  it('moves nothing when an engine comes', () => {
    const before = placed(many(8), [engine('a'), engine('b')], { algorithm: 'distributed' });
    const after = placed(many(8), three, { algorithm: 'distributed' }, before.placement);
    assert.deepEqual(after.placement, before.placement);
  });

  it('moves nothing for bounds that became smaller', () => {
    const before = placed(many(8), [engine('a')]);
    const after = placed(many(8), three, { virtualServicesPerEngine: 2 }, before.placement);
    assert.deepEqual(after.placement, before.placement);
  });

  it('gives up an engine where fewer are wanted, and keeps the first ones', () => {
    const before = placed([service('x', { wanted: 3 })], three);
    assert.equal(before.placement.get('x')?.length, 3);
    const after = placed([service('x')], three, {}, before.placement);
    assert.deepEqual(after.placement.get('x'), before.placement.get('x')?.slice(0, 1));
  });

  it('keeps to the bounds of the group, whatever was asked for', () => {
    const { placement } = placed([service('x', { wanted: 9 })], three, { enginesMax: 2 });
    assert.equal(placement.get('x')?.length, 2);
  });

  it('puts another engine in the place of one that is lost, and keeps one for which there is none', () => {
    const before = placed(many(3), [engine('a'), engine('b')], { enginesMin: 2 });
    const withSpare = placed(
      many(3),
      [engine('a', { isLost: true }), engine('b'), engine('c')],
      { enginesMin: 2 },
      before.placement,
    );
    for (const engines of withSpare.placement.values()) assert.deepEqual([...engines].sort(), ['b', 'c']);
    const without = placed(
      many(3),
      [engine('a', { isLost: true }), engine('b')],
      { enginesMin: 2 },
      before.placement,
    );
    for (const engines of without.placement.values()) assert.deepEqual([...engines].sort(), ['a', 'b']);
    // The one that came in its place stays when it is back.
    const back = placed(many(3), three, { enginesMin: 2 }, withSpare.placement);
    assert.deepEqual(back.placement, withSpare.placement);
  });

  it('takes virtual services from a disabled engine, and gives none to one that is disabled for placement', () => {
    const before = placed(many(4), [engine('a')]);
    const disabled = placed(many(4), [engine('a', { state: 'disabled' }), engine('b')], {}, before.placement);
    for (const engines of disabled.placement.values()) assert.deepEqual(engines, ['b']);
    const keeping = placed(
      [...many(4), service('new')],
      [engine('a', { state: 'keeping' }), engine('b')],
      {},
      before.placement,
    );
    assert.deepEqual(keeping.placement.get('vs-0'), ['a']);
    assert.deepEqual(keeping.placement.get('new'), ['b']);
  });

  it('uses engines of the group and of no other', () => {
    const result = placed(many(2), [engine('a', { group: 'other' })]);
    assert.deepEqual([...result.placement.values()], [[], []]);
    assert.equal(result.short.length, 2);
  });
});

describe('any placement', () => {
  const uuids = fc.uniqueArray(fc.integer({ min: 0, max: 30 }), { maxLength: 12 });
  const algorithm = fc.constantFrom('packed' as const, 'distributed' as const);

  it('is the same in whatever order engines are given, within the bounds, and leaves no room unused', () => {
    fc.assert(
      fc.property(uuids, uuids, algorithm, fc.integer({ min: 1, max: 3 }), (services, engines, algo, min) => {
        const group = { algorithm: algo, enginesMin: min, virtualServicesPerEngine: 4 };
        const virtualServices = services.map((one) => service(`vs-${one}`));
        const all = engines.map((one) => engine(`se-${one}`));
        const result = placed(virtualServices, all, group);
        assert.deepEqual(placed(virtualServices, all.toReversed(), group).placement, result.placement);
        for (const count of Object.values(loads(result))) assert.ok(count <= 4);
        const total = [...result.placement.values()].reduce((sum, list) => sum + list.length, 0);
        for (const list of result.placement.values()) assert.equal(new Set(list).size, list.length);
        const possible = Math.min(all.length * 4, virtualServices.length * Math.min(min, all.length));
        // Packing may leave room on an engine that those who lack one are on already.
        assert.ok(total <= possible);
        if (min === 1) assert.equal(total, possible);
      }),
    );
  });

  it('moves only those whose engine is gone', () => {
    fc.assert(
      fc.property(uuids, uuids, algorithm, fc.nat(), (services, engines, algo, which) => {
        fc.pre(engines.length > 0);
        const group = { algorithm: algo, virtualServicesPerEngine: 4 };
        const virtualServices = services.map((one) => service(`vs-${one}`));
        const all = engines.map((one) => engine(`se-${one}`));
        const before = placed(virtualServices, all, group);
        const gone = all[which % all.length]?.uuid;
        const after = placed(
          virtualServices,
          all.filter(({ uuid }) => uuid !== gone),
          group,
          before.placement,
        );
        for (const [uuid, list] of before.placement)
          if (list.length > 0 && !list.includes(gone ?? ''))
            assert.deepEqual(after.placement.get(uuid), list);
      }),
    );
  });
});
