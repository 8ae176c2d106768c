import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEATHS_MAX, decideRestart, STEADY_MS } from './restart-policy.ts';

describe('the restart of an engine that died', () => {
  it('is at once the first time, also after any number of deaths long ago', () => {
    assert.deepEqual(decideRestart(0, 10), { kind: 'restart', afterMs: 0, deaths: 1 });
    assert.deepEqual(decideRestart(9, STEADY_MS), { kind: 'restart', afterMs: 0, deaths: 1 });
  });

  it('waits ever longer where deaths follow each other, up to a limit, and ends some time', () => {
    const delays: number[] = [];
    let deaths = 0;
    for (;;) {
      const decision = decideRestart(deaths, 100);
      deaths = decision.deaths;
      if (decision.kind === 'give-up') break;
      delays.push(decision.afterMs);
    }
    assert.equal(deaths, DEATHS_MAX);
    assert.deepEqual(delays.slice(0, 8), [0, 250, 500, 1000, 2000, 4000, 8000, 15_000]);
    assert.ok(delays.every((delay, index) => index === 0 || delay >= (delays[index - 1] as number)));
  });
});
