// What every picker promises, as tests that each algorithm runs.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import type { RandomSource } from '../lifecycle/random.ts';
import { NO_SERVER, type Picker, type PickState } from './picker.ts';
import { createRendezvous, type Rendezvous } from './rendezvous.ts';

export interface PickerServices {
  readonly clock: ReturnType<typeof createFakeClock>;
  readonly random: RandomSource;
  readonly rendezvous: Rendezvous;
}

/** What algorithms differ in. */
export interface PickerTraits {
  /** Whether servers get their ratios to the pick, or as chance has it. */
  readonly exact: boolean;
  /** Whether it begins at a random place; consistent hash begins where the key says. */
  readonly byKey?: boolean;
}

export type PickerMaker = (ratios: readonly number[], services: PickerServices) => Picker;

/** Not secure, and the same each time: a test that failed can be repeated. */
export function seededRandom(seed = 1): RandomSource {
  let state = seed >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  };
  return {
    bytes: (size) => Buffer.from(Array.from({ length: size }, () => next() >>> 24)),
    fraction: () => next() / 2 ** 32,
  };
}

export function pickerServices(seed = 1, ratios: readonly number[] = []): PickerServices {
  const ids = ratios.map((ratio, at) => ({ id: `server ${at}`, ratio }));
  return { clock: createFakeClock(), random: seededRandom(seed), rendezvous: createRendezvous(ids) };
}

/** Servers whose picks stay open: what a load that only grows looks like to an algorithm. */
export function openLoad(count: number): PickState & {
  readonly open: number[];
  readonly out: Set<number>;
  readonly shares: number[];
  readonly responses: number[];
  calls: number;
} {
  const open = new Array<number>(count).fill(0);
  const shares = new Array<number>(count).fill(1);
  const responses = new Array<number>(count).fill(0);
  const out = new Set<number>();
  const keys = seededRandom(4711);
  const state = {
    open,
    out,
    shares,
    responses,
    calls: 0,
    eligible(index: number): boolean {
      state.calls++;
      assert.ok(Number.isInteger(index) && index >= 0 && index < count, `asked about server ${index}`);
      return !out.has(index);
    },
    load(index: number): number {
      state.calls++;
      return open[index] as number;
    },
    share(index: number): number {
      state.calls++;
      return shares[index] as number;
    },
    responseMs(index: number): number {
      state.calls++;
      return responses[index] as number;
    },
    /** Another client each time. */
    get key(): number {
      return Math.floor(keys.fraction() * 65_536);
    },
  };
  return state;
}

const anyRatios = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 12 });
const anySeed = fc.integer({ min: 0, max: 0xffffffff });

