import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, it } from 'node:test';
import { pino } from 'pino';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import { KeyAgeWatch } from './key-age-watch.ts';

describe('the alarm of ticket keys that nobody rotates', () => {
  it('is given once when they are past twice their period, and ends when others come', () => {
    const clock = createFakeClock();
    const events: string[] = [];
    const log = pino(
      new Writable({
        write: (line, _encoding, done) => {
          events.push((JSON.parse(String(line)) as { event: string }).event);
          done();
        },
      }),
    );
    const nowS = (): number => Math.floor(clock.unixMs() / 1000);
    let ring = { rotations: 1, rotatedAtS: nowS(), rotatePeriodS: 3600, keys: 3 };
    const watch = new KeyAgeWatch(log, clock, clock.deadlines, () => new Map([['vs', ring]]));
    clock.advance(2 * 3_600_000);
    assert.deepEqual(events, []);
    clock.advance(3_600_000);
    assert.deepEqual(events, ['TICKET_KEYS_OVERDUE']);
    ring = { ...ring, rotatedAtS: nowS() };
    clock.advance(120_000);
    assert.deepEqual(events, ['TICKET_KEYS_OVERDUE', 'TICKET_KEYS_ROTATED']);
    watch.stop();
    assert.equal(clock.deadlines.size, 0);
  });
});
