import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from './clock.ts';
import { Deadlines, TIMER_MAX_MS } from './deadlines.ts';
import { createFakeClock } from './fake-clock.ts';

describe('deadlines of the Controller', () => {
  it('fire once each, in the order in which they end', () => {
    const time = createFakeClock();
    const order: number[] = [];
    for (const afterMs of [3000, 10, 500]) time.deadlines.start(afterMs, () => order.push(afterMs));
    time.advance(499);
    assert.deepEqual(order, [10]);
    time.advance(5000);
    assert.deepEqual(order, [10, 500, 3000]);
    assert.equal(time.deadlines.size, 0);
  });

  it('may be longer than a timer of Node can be', () => {
    const time = createFakeClock();
    const twoYearsMs = 1_051_200 * 60_000;
    let fired = 0;
    time.deadlines.start(twoYearsMs, () => fired++);
    assert.ok(twoYearsMs > TIMER_MAX_MS);
    time.advance(twoYearsMs - 1);
    assert.equal(fired, 0);
    time.advance(1);
    assert.equal(fired, 1);
  });

  it('do not fire when cancelled, and wait anew when restarted, also after they fired', () => {
    const time = createFakeClock();
    let fired = 0;
    const deadline = time.deadlines.start(100, () => fired++);
    time.advance(99);
    deadline.restart();
    time.advance(99);
    assert.equal(fired, 0);
    deadline.cancel();
    deadline.cancel();
    time.advance(1000);
    assert.equal(fired, 0);
    deadline.restart(50);
    time.advance(50);
    deadline.restart();
    time.advance(50);
    assert.equal(fired, 2);
  });

  it('are all cancelled by stop', () => {
    const time = createFakeClock();
    for (const afterMs of [1, 2, 3]) time.deadlines.start(afterMs, () => assert.fail('stopped'));
    time.deadlines.stop();
    time.advance(10);
    assert.equal(time.deadlines.size, 0);
  });

  it('run on the real clock, too, and never early', async () => {
    const deadlines = new Deadlines();
    const startMs = systemClock.monotonicMs();
    await new Promise<void>((resolve) => deadlines.start(20, resolve));
    // A timer of Node counts whole milliseconds.
    assert.ok(systemClock.monotonicMs() - startMs >= 19);
    assert.equal(deadlines.size, 0);
  });
});
