import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type SharedConnection, SharedConnections } from './shared-connections.ts';

class Session implements SharedConnection {
  readonly names: string;
  hasRoom = true;
  openRequests = 0;
  heardAtMs: number;
  ended: 'retired' | 'destroyed' | undefined;
  readonly #owner: SharedConnections<Session>;

  constructor(owner: SharedConnections<Session>, names: string, heardAtMs = 0) {
    this.#owner = owner;
    this.names = names;
    this.heardAtMs = heardAtMs;
    owner.add(this);
    owner.settle(this);
  }

  retire(): void {
    this.#end('retired');
  }

  destroy(): void {
    this.#end('destroyed');
  }

  #end(how: 'retired' | 'destroyed'): void {
    this.ended ??= how;
    this.hasRoom = false;
    this.#owner.remove(this);
  }
}

function connections(maxIdlePerServer = 0): SharedConnections<Session> {
  return new SharedConnections({ idleTimeoutMs: 0, lifeTimeoutMs: 0, maxReuse: 0, maxIdlePerServer });
}

describe('the shared connections of a server', () => {
  it('are found by their own names and no other, the first with room', () => {
    const shared = connections();
    const [full, first] = [new Session(shared, 'a'), new Session(shared, 'a')];
    new Session(shared, 'a');
    const other = new Session(shared, 'b');
    full.hasRoom = false;
    assert.equal(shared.find('a'), first);
    assert.equal(shared.find('b'), other);
    assert.equal(shared.find('c'), undefined);
    first.retire();
    assert.notEqual(shared.find('a'), first);
    assert.equal(shared.size, 3);
  });

  it('are kept idle up to a cap, whatever names clients come up with: the one that was not wanted for longest goes', () => {
    const shared = connections();
    const sessions = Array.from({ length: 1000 }, (_, at) => new Session(shared, `host-${at}.test`, at));
    assert.equal(shared.size, 128);
    assert.deepEqual(
      sessions.filter(({ ended }) => ended === undefined),
      sessions.slice(-128),
    );
    // One that was used since is not the oldest any more.
    const used = sessions.at(-128) as Session;
    used.heardAtMs = 5000;
    new Session(shared, 'another.test', 5001);
    assert.equal(used.ended, undefined);
    assert.equal(sessions.at(-127)?.ended, 'retired');
  });

  it('have no cap while requests are on them', () => {
    const shared = connections();
    const sessions: Session[] = [];
    for (let at = 0; at < 200; at++) {
      const session = new Session(shared, '', at);
      session.openRequests = 1;
      sessions.push(session);
    }
    assert.equal(shared.size, 200);
    for (const session of sessions) {
      session.openRequests = 0;
      shared.trim();
    }
    assert.equal(shared.size, 128);
  });

  it('are as few idle as the pool says', () => {
    const shared = connections(2);
    const sessions = [0, 1, 2].map((at) => new Session(shared, '', at));
    assert.deepEqual(
      sessions.map(({ ended }) => ended),
      ['retired', undefined, undefined],
    );
  });

  it('are closed at once where they carry nothing and descriptors are short', () => {
    const shared = connections();
    const [idle, busy] = [new Session(shared, 'a'), new Session(shared, 'b')];
    busy.openRequests = 1;
    shared.reclaim();
    assert.equal(idle.ended, 'destroyed');
    assert.equal(busy.ended, undefined);
    assert.equal(new Session(shared, 'a').ended, undefined, 'later ones are kept again');
  });

  it('all retire when they are closed, and so does every one that comes later', () => {
    const shared = connections();
    const session = new Session(shared, 'a');
    shared.close();
    assert.equal(session.ended, 'retired');
    assert.equal(new Session(shared, 'a').ended, 'retired');
    assert.equal(shared.size, 0);
  });
});
