import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import { DedicatedConnections } from './dedicated-connections.ts';
import { IdleConnections, type PooledConnection } from './idle-connections.ts';
import type { PoolRuntime } from './pool-runtime.ts';
import type { ServerRuntime } from './server-runtime.ts';
import { SharedConnections } from './shared-connections.ts';

const clock = createFakeClock();
const upstreamConnections = { idleTimeoutMs: 0, lifeTimeoutMs: 0, maxReuse: 0, maxIdlePerServer: 0 };
const pool = { snapshot: { upstreamConnections } } as unknown as PoolRuntime;

function server(slot: number): ServerRuntime {
  return {
    slot,
    idle: new IdleConnections(upstreamConnections, clock, clock.deadlines),
    shared: new SharedConnections(upstreamConnections),
  } as unknown as ServerRuntime;
}

/** What a reload makes of a server whose connections go on. */
function reloaded(former: ServerRuntime): ServerRuntime {
  return { ...former };
}

function connection(): PooledConnection & { destroyed: boolean } {
  return {
    names: '',
    openedAtMs: clock.monotonicMs(),
    uses: 1,
    destroyed: false,
    destroy() {
      this.destroyed = true;
    },
  };
}

describe('the connections to servers that a client has alone', () => {
  it('are not those of the server, nor of another client', () => {
    const web = server(0);
    const [one, other] = [0, 1].map(() => new DedicatedConnections(clock, clock.deadlines));
    assert.notEqual(one?.at(web, pool).idle, web.idle);
    assert.notEqual(one?.at(web, pool).idle, other?.at(web, pool).idle);
    assert.equal(one?.at(web, pool), one?.at(web, pool));
  });

  it('go on through reloads that keep the server and its connections', () => {
    const dedicated = new DedicatedConnections(clock, clock.deadlines);
    let web = server(0);
    const own = connection();
    dedicated.at(web, pool).idle.put(own);
    for (let reload = 0; reload < 5; reload++) {
      web = reloaded(web);
      const { idle } = dedicated.at(web, pool);
      assert.equal(idle.take(''), own);
      idle.put(own);
    }
    dedicated.close();
    assert.ok(own.destroyed, 'and end with the client');
  });

  it('begin anew where a reload changes the rules by which they are opened', () => {
    const dedicated = new DedicatedConnections(clock, clock.deadlines);
    const own = connection();
    dedicated.at(server(0), pool).idle.put(own);
    assert.equal(dedicated.at(server(0), pool).idle.size, 0);
    assert.ok(own.destroyed);
  });

  it('are closed when their server goes, those in use when they are free', () => {
    const dedicated = new DedicatedConnections(clock, clock.deadlines);
    const [gone, stays] = [server(0), server(1)];
    const [idle, inUse, other] = [connection(), connection(), connection()];
    const { idle: ofGone } = dedicated.at(gone, pool);
    ofGone.put(idle);
    dedicated.at(stays, pool).idle.put(other);
    dedicated.leave(gone.slot);
    ofGone.put(inUse);
    assert.deepEqual([idle.destroyed, inUse.destroyed, other.destroyed], [true, true, false]);
  });

  it('are not kept after the end of the client, not even those that a request opens that outlives it', () => {
    const dedicated = new DedicatedConnections(clock, clock.deadlines);
    dedicated.close();
    const late = connection();
    dedicated.at(server(0), pool).idle.put(late);
    assert.ok(late.destroyed);
  });
});
