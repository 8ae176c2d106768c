import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createConsistentHash } from './consistent-hash.ts';
import { describePicker, openLoad } from './picker.conformance.ts';
import { createRendezvous } from './rendezvous.ts';

describePicker('consistent hash', (ratios, { rendezvous }) => createConsistentHash(ratios, rendezvous), {
  exact: false,
  byKey: true,
});

const KEYS = 20_000;

function pool(ratios: readonly number[]) {
  const servers = ratios.map((ratio, at) => ({ id: `10.0.0.${at}:80`, ratio }));
  const picker = createConsistentHash(ratios, createRendezvous(servers));
  const state = openLoad(ratios.length);
  return { state, pick: (key: number) => picker.pick({ ...state, key }) };
}

describe('consistent hash', () => {
  it('sends a key to the same server on every engine, while nobody is overloaded', () => {
    const [one, other] = [pool([1, 2, 3, 1]), pool([1, 2, 3, 1])];
    for (let key = 0; key < 1000; key++) assert.equal(one.pick(key), other.pick(key));
  });

  it('moves the keys of a server that goes away, and no others', () => {
    const { state, pick } = pool([1, 1, 2, 1, 3]);
    const before = Array.from({ length: KEYS }, (_, key) => pick(key));
    state.out.add(2);
    for (const [key, index] of before.entries()) {
      if (index !== 2) assert.equal(pick(key), index);
      else assert.notEqual(pick(key), 2);
    }
  });

  it('gives a server whose share grows more keys, and takes none of them away again', () => {
    const { state, pick } = pool([1, 1, 1, 1]);
    let former = new Set<number>();
    for (const share of [0.1, 0.3, 0.6, 1]) {
      state.shares[3] = share;
      const keys = new Set(Array.from({ length: KEYS }, (_, key) => key).filter((key) => pick(key) === 3));
      for (const key of former) assert.ok(keys.has(key));
      const fair = (KEYS * share) / (3 + share);
      assert.ok(Math.abs(keys.size / fair - 1) < 0.1, `${keys.size} of ${fair}`);
      former = keys;
    }
  });

  it('has at no time a server above 1.25 times its share and a few, though all come from one address', () => {
    const ratios = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 8 });
    fc.assert(
      fc.property(ratios, fc.nat(65_535), fc.integer({ min: 50, max: 500 }), (each, key, count) => {
        const { state, pick } = pool(each);
        const sum = each.reduce((total, ratio) => total + ratio, 0);
        for (let at = 0; at < count; at++) (state.open[pick(key)] as number)++;
        for (const [index, ratio] of each.entries())
          assert.ok((state.open[index] as number) <= (1.25 * count * ratio) / sum + 7, `${state.open}`);
      }),
      { numRuns: 50 },
    );
  });

  it('keeps the few connections of one client together in an empty pool', () => {
    const { state, pick } = pool([1, 1, 1, 1, 1]);
    const first = pick(99);
    for (let at = 0; at < 6; at++) {
      assert.equal(pick(99), first);
      (state.open[first] as number)++;
    }
  });
});
