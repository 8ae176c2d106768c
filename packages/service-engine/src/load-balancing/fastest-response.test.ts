import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createFastestResponse } from './fastest-response.ts';
import { describePicker, openLoad, pickerServices } from './picker.conformance.ts';

describePicker('fastest response', (ratios, { clock, random }) =>
  createFastestResponse(ratios, clock, random),
);

describe('fastest response', () => {
  const { clock, random } = pickerServices();

  it('picks the faster server until so much waits there that the slower one is as soon done', () => {
    const picker = createFastestResponse([1, 1], clock, random);
    const state = openLoad(2);
    state.responses.splice(0, 2, 10, 40);
    for (let at = 0; at < 100; at++) (state.open[picker.pick(state)] as number)++;
    assert.deepEqual(state.open, [80, 20]);
  });

  it('takes a server for four times as fast that has four times the ratio', () => {
    const picker = createFastestResponse([1, 4], clock, random);
    const state = openLoad(2);
    state.responses.splice(0, 2, 10, 40);
    for (let at = 0; at < 100; at++) (state.open[picker.pick(state)] as number)++;
    assert.deepEqual(state.open, [50, 50]);
  });

  it('counts a connection of a slow server as more, so that clients that are drawn there go on', () => {
    const picker = createFastestResponse([1, 1, 1], clock, random);
    const state = openLoad(3);
    state.open.fill(10);
    state.responses.splice(0, 3, 10, 10, 40);
    assert.deepEqual(
      [0, 1, 2].map((index) => picker.loadOf(index, state)),
      [5, 5, 20],
    );
  });
});
