import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import { LostEngines } from './lost-engines.ts';

interface Engine {
  readonly uuid: string;
  readonly name: string;
  connected: boolean;
  revoked: boolean;
}

function startWatch() {
  const clock = createFakeClock();
  const engines: Engine[] = ['a', 'b'].map((uuid) => ({ uuid, name: uuid, connected: true, revoked: false }));
  const told: (readonly string[])[] = [];
  const events: string[] = [];
  const bed = { isFailing: false };
  const watch = new LostEngines({
    engines: () => engines,
    afterS: () => 60,
    onLost: async (uuids) => {
      if (bed.isFailing) throw new Error('the disk is full');
      told.push([...uuids]);
    },
    clock,
    deadlines: clock.deadlines,
    onEvent: (eventId) => void events.push(eventId),
  });
  watch.start();
  const [a, b] = engines as [Engine, Engine];
  /** Time goes on, and what it has begun ends. */
  const pass = async (seconds: number) => {
    for (let second = 0; second < seconds; second++) {
      clock.advance(1000);
      await new Promise(setImmediate);
    }
  };
  return Object.assign(bed, { watch, a, b, told, events, pass });
}

describe('an engine that is away', () => {
  it('is lost after the time, once, and no longer when it is back', async () => {
    const { a, told, events, pass } = startWatch();
    await pass(100);
    assert.deepEqual(told, []);
    a.connected = false;
    await pass(60);
    assert.deepEqual(told, []);
    await pass(10);
    assert.deepEqual(told, [['a']]);
    await pass(100);
    assert.deepEqual(told, [['a']]);
    a.connected = true;
    await pass(5);
    assert.deepEqual(told, [['a'], []]);
    assert.deepEqual(events, ['SE_LOST']);
  });

  it('for many short whiles is not lost', async () => {
    const { a, told, pass } = startWatch();
    for (let round = 0; round < 5; round++) {
      a.connected = false;
      await pass(50);
      a.connected = true;
      await pass(6);
    }
    assert.deepEqual(told, []);
  });

  it('since it was revoked is lost at once, also where it is still connected', async () => {
    const { b, told, pass } = startWatch();
    b.revoked = true;
    await pass(5);
    assert.deepEqual(told, [['b']]);
  });

  it('is told again where nobody could be found for it', async () => {
    const bed = startWatch();
    bed.a.connected = false;
    bed.isFailing = true;
    await bed.pass(70);
    assert.deepEqual(bed.told, []);
    assert.ok(bed.events.includes('SE_NOT_REPLACED'));
    bed.isFailing = false;
    await bed.pass(5);
    assert.deepEqual(bed.told, [['a']]);
  });

  it("is nobody's concern after a stop", async () => {
    const { a, told, pass, watch } = startWatch();
    a.connected = false;
    watch.stop();
    await pass(200);
    assert.deepEqual(told, []);
  });
});
