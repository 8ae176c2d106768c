import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { systemClock } from './clock.ts';
import { Deadlines } from './deadlines.ts';
import { createFakeClock } from './fake-clock.ts';

const TICK_MS = 50;

describe('deadlines', () => {
  it('fire once each, never early, and at most two ticks late', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            startMs: fc.integer({ min: 0, max: 5000 }),
            afterMs: fc.integer({ min: 0, max: 60_000 }),
          }),
          { minLength: 1, maxLength: 50 },
        ),
        (waits) => {
          const time = createFakeClock(7);
          const fired = waits.map(() => [] as number[]);
          const startedMs = waits.map(() => 0);
          const inOrder = waits.map((wait, at) => ({ ...wait, at })).sort((a, b) => a.startMs - b.startMs);
          for (const { startMs, afterMs, at } of inOrder) {
            time.advance(startMs + 7 - time.monotonicMs());
            startedMs[at] = time.monotonicMs();
            time.deadlines.start(afterMs, () => fired[at]?.push(time.monotonicMs()));
          }
          time.advance(70_000);
          for (const [at, { afterMs }] of waits.entries()) {
            assert.equal(fired[at]?.length, 1);
            const lateMs = (fired[at]?.[0] as number) - (startedMs[at] as number) - afterMs;
            assert.ok(lateMs >= 0, `early by ${-lateMs}`);
            assert.ok(lateMs <= 2 * TICK_MS, `late by ${lateMs}`);
          }
          assert.equal(time.deadlines.size, 0);
          assert.equal(time.tickersRunning, 0, 'the timer beneath rests');
        },
      ),
      { numRuns: 60 },
    );
  });

  it('fire in the order in which they end, whatever the order in which they began', () => {
    const time = createFakeClock();
    const order: number[] = [];
    for (const afterMs of [30_000, 100, 2000, 26_000, 400, 25_600]) {
      time.deadlines.start(afterMs, () => order.push(afterMs));
    }
    time.advance(40_000);
    assert.deepEqual(order, [100, 400, 2000, 25_600, 26_000, 30_000]);
  });

  it('do not fire when cancelled, and a cancellation may come twice or too late', () => {
    const time = createFakeClock();
    let fired = 0;
    const kept = time.deadlines.start(200, () => fired++);
    const cancelled = time.deadlines.start(200, () => assert.fail('cancelled'));
    cancelled.cancel();
    cancelled.cancel();
    assert.equal(time.deadlines.size, 1);
    time.advance(1000);
    assert.equal(fired, 1);
    kept.cancel();
    assert.equal(time.deadlines.size, 0);
  });

  it('wait anew from the restart, as long as before or as long as is said, also after they fired', () => {
    const time = createFakeClock();
    const firedMs: number[] = [];
    const deadline = time.deadlines.start(500, () => firedMs.push(time.monotonicMs() - 1000));
    time.advance(400);
    deadline.restart();
    time.advance(450);
    assert.deepEqual(firedMs, []);
    time.advance(100);
    assert.deepEqual(firedMs, [900]);
    deadline.restart(5000);
    time.advance(4900);
    assert.equal(firedMs.length, 1);
    time.advance(200);
    assert.equal(firedMs.length, 2);
    deadline.cancel();
    deadline.restart(50);
    time.advance(100);
    assert.equal(firedMs.length, 3, 'also after it was cancelled');
  });

  it('may cancel, restart and start each other while they fire', () => {
    const time = createFakeClock();
    const told: string[] = [];
    // The wheel takes the later one of a slot first, so each of the two is cancelled by the other.
    const pair = [0, 1].map((at) =>
      time.deadlines.start(100, () => {
        told.push('pair');
        pair[1 - at]?.cancel();
      }),
    );
    const again = time.deadlines.start(100, () => {
      told.push('again');
      if (told.filter((one) => one === 'again').length < 3) again.restart();
    });
    time.deadlines.start(100, () => time.deadlines.start(0, () => told.push('nested')));
    time.advance(1000);
    assert.deepEqual(told.toSorted(), ['again', 'again', 'again', 'nested', 'pair']);
    assert.equal(time.deadlines.size, 0);
  });

  it('ten thousand at a time fire all but those that were cancelled', () => {
    const time = createFakeClock();
    let fired = 0;
    const all = Array.from({ length: 10_000 }, (_, at) =>
      time.deadlines.start((at * 37) % 90_000, () => fired++),
    );
    for (let at = 0; at < all.length; at += 4) all[at]?.cancel();
    assert.equal(time.deadlines.size, 7500);
    time.advance(91_000);
    assert.equal(fired, 7500);
    assert.equal(time.tickersRunning, 0);
  });

  it('that ended while the process stood still fire at the next tick, those of a later turn of the wheel do not', () => {
    const time = createFakeClock();
    const fired: number[] = [];
    for (const afterMs of [100, 10_000, 59_000, 61_000])
      time.deadlines.start(afterMs, () => fired.push(afterMs));
    time.jump(60_000);
    assert.deepEqual(
      fired.toSorted((a, b) => a - b),
      [100, 10_000, 59_000],
    );
    time.advance(1050);
    assert.equal(fired.length, 4);
  });

  it('fire although another threw, and what it threw comes out of the wheel', async () => {
    const time = createFakeClock();
    const thrown = new Error('from a deadline');
    let fired = 0;
    for (let at = 0; at < 3; at++) {
      time.deadlines.start(100, () => {
        fired++;
        if (at === 1) throw thrown;
      });
    }
    // The runner's own listener would take it for the failure of this test.
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    const caught = new Promise((resolve) => process.once('uncaughtException', resolve));
    try {
      time.advance(200);
      assert.equal(fired, 3);
      assert.equal(await caught, thrown);
    } finally {
      for (const listener of listeners) process.on('uncaughtException', listener);
    }
  });

  it('are all cancelled by a stop from one that fires', () => {
    const time = createFakeClock();
    let fired = 0;
    for (let at = 0; at < 3; at++) {
      time.deadlines.start(100, () => {
        fired++;
        time.deadlines.stop();
      });
    }
    time.advance(1000);
    assert.equal(fired, 1);
    assert.equal(time.tickersRunning, 0);
  });

  it('do nothing after stop, which leaves no timer', () => {
    const time = createFakeClock();
    const one = time.deadlines.start(100, () => assert.fail('stopped'));
    time.deadlines.stop();
    assert.equal(time.tickersRunning, 0);
    time.advance(1000);
    one.cancel();
    assert.equal(time.deadlines.size, 0);
    let fired = 0;
    time.deadlines.start(100, () => fired++);
    time.advance(200);
    assert.equal(fired, 1, 'the wheel can be used again');
  });

  it('run on the real clock, too', async () => {
    const deadlines = new Deadlines(systemClock);
    const startMs = systemClock.monotonicMs();
    await new Promise<void>((resolve) => deadlines.start(60, resolve));
    assert.ok(systemClock.monotonicMs() - startMs >= 60);
    assert.equal(deadlines.size, 0);
  });
});
