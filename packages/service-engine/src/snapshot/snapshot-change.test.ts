import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PoolSnapshot, Snapshot, VirtualServiceSnapshot } from '@limpet/model';
import fc from 'fast-check';
import { changed, changeFrom, EMPTY_SNAPSHOT, slotsOf } from './snapshot-change.ts';

// What tells parts apart is their identity and their uuid; of the rest of them a few fields stand for all.
const pool = (number: number, servers: readonly string[]): PoolSnapshot =>
  ({ uuid: `pool-${number}`, servers: servers.map((id) => ({ id })) }) as unknown as PoolSnapshot;
const service = (number: number): VirtualServiceSnapshot =>
  ({ uuid: `service-${number}`, poolUuid: `pool-${number}` }) as unknown as VirtualServiceSnapshot;

describe('a snapshot as a change of another', () => {
  it('comes to the same, with the parts that are unchanged as the receiver has them', () => {
    const shared = Array.from({ length: 6 }, (_, number) => pool(number, ['a']));
    const services = Array.from({ length: 6 }, (_, number) => service(number));
    const subset = fc.subarray([0, 1, 2, 3, 4, 5]);
    const snapshotOf = fc.tuple(subset, subset, subset).map(
      ([pools, others, servers]): Snapshot => ({
        hash: JSON.stringify([pools, others, servers]),
        virtualServices: others.map((number) => services[number] as VirtualServiceSnapshot),
        pools: pools.map((number) =>
          servers.includes(number) ? pool(number, ['a', 'b']) : (shared[number] as PoolSnapshot),
        ),
      }),
    );
    fc.assert(
      fc.property(snapshotOf, snapshotOf, (had, next) => {
        // As it comes to a worker.
        const received = structuredClone(had);
        const made = changed(received, structuredClone(changeFrom(had, next)));
        assert.deepEqual(made, next);
        for (const part of received.pools) {
          const wasKept = next.pools.includes(had.pools[received.pools.indexOf(part)] as PoolSnapshot);
          assert.equal(made.pools.includes(part), wasKept);
        }
      }),
    );
  });

  it('is refused by whoever does not have what it leaves out', () => {
    const had = { hash: '1', virtualServices: [service(1)], pools: [pool(1, ['a'])] };
    const change = changeFrom(had, had);
    assert.throws(() => changed(EMPTY_SNAPSHOT, change), /service-1 is missing/);
  });

  it('comes with the rows of the parts that it has, and with no others', () => {
    const had = { hash: '1', virtualServices: [service(1)], pools: [pool(1, ['a'])] };
    const next = { ...had, hash: '2', pools: [...had.pools, pool(2, ['a', 'b'])] };
    const slots = {
      virtualServices: new Map([['service-1', 0]]),
      pools: new Map([
        ['pool-1', 0],
        ['pool-2', 1],
      ]),
      servers: new Map([
        ['pool-1/a', 0],
        ['pool-2/a', 1],
        ['pool-2/b', 2],
      ]),
    };
    assert.deepEqual(slotsOf(changeFrom(had, next), slots), {
      virtualServices: new Map(),
      pools: new Map([['pool-2', 1]]),
      servers: new Map([
        ['pool-2/a', 1],
        ['pool-2/b', 2],
      ]),
    });
  });
});