export function describePicker(
  name: string,
  maker: PickerMaker,
  traits: PickerTraits = { exact: true },
): void {
  const make = (ratios: readonly number[], seed = 1): Picker => maker(ratios, pickerServices(seed, ratios));

  describe(`the picker ${name}`, () => {
    it('is frozen', () => {
      assert.ok(Object.isFrozen(make([1, 2])));
    });

    it('finds no server where there is none, or none that is eligible', () => {
      for (const count of [0, 1, 5]) {
        const picker = make(new Array<number>(count).fill(1));
        const pick = picker.pick({ ...openLoad(count), eligible: () => false });
        assert.equal(pick, NO_SERVER);
      }
    });

    it('picks an eligible server whenever there is one, and no other, however they come and go', () => {
      const rounds = fc.array(fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }), { maxLength: 60 });
      fc.assert(
        fc.property(anyRatios, anySeed, rounds, (ratios, seed, masks) => {
          const picker = make(ratios, seed);
          const state = openLoad(ratios.length);
          for (const mask of masks) {
            state.out.clear();
            for (const index of ratios.keys()) if (!mask[index]) state.out.add(index);
            const picked = picker.pick(state);
            if (state.out.size === ratios.length) assert.equal(picked, NO_SERVER);
            else assert.ok(picked in ratios && !state.out.has(picked), `picked ${picked}`);
            if (picked !== NO_SERVER) (state.open[picked] as number)++;
          }
        }),
        { numRuns: 100 },
      );
    });

    it('asks a few questions about each server and no more', () => {
      fc.assert(
        fc.property(anyRatios, anySeed, (ratios, seed) => {
          const picker = make(ratios, seed);
          const state = openLoad(ratios.length);
          for (let round = 0; round < 20; round++) {
            state.calls = 0;
            picker.pick(state);
            assert.ok(state.calls <= 8 * ratios.length, `${state.calls} calls for ${ratios.length} servers`);
          }
        }),
        { numRuns: 50 },
      );
    });

    // Six standard deviations of a draw by chance: once in a billion, and keys are not spread better than to a few in the hundred.
    const nearly = (share: number, exactSlack: number): number =>
      traits.exact ? exactSlack : 6 * Math.sqrt(share) + 0.06 * share;

    it('gives each server its ratio of as many picks as the ratios sum up to, while connections stay open', () => {
      fc.assert(
        fc.property(anyRatios, anySeed, fc.integer({ min: 1, max: 30 }), (ratios, seed, turns) => {
          const picker = make(ratios, seed);
          const state = openLoad(ratios.length);
          const sum = ratios.reduce((total, ratio) => total + ratio, 0);
          for (let at = 0; at < turns * sum; at++) (state.open[picker.pick(state)] as number)++;
          for (const [index, ratio] of ratios.entries()) {
            const off = Math.abs((state.open[index] as number) - turns * ratio);
            assert.ok(off <= nearly(turns * ratio, 0), `server ${index} of ${ratios} got ${state.open}`);
          }
        }),
        { numRuns: 100 },
      );
    });

    it('divides by ratio among those that are left, and takes a server in again that comes back', () => {
      const ratios = [3, 1, 2, 2];
      const picker = make(ratios);
      const state = openLoad(4);
      const count = (picks: number): number[] => {
        const before = [...state.open];
        for (let at = 0; at < picks; at++) (state.open[picker.pick(state)] as number)++;
        return state.open.map((now, index) => now - (before[index] as number));
      };
      count(80);
      state.out.add(0);
      const without = count(500);
      assert.equal(without[0], 0);
      for (const [index, share] of [100, 200, 200].entries()) {
        const got = without[index + 1] as number;
        assert.ok(Math.abs(got - share) <= nearly(share, 3), `server ${index + 1}: ${got} of ${share}`);
      }
      state.out.clear();
      state.open.fill(0);
      const again = count(800);
      for (const [index, ratio] of ratios.entries()) {
        const got = again[index] as number;
        assert.ok(
          Math.abs(got - 100 * ratio) <= nearly(100 * ratio, 20),
          `server ${index}: ${got} of ${100 * ratio}`,
        );
      }
    });

    it('gives a server with part of its share that part of the picks and no more, however empty it is', () => {
      const picks = 6000;
      const ratios = [2, 1, 1, 2];
      for (const part of [0.1, 0.25, 0.5, 0.9]) {
        const picker = make(ratios);
        const state = openLoad(4);
        // Whoever comes leaves at once; only the others are busy.
        state.open.splice(0, 4, 20, 10, 10, 0);
        state.shares[3] = part;
        let got = 0;
        for (let at = 0; at < picks; at++) if (picker.pick(state) === 3) got++;
        const fair = (picks * 2 * part) / (4 + 2 * part);
        assert.ok(got > 0.8 * fair && got < 1.2 * fair, `${got} of ${fair} at ${part}`);
      }
    });

    it('gives two such servers no more than their parts, one whatever the other', () => {
      const picker = make([1, 1, 1, 1]);
      const state = openLoad(4);
      state.open.splice(0, 4, 50, 50, 0, 3);
      state.shares.splice(0, 4, 1, 1, 0.25, 0.1);
      const got = [0, 0, 0, 0];
      for (let at = 0; at < 6000; at++) (got[picker.pick(state)] as number)++;
      assert.ok((got[2] as number) < 1.2 * 6000 * (0.25 / 2.35), `${got}`);
      assert.ok((got[3] as number) < 1.3 * 6000 * (0.1 / 2.35), `${got}`);
    });

    it('divides by ratio as ever where every server has but part of its share', () => {
      const ratios = [3, 1, 2];
      const picker = make(ratios);
      const state = openLoad(3);
      state.shares.fill(0.1);
      for (let at = 0; at < 600; at++) (state.open[picker.pick(state)] as number)++;
      for (const [index, ratio] of ratios.entries()) {
        const got = state.open[index] as number;
        assert.ok(Math.abs(got - 100 * ratio) <= nearly(100 * ratio, 3), `${state.open}`);
      }
    });

    it('gives everything to a server that is the only one, whatever its share', () => {
      const picker = make([1, 1]);
      const state = openLoad(2);
      state.out.add(0);
      state.shares[1] = 0.1;
      for (let at = 0; at < 20; at++) assert.equal(picker.pick(state), 1);
    });

    it('says a load that is finite, not negative, and grows with what goes to the server', () => {
      const picker = make([1, 1, 1]);
      const state = openLoad(3);
      assert.deepEqual(
        [0, 1, 2].map((index) => picker.loadOf(index, state)),
        [0, 0, 0],
      );
      for (let at = 0; at < 10; at++) {
        picker.note(1);
        (state.open[1] as number)++;
      }
      assert.equal(picker.loadOf(0, state), 0);
      assert.equal(picker.loadOf(1, state), 10);
    });

    if (traits.byKey === true) return;

    it('begins at another server with other randomness, so that workers do not march in step', () => {
      const firsts = new Set<number>();
      for (let seed = 0; seed < 200; seed++) {
        firsts.add(make(new Array<number>(8).fill(1), seed * 7919).pick(openLoad(8)));
      }
      assert.equal(firsts.size, 8);
    });
  });
}
