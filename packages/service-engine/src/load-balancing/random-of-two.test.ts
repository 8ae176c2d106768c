import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describePicker, openLoad, pickerServices, seededRandom } from './picker.conformance.ts';
import { createRandomOfTwo } from './random-of-two.ts';

describePicker('random of two', (ratios, { random }) => createRandomOfTwo(ratios, random), { exact: false });

describe('random of two', () => {
  it('never takes the fuller of two servers', () => {
    const picker = createRandomOfTwo([1, 1], pickerServices().random);
    const state = openLoad(2);
    state.open.splice(0, 2, 1, 0);
    for (let at = 0; at < 100; at++) assert.equal(picker.pick(state), 1);
  });

  it('never takes the fullest of many, and each of the others', () => {
    const picker = createRandomOfTwo([1, 1, 1, 1], seededRandom(7));
    const state = openLoad(4);
    state.open[2] = 5;
    const picked = new Set(Array.from({ length: 200 }, () => picker.pick(state)));
    assert.deepEqual([...picked].sort(), [0, 1, 3]);
  });

  it('fills servers far more evenly than one random choice does', () => {
    const random = seededRandom(11);
    const picker = createRandomOfTwo(new Array<number>(20).fill(1), random);
    const state = openLoad(20);
    const alone = new Array<number>(20).fill(0);
    for (let at = 0; at < 2000; at++) {
      (state.open[picker.pick(state)] as number)++;
      (alone[Math.floor(random.fraction() * 20)] as number)++;
    }
    const gap = (open: readonly number[]): number => Math.max(...open) - Math.min(...open);
    assert.ok(gap(state.open) <= 6, `${state.open}`);
    assert.ok(gap(alone) > 2 * gap(state.open), `${alone}`);
  });
});
