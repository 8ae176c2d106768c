import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PoolSnapshot } from '@limpet/model';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import { initialPassive, nextPassive, PassiveHealth, type PassiveState } from './passive-health.ts';

/** The state after so many seconds of so many requests and failures each. */
function after(seconds: number, requests: number, failures: number, from: PassiveState = initialPassive) {
  let state = from;
  for (let second = 0; second < seconds; second++) state = nextPassive(state, { requests, failures });
  return state;
}

describe('passive health', () => {
  it('finds a server that fails half of its requests, within seconds', () => {
    assert.equal(after(1, 10, 5).failing, true);
    assert.equal(after(5, 2, 1).failing, true);
  });

  it('does not mind failures that are few, or a small part', () => {
    assert.equal(after(1, 2, 2).failing, false);
    assert.equal(after(60, 1000, 100).failing, false);
    assert.equal(after(60, 1, 0).failing, false);
  });

  it('forgives a server that fails less, and one that gets no requests', () => {
    const failing = after(10, 100, 60);
    assert.equal(after(3, 100, 0, failing).failing, true, 'not at once');
    assert.equal(after(30, 100, 0, failing).failing, false);
    assert.equal(after(90, 0, 0, failing).failing, false);
  });

  it('does not go to and fro where failures stay between its two bounds', () => {
    assert.equal(after(60, 100, 15, after(10, 100, 50)).failing, true);
    assert.equal(after(60, 100, 15).failing, false);
  });
});

describe('the watch over outcomes', () => {
  const pool = {
    uuid: 'pool-1',
    passiveHealth: true,
    servers: [{ id: 'a' }, { id: 'b' }],
  } as unknown as PoolSnapshot;

  function startWatch() {
    const clock = createFakeClock();
    const counts: Record<string, { requests: number; failures: number }> = {
      a: { requests: 500, failures: 400 },
      b: { requests: 0, failures: 0 },
    };
    const told: string[] = [];
    const passive = new PassiveHealth({
      deadlines: clock.deadlines,
      slotOf: (_poolUuid, serverId) => Object.keys(counts).indexOf(serverId),
      countsOf: (slot) => Object.values(counts)[slot] ?? { requests: 0, failures: 0 },
      onTransition: ({ server, failing }) => told.push(`${server.id} ${failing ? 'fails' : 'is well'}`),
    });
    const add = (id: string, requests: number, failures: number): void => {
      const { requests: all = 0, failures: bad = 0 } = counts[id] ?? {};
      counts[id] = { requests: all + requests, failures: bad + failures };
    };
    return { clock, passive, told, add };
  }

  it('goes by what has happened since it began, and tells of each change once', () => {
    const { clock, passive, told, add } = startWatch();
    passive.apply([pool]);
    clock.advance(3000);
    assert.deepEqual(told, []);
    add('b', 20, 10);
    clock.advance(3000);
    assert.deepEqual(told, ['b fails']);
    clock.advance(60_000);
    assert.deepEqual(told, ['b fails', 'b is well']);
    passive.stop();
    assert.equal(clock.deadlines.size, 0);
  });

  it('keeps what it knows over a new configuration, and gives the share back where it is turned off', () => {
    const { clock, passive, told, add } = startWatch();
    passive.apply([pool]);
    add('a', 20, 10);
    clock.advance(1100);
    passive.apply([{ ...pool, name: 'another' }]);
    clock.advance(1100);
    assert.deepEqual(told, ['a fails']);
    passive.apply([{ ...pool, passiveHealth: false }]);
    assert.deepEqual(told, ['a fails', 'a is well']);
    assert.equal(clock.deadlines.size, 0);
  });
});
