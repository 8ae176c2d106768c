import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { deepFreeze } from '../canonical-json.ts';
import { snapshotHash } from '../compile/compile-objects.ts';
import type { Snapshot } from '../snapshot.ts';
import { applySnapshotChanges, checkedSnapshot, secretHashes, snapshotChanges } from './snapshot-changes.ts';

/** Parts by uuid, each with some content. */
function snapshotOf(services: Record<string, number>, pools: Record<string, number>): Snapshot {
  const parts = (from: Record<string, number>) =>
    Object.entries(from)
      .map(([uuid, content]) => ({ uuid, content }))
      .sort((a, b) => (a.uuid < b.uuid ? -1 : 1));
  const content = deepFreeze({
    virtualServices: parts(services),
    pools: parts(pools),
  }) as unknown as Snapshot;
  return deepFreeze({ ...content, hash: snapshotHash(content) });
}

const parts = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat({ max: 2 }));
const snapshots = fc.tuple(parts, parts).map(([services, pools]) => snapshotOf(services, pools));
const overTheLink = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

describe('changes between snapshots', () => {
  it('make the one of the other', () => {
    fc.assert(
      fc.property(snapshots, snapshots, (before, after) => {
        const changes = snapshotChanges(before, after);
        assert.deepEqual(applySnapshotChanges(overTheLink(before), overTheLink(changes)), after);
      }),
    );
  });

  it('hold what has changed and nothing else', () => {
    const before = snapshotOf({ a: 1, b: 1 }, { p: 1, q: 1, r: 1 });
    const after = snapshotOf({ a: 1, b: 1 }, { p: 1, q: 2 });
    const { virtualServices, pools } = snapshotChanges(before, after);
    assert.deepEqual(virtualServices, { put: [], gone: [] });
    assert.deepEqual(
      pools.put.map(({ uuid }) => uuid),
      ['q'],
    );
    assert.deepEqual(pools.gone, ['r']);
  });

  it('are refused on another base, and where what comes of them is not what was meant', () => {
    const [first, second, third] = [
      snapshotOf({ a: 1 }, {}),
      snapshotOf({ a: 2 }, {}),
      snapshotOf({ a: 3 }, {}),
    ];
    const changes = snapshotChanges(first, second);
    assert.throws(() => applySnapshotChanges(third, changes), { code: 'LINK_BASE_UNKNOWN' });
    assert.throws(() => applySnapshotChanges(undefined, changes), { code: 'LINK_BASE_UNKNOWN' });
    assert.throws(() => applySnapshotChanges(first, { ...changes, hash: third.hash }), {
      code: 'LINK_BASE_UNKNOWN',
    });
    assert.throws(() => checkedSnapshot({ ...first, hash: third.hash }), { code: 'LINK_BASE_UNKNOWN' });
    assert.equal(checkedSnapshot(overTheLink(first)).hash, first.hash);
  });

  it('are found in a whole snapshot, too: what is as it was is the same object', () => {
    const base = snapshotOf({ a: 1, b: 1 }, { p: 1, q: 1 });
    const next = snapshotOf({ a: 1, b: 2 }, { p: 1 });
    const { virtualServices, pools } = checkedSnapshot(overTheLink(next), base);
    assert.deepEqual(
      { virtualServices, pools },
      { virtualServices: next.virtualServices, pools: next.pools },
    );
    assert.equal(virtualServices[0], base.virtualServices[0]);
    assert.notEqual(virtualServices[1], base.virtualServices[1]);
    assert.equal(pools[0], base.pools[0]);
  });

  it('name every private key of a snapshot, wherever it is used', () => {
    const snapshot = {
      virtualServices: [{ uuid: 'a', tls: { certificates: [{ keyHash: 'front' }] } }, { uuid: 'b' }],
      pools: [
        {
          uuid: 'p',
          tls: { client: { certificate: { keyHash: 'back' } } },
          healthMonitors: [{ tls: { client: { certificate: { keyHash: 'probe' } } } }],
        },
      ],
    } as unknown as Snapshot;
    assert.deepEqual([...secretHashes(snapshot)], ['front', 'back', 'probe']);
  });
});
