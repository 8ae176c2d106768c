import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { NO_SERVER } from './picker.ts';
import { createRendezvous } from './rendezvous.ts';

const KEYS = 1 << 16;

function servers(ratios: readonly number[], pool = 'pool') {
  return ratios.map((ratio, at) => ({
    id: createHash('sha256').update(`${pool}/10.0.0.${at}:443`).digest('hex').slice(0, 12),
    ratio,
  }));
}

const equal = (count: number): number[] => new Array<number>(count).fill(1);
const zeros = (count: number): number[] => new Array<number>(count).fill(0);
const every = (): boolean => true;

const anyRatios = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 20 });
const anyKey = fc.integer({ min: 0, max: KEYS - 1 });

describe('rendezvous', () => {
  it('chooses by the ids alone, not by their order in the list', () => {
    const listed = servers([1, 2, 3, 4, 5, 6, 7, 8]);
    const permuted = fc.shuffledSubarray(listed, { minLength: listed.length });
    fc.assert(
      fc.property(permuted, anyKey, fc.nat(30), (shuffled, key, position) => {
        const one = createRendezvous(listed).pick(key, position, every);
        const other = createRendezvous(shuffled).pick(key, position, every);
        assert.equal(shuffled[other]?.id, listed[one]?.id);
      }),
    );
  });

  it('visits every eligible server once in as many positions, then goes round again', () => {
    fc.assert(
      fc.property(anyRatios, anyKey, fc.array(fc.nat(19)), (ratios, key, out) => {
        const rendezvous = createRendezvous(servers(ratios));
        const eligible = [...ratios.keys()].filter((index) => !out.includes(index));
        const pick = (at: number): number => rendezvous.pick(key, at, (index) => eligible.includes(index));
        const order = eligible.map((_, at) => pick(at));
        assert.deepEqual(
          order.toSorted((a, b) => a - b),
          eligible,
        );
        assert.equal(pick(eligible.length), order[0] ?? NO_SERVER);
      }),
    );
  });

  it('moves only the keys of a server that leaves, each to the next of its order', () => {
    const rendezvous = createRendezvous(servers([1, 1, 2, 5, 1, 1, 3]));
    for (let key = 0; key < KEYS; key += 13) {
      const before = rendezvous.pick(key, 0, every);
      const after = rendezvous.pick(key, 0, (index) => index !== 3);
      assert.equal(after, before === 3 ? rendezvous.pick(key, 1, every) : before);
    }
  });

  it('lets two engines disagree about a growing server no more than its shares on them differ', () => {
    const [one, other] = [createRendezvous(servers(equal(10))), createRendezvous(servers(equal(10)))];
    // Ten seconds apart, halfway through a ramp of ten minutes.
    const share = (of: number) => (index: number) => (index === 9 ? of : 1);
    let differing = 0;
    for (let key = 0; key < KEYS; key++) {
      const [here, there] = [one.pick(key, 0, every, share(0.5)), other.pick(key, 0, every, share(0.5167))];
      if (here === there) continue;
      assert.equal(there, 9, 'a key goes to the growing server and nowhere else');
      differing++;
    }
    assert.ok(differing / KEYS < 0.003, `${differing} of ${KEYS}`);
  });

  it('gives a new server its keys from all others, and moves none between those', () => {
    const before = createRendezvous(servers(equal(9)));
    const after = createRendezvous(servers(equal(10)));
    let moved = 0;
    for (let key = 0; key < KEYS; key++) {
      const now = after.pick(key, 0, every);
      if (now === before.pick(key, 0, every)) continue;
      assert.equal(now, 9);
      moved++;
    }
    assert.ok(Math.abs(moved - KEYS / 10) < 0.06 * (KEYS / 10), `${moved} moved`);
  });

  it('follows the ratios within 6 %', () => {
    const ratios = [1, 2, 3, 4, 10];
    const rendezvous = createRendezvous(servers(ratios));
    const counts = zeros(5);
    for (let key = 0; key < KEYS; key++) (counts[rendezvous.pick(key, 0, every)] as number)++;
    for (const [index, ratio] of ratios.entries()) {
      const share = (KEYS * ratio) / 20;
      const off = (counts[index] as number) / share - 1;
      assert.ok(Math.abs(off) < 0.06, `ratio ${ratio} is off by ${(100 * off).toFixed(1)} %`);
    }
  });

  it('spreads the 16-bit keys over 100 servers as chance would', () => {
    for (const pool of ['a', 'b', 'c']) {
      const rendezvous = createRendezvous(servers(equal(100), pool));
      const counts = zeros(100);
      for (let key = 0; key < KEYS; key++) (counts[rendezvous.pick(key, 0, every)] as number)++;
      const share = KEYS / 100;
      const deviation = Math.sqrt(counts.reduce((sum, count) => sum + (count - share) ** 2, 0) / 100) / share;
      // A fair draw deviates by 1 / sqrt(655), 3.9 %.
      assert.ok(deviation < 0.06, `standard deviation ${(100 * deviation).toFixed(1)} %`);
      assert.ok(Math.max(...counts) < 1.2 * share && Math.min(...counts) > 0.8 * share);
    }
  });

  it('sends the keys of a server that is out to all others, in equal parts', () => {
    const rendezvous = createRendezvous(servers(equal(10)));
    const counts = zeros(10);
    let all = 0;
    for (let key = 0; key < KEYS; key++) {
      if (rendezvous.pick(key, 0, every) !== 4) continue;
      (counts[rendezvous.pick(key, 1, every)] as number)++;
      all++;
    }
    assert.equal(counts[4], 0);
    for (const [index, count] of counts.entries()) {
      if (index !== 4) assert.ok(Math.abs(count / (all / 9) - 1) < 0.15, `${counts}`);
    }
  });

  it('chooses what engines of other versions have chosen', () => {
    const rendezvous = createRendezvous([
      { id: '000000000001', ratio: 1 },
      { id: '000000000002', ratio: 2 },
      { id: '0123456789ab', ratio: 3 },
      { id: 'ffffffffffff', ratio: 20 },
    ]);
    const chosen = [0, 1, 2, 255, 4711, 65_534, 65_535].map((key) =>
      [0, 1, 2, 3].map((position) => rendezvous.pick(key, position, every)).join(''),
    );
    assert.deepEqual(chosen, ['3021', '3210', '2301', '3201', '3120', '3201', '3201']);
  });

  it('finds no server where none is eligible', () => {
    assert.equal(createRendezvous([]).pick(1, 0, every), NO_SERVER);
    assert.equal(
      createRendezvous(servers(equal(3))).pick(1, 7, () => false),
      NO_SERVER,
    );
  });

  it('asks about each server once', () => {
    let calls = 0;
    createRendezvous(servers(equal(50))).pick(1, 49, () => {
      calls++;
      return true;
    });
    assert.equal(calls, 50);
  });
});
