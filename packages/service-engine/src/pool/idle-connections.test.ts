import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import { IdleConnections, type PooledConnection } from './idle-connections.ts';

interface Connection extends PooledConnection {
  destroyed: boolean;
}

const clock = createFakeClock();

function connection(names = '', uses = 1): Connection {
  return {
    names,
    uses,
    openedAtMs: clock.monotonicMs(),
    destroyed: false,
    destroy() {
      this.destroyed = true;
    },
  };
}

function pool(limits = {}): IdleConnections<Connection> {
  const none = { idleTimeoutMs: 0, lifeTimeoutMs: 0, maxReuse: 0, maxIdlePerServer: 0 };
  return new IdleConnections({ ...none, ...limits }, clock, clock.deadlines);
}

describe('the idle connections of a server', () => {
  it('are taken by their own names and no other, the last one first', () => {
    const idle = pool();
    const [first, second, other] = [connection('a'), connection('a'), connection('b')];
    for (const one of [first, second, other]) idle.put(one);
    assert.equal(idle.take('a'), second);
    assert.equal(idle.take('a'), first);
    assert.equal(idle.take('a'), undefined);
    assert.equal(idle.take('b'), other);
  });

  it('are kept up to a cap, whatever names clients come up with: the oldest goes', () => {
    const idle = pool();
    const all = Array.from({ length: 1500 }, (_, at) => connection(`host-${at}.test`));
    for (const one of all) idle.put(one);
    assert.equal(idle.size, 1024);
    assert.ok(all.every(({ destroyed }, at) => destroyed === at < all.length - 1024));
  });

  it('end when they were idle, or lived, or were used, for as long as the pool says', () => {
    const idle = pool({ idleTimeoutMs: 1000, lifeTimeoutMs: 2500, maxReuse: 3 });
    const one = connection();
    for (let use = 0; use < 2; use++) {
      idle.put(one);
      clock.advance(900);
      assert.equal(idle.take(''), one);
    }
    idle.put(one);
    clock.advance(800);
    assert.deepEqual([one.destroyed, idle.size], [true, 0], 'it is 2.6 s old');
    const quiet = connection();
    idle.put(quiet);
    clock.advance(1100);
    assert.ok(quiet.destroyed);
    const used = connection('', 4);
    idle.put(used);
    assert.ok(used.destroyed);
  });

  it('are all closed when descriptors are short, and later ones are kept; after their end none is', () => {
    const idle = pool();
    const [first, second, third] = [connection(), connection(), connection()];
    idle.put(first);
    idle.reclaim();
    idle.put(second);
    assert.deepEqual([first.destroyed, second.destroyed], [true, false]);
    idle.close();
    idle.put(third);
    assert.deepEqual([second.destroyed, third.destroyed, idle.size], [true, true, 0]);
  });
});
