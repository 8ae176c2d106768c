import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { describePicker, openLoad, pickerServices } from './picker.conformance.ts';
import { createRoundRobin } from './round-robin.ts';

describePicker('round robin', (ratios, { clock, random }) => createRoundRobin(ratios, clock, random));

function picksOf(ratios: readonly number[], count: number, seed = 1): number[] {
  const { clock, random } = pickerServices(seed);
  const picker = createRoundRobin(ratios, clock, random);
  const state = openLoad(ratios.length);
  return Array.from({ length: count }, () => picker.pick(state));
}

describe('round robin', () => {
  it('interleaves ratios 5, 1 and 1: every seven picks hold five, one and one', () => {
    for (let seed = 0; seed < 50; seed++) {
      const picks = picksOf([5, 1, 1], 70, seed);
      for (let at = 0; at + 7 <= picks.length; at++) {
        const seven = picks.slice(at, at + 7);
        assert.equal(seven.filter((index) => index === 0).length, 5, `${picks} at ${at}`);
        assert.equal(seven.filter((index) => index === 1).length, 1, `${picks} at ${at}`);
      }
      assert.doesNotMatch(picks.join(''), /00000/, 'all five turns of the first server at once');
    }
  });

  it('is never two picks away from the share that a ratio gives, at any moment', () => {
    const anyRatios = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(anyRatios, fc.nat(), (ratios, seed) => {
        const sum = ratios.reduce((total, ratio) => total + ratio, 0);
        const got = ratios.map(() => 0);
        for (const [at, index] of picksOf(ratios, 2 * sum, seed).entries()) {
          (got[index] as number)++;
          for (const [server, ratio] of ratios.entries()) {
            const off = (got[server] as number) - ((at + 1) * ratio) / sum;
            assert.ok(Math.abs(off) < 2, `server ${server} of ratios ${ratios} is off by ${off}`);
          }
        }
      }),
    );
  });

  it('gives each of N equal servers every Nth pick', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.nat(), (count, seed) => {
        const picks = picksOf(new Array<number>(count).fill(1), 3 * count, seed);
        for (const [at, index] of picks.entries()) {
          if (at >= count) assert.equal(index, picks[at - count]);
        }
        assert.equal(new Set(picks).size, count);
      }),
    );
  });

  it('takes no notice of load', () => {
    const { clock, random } = pickerServices();
    const picker = createRoundRobin([1, 1], clock, random);
    const picks = Array.from({ length: 10 }, () => picker.pick({ ...openLoad(2), load: (at) => at * 1000 }));
    assert.equal(picks.filter((index) => index === 1).length, 5);
  });

  it('forgets a pick to a third in ten seconds, so that its load is a rate', () => {
    const { clock, random } = pickerServices();
    const picker = createRoundRobin([1, 1], clock, random);
    const state = openLoad(2);
    for (let at = 0; at < 100; at++) picker.pick(state);
    assert.equal(picker.loadOf(0, state), 50);
    clock.advance(10_000);
    const left = picker.loadOf(0, state);
    assert.ok(left > 18 && left < 19, `${left} of 50`);
    clock.advance(100_000);
    assert.ok(picker.loadOf(0, state) < 0.01);
  });
});
