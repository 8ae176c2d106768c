import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createLeastConnections } from './least-connections.ts';
import { describePicker, openLoad, pickerServices, seededRandom } from './picker.conformance.ts';

describePicker('least connections', (ratios, { random }) => createLeastConnections(ratios, random));

describe('least connections', () => {
  it('never picks a server that would be fuller for its ratio than another', () => {
    const servers = fc.array(fc.tuple(fc.integer({ min: 1, max: 20 }), fc.nat(100), fc.boolean()), {
      minLength: 1,
      maxLength: 10,
    });
    fc.assert(
      fc.property(servers, fc.nat(), (pool, seed) => {
        const picker = createLeastConnections(
          pool.map(([ratio]) => ratio),
          seededRandom(seed),
        );
        const state = openLoad(pool.length);
        for (const [index, [, open, out]] of pool.entries()) {
          state.open[index] = open;
          if (out) state.out.add(index);
        }
        const loads = pool.map(([ratio, open, out]) => (out ? Number.POSITIVE_INFINITY : (open + 1) / ratio));
        const picked = picker.pick(state);
        if (picked !== -1) assert.equal(loads[picked], Math.min(...loads));
      }),
    );
  });

  it('lets equally loaded servers take turns, also when every connection is closed at once', () => {
    const picker = createLeastConnections([1, 1, 1], pickerServices().random);
    const state = openLoad(3);
    const picks = Array.from({ length: 9 }, () => picker.pick(state));
    assert.deepEqual(picks.slice(3, 6), picks.slice(0, 3));
    assert.deepEqual(picks.slice(6, 9), picks.slice(0, 3));
    assert.deepEqual(picks.slice(0, 3).toSorted(), [0, 1, 2]);
  });

  it('fills a new server up to the others, and not past them', () => {
    const picker = createLeastConnections([1, 1, 1], pickerServices().random);
    const state = openLoad(3);
    state.open.splice(0, 3, 50, 50, 0);
    for (let at = 0; at < 50; at++) (state.open[picker.pick(state)] as number)++;
    assert.deepEqual(state.open, [50, 50, 50]);
  });
});
