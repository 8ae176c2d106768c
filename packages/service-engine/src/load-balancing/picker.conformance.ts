// What every picker promises, as tests that each algorithm runs.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import type { RandomSource } from '../lifecycle/random.ts';
import { NO_SERVER, type Picker, type PickState } from './picker.ts';

export interface PickerServices {
  readonly clock: ReturnType<typeof createFakeClock>;
  readonly random: RandomSource;
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

export function pickerServices(seed = 1): PickerServices {
  return { clock: createFakeClock(), random: seededRandom(seed) };
}

/** Servers whose picks stay open: what a load that only grows looks like to an algorithm. */
export function openLoad(
  count: number,
): PickState & { readonly open: number[]; readonly out: Set<number>; calls: number } {
  const open = new Array<number>(count).fill(0);
  const out = new Set<number>();
  const state = {
    open,
    out,
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
  };
  return state;
}

const anyRatios = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 12 });
const anySeed = fc.integer({ min: 0, max: 0xffffffff });

export function describePicker(name: string, make: PickerMaker): void {
  describe(`the picker ${name}`, () => {
    it('is frozen', () => {
      assert.ok(Object.isFrozen(make([1, 2], pickerServices())));
    });

    it('finds no server where there is none, or none that is eligible', () => {
      for (const count of [0, 1, 5]) {
        const picker = make(new Array<number>(count).fill(1), pickerServices());
        const pick = picker.pick({ eligible: () => false, load: () => 0 });
        assert.equal(pick, NO_SERVER);
      }
    });

    it('picks an eligible server whenever there is one, and no other, however they come and go', () => {
      const rounds = fc.array(fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }), { maxLength: 60 });
      fc.assert(
        fc.property(anyRatios, anySeed, rounds, (ratios, seed, masks) => {
          const picker = make(ratios, pickerServices(seed));
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

    it('asks about each server twice at most', () => {
      fc.assert(
        fc.property(anyRatios, anySeed, (ratios, seed) => {
          const picker = make(ratios, pickerServices(seed));
          const state = openLoad(ratios.length);
          for (let round = 0; round < 20; round++) {
            state.calls = 0;
            picker.pick(state);
            assert.ok(state.calls <= 2 * ratios.length, `${state.calls} calls for ${ratios.length} servers`);
          }
        }),
        { numRuns: 50 },
      );
    });

    it('gives each server exactly its ratio of as many picks as the ratios sum up to, while connections stay open', () => {
      fc.assert(
        fc.property(anyRatios, anySeed, fc.integer({ min: 1, max: 30 }), (ratios, seed, turns) => {
          const picker = make(ratios, pickerServices(seed));
          const state = openLoad(ratios.length);
          const sum = ratios.reduce((total, ratio) => total + ratio, 0);
          for (let at = 0; at < turns * sum; at++) (state.open[picker.pick(state)] as number)++;
          assert.deepEqual(
            state.open,
            ratios.map((ratio) => turns * ratio),
          );
        }),
        { numRuns: 100 },
      );
    });

    it('divides by ratio among those that are left, and takes a server in again that comes back', () => {
      const ratios = [3, 1, 2, 2];
      const picker = make(ratios, pickerServices());
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
        assert.ok(Math.abs(got - share) <= 3, `server ${index + 1}: ${got} of ${share}`);
      }
      state.out.clear();
      state.open.fill(0);
      const again = count(800);
      for (const [index, ratio] of ratios.entries()) {
        const got = again[index] as number;
        assert.ok(Math.abs(got - 100 * ratio) <= 20, `server ${index}: ${got} of ${100 * ratio}`);
      }
    });

    it('begins at another server with other randomness, so that workers do not march in step', () => {
      const firsts = new Set<number>();
      for (let seed = 0; seed < 200; seed++) {
        firsts.add(make(new Array<number>(8).fill(1), pickerServices(seed * 7919)).pick(openLoad(8)));
      }
      assert.equal(firsts.size, 8);
    });

    it('says a load that is finite, not negative, and grows with what goes to the server', () => {
      const picker = make([1, 1, 1], pickerServices());
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
  });
}
