// What a block of load promises.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runLanes } from './lanes.ts';

/** A clock that advances by one millisecond an operation. */
function countingClock(): { now: () => number; tick: () => void } {
  let nowMs = 0;
  return { now: () => nowMs, tick: () => nowMs++ };
}

test('operations that are in progress when the time is up are finished and counted', async () => {
  const clock = countingClock();
  let inProgress = 0;
  let most = 0;
  const report = await runLanes(
    4,
    100,
    (_lane, done) => {
      most = Math.max(most, ++inProgress);
      setImmediate(() => {
        inProgress--;
        clock.tick();
        done();
      });
    },
    clock.now,
  );
  assert.equal(inProgress, 0);
  assert.equal(most, 4);
  assert.equal(report.operations, 103);
  assert.equal(report.errors, 0);
});

test('a subject that fails everything is asked a bounded number of times, and the first reason is kept', async () => {
  let asked = 0;
  const report = await runLanes(
    3,
    1000,
    (_lane, done) => {
      const number = ++asked;
      setImmediate(() => done(new Error(`refused ${number}`)));
    },
    () => 0,
  );
  assert.ok(asked <= 103, `${asked}`);
  assert.equal(report.errors, asked);
  assert.equal(report.firstError, 'refused 1');
  assert.equal(report.operations, 0);
});
