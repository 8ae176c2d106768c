import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FailAction, PersistenceSnapshot, PoolSnapshot } from '@limpet/model';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import { CrowdCounter } from '../load-balancing/crowd-counter.ts';
import { seededRandom } from '../load-balancing/picker.conformance.ts';
import { TicketTrail } from '../load-balancing/ticket-trail.ts';
import { poolInService } from './backup-pools.ts';
import { unplaced } from './placement.ts';
import { createPoolRuntime, type PoolRuntime } from './pool-runtime.ts';
import { type ConnectionAsk, selectForConnection } from './select-for-connection.ts';
import { selectForRequest } from './select-for-request.ts';
import type { ServerRuntime } from './server-runtime.ts';
import { ServerTable } from './server-table.ts';
import { takeExtraPlace } from './take-place.ts';
import { queueForTest } from './test-queue.ts';

const sticky: PersistenceSnapshot = { kind: 'tls', profileName: 'sticky', recovery: 'immediate' };

interface Options {
  readonly persistence?: PersistenceSnapshot;
  readonly minServersUp?: number;
  readonly limit?: number;
  /** Of the last pool. */
  readonly failAction?: FailAction;
}

/** Two pools, a and b; the second is the backup of the first. Servers are called a0, a1, b0, b1. */
function startPools({
  persistence = sticky,
  minServersUp = 0,
  limit = 0,
  failAction = { kind: 'unavailable' },
}: Options = {}) {
  const table = new ServerTable(ServerTable.allocate(1, 4), 1, 0);
  const services = {
    clock: createFakeClock(),
    random: seededRandom(),
    crowdCounter: new CrowdCounter(CrowdCounter.allocate()),
    ticketTrail: new TicketTrail(TicketTrail.allocate()),
  };
  const make = (letter: string, at: number, action: FailAction, backup?: PoolRuntime): PoolRuntime => {
    const snapshots = [0, 1].map((number) => ({
      id: (0xa00000000000 + 16 * at + number).toString(16),
      name: `${letter}${number}`,
      ratio: 1,
      enabled: true,
    }));
    // Only as far as the choice looks at them.
    const snapshot = {
      uuid: letter,
      algorithm: 'least-connections',
      rampMs: 0,
      persistence,
      servers: snapshots,
      connectionLimitPerServer: limit,
      minServersUp,
      failAction: action,
    } as unknown as PoolSnapshot;
    const servers = snapshots.map((server, number) => {
      const slot = 2 * at + number;
      table.setHealth(slot, 'up');
      return { snapshot: server, id: Number.parseInt(server.id, 16), slot, table } as ServerRuntime;
    });
    return createPoolRuntime(snapshot, servers, services, queueForTest(), backup);
  };
  const backup = make('b', 1, failAction);
  const primary = make('a', 0, { kind: 'backup', poolUuid: 'b' }, backup);
  const setHealth = (name: string, health: 'up' | 'down'): void => {
    const [{ slot }] = [...primary.servers, ...backup.servers].filter(
      ({ snapshot }) => snapshot.name === name,
    ) as [ServerRuntime];
    table.setHealth(slot, health);
  };
  const connect = (server?: ServerRuntime) => {
    const mapping = { serverId: server?.id, issuedAtS: 0, affinityKey: 4711 } as ConnectionAsk['mapping'];
    const selection = selectForConnection(primary, {
      mapping: server === undefined ? undefined : mapping,
      bindConnection: false,
      clientIp: '192.0.2.1',
      clientPort: 50_000,
      hello: undefined,
      affinitySecret: Buffer.alloc(32, 1),
    });
    if (selection.kind === 'abort') return { told: `abort ${selection.error}`, placement: unplaced };
    const { placement, persistence } = selection;
    return {
      told: `${placement.server?.snapshot.name.charAt(0)} ${persistence}`,
      placement,
      server: placement.server,
    };
  };
  return { primary, backup, setHealth, connect };
}

describe('a backup pool', () => {
  it('takes the clients of a pool that is down, keeps them while it is, and lets them go home afterwards', () => {
    const { setHealth, connect } = startPools();
    const first = connect();
    assert.equal(first.told, 'a new');
    setHealth('a0', 'down');
    setHealth('a1', 'down');
    assert.equal(connect().told, 'b new');
    const moved = connect(first.server);
    assert.equal(moved.told, 'b changed');
    const stays = connect(moved.server);
    assert.equal(stays.told, 'b hit');
    assert.equal(stays.server, moved.server);
    setHealth('a1', 'up');
    const home = connect(stays.server);
    assert.equal(home.told, 'a changed');
    assert.equal(home.server?.snapshot.name, 'a1');
  });

  it('keeps an open connection when the pool is up again, and takes requests of one that was open before', () => {
    const { primary, setHealth, connect } = startPools();
    const before = connect();
    setHealth('a0', 'down');
    setHealth('a1', 'down');
    const request = selectForRequest(primary, before.placement, []);
    assert.ok(request.kind === 'server');
    assert.equal(request.pool.snapshot.uuid, 'b');
    assert.equal(request.moved, true);
    const during = connect();
    setHealth('a0', 'up');
    const stays = selectForRequest(primary, during.placement, []);
    assert.ok(stays.kind === 'server');
    assert.equal(stays.server, during.server);
    assert.equal(stays.moved, false);
  });

  it('balances requests without persistence while the pool is down, each anew', () => {
    const { primary, setHealth } = startPools({ persistence: { kind: 'none' } });
    const poolOf = () => {
      const choice = selectForRequest(primary, unplaced, []);
      return choice.kind === 'server' ? choice.pool.snapshot.uuid : choice.kind;
    };
    assert.equal(poolOf(), 'a');
    setHealth('a0', 'down');
    setHealth('a1', 'down');
    assert.equal(poolOf(), 'b');
    setHealth('a1', 'up');
    assert.equal(poolOf(), 'a');
  });

  it('takes over as soon as fewer servers are up than min_servers_up, but not those that have theirs', () => {
    const { primary, backup, setHealth, connect } = startPools({ minServersUp: 2 });
    setHealth('a0', 'down');
    assert.equal(poolInService(primary), backup);
    assert.equal(connect().told, 'b new');
    assert.equal(connect(primary.servers[1]).told, 'a hit');
    assert.equal(connect(primary.servers[0]).told, 'b changed');
  });

  it('is what a pool without one is missing when too few of its servers are up', () => {
    const { backup, setHealth } = startPools({ minServersUp: 2, failAction: { kind: 'unavailable' } });
    setHealth('b0', 'down');
    assert.equal(poolInService(backup), undefined);
    const bound = { ...unplaced, bound: true };
    for (const placement of [unplaced, bound]) {
      const refused = selectForRequest(backup, placement, []);
      assert.deepEqual(refused, {
        kind: 'refuse',
        error: 'NO_SERVER_AVAILABLE',
        failAction: { kind: 'unavailable' },
      });
    }
    const home = selectForRequest(backup, { ...bound, server: backup.servers[1] }, []);
    assert.equal(home.kind, 'server', 'a client of the server that is up stays');
  });

  it('leaves a client on its server under Never, and the connection reset under Abort, as with any pool', () => {
    for (const [recovery, told] of [
      ['never', 'a hit'],
      ['abort', 'abort PERSISTENT_SERVER_DOWN'],
    ] as const) {
      const { primary, setHealth, connect } = startPools({
        persistence: { kind: 'tls', profileName: 'sticky', recovery },
      });
      setHealth('a0', 'down');
      setHealth('a1', 'down');
      assert.equal(connect(primary.servers[0]).told, told);
    }
  });

  it('takes no request for want of a place: a pool at its limit answers by its page or redirect, else as any full one', () => {
    const page: FailAction = { kind: 'respond', status: 200, contentType: 'text/html', body: 'busy' };
    const redirect: FailAction = { kind: 'redirect', status: 302, protocol: 'https', host: 'other.test' };
    const full = (failAction: FailAction | undefined) => {
      const { primary, backup } = startPools({
        limit: 1,
        ...(failAction === undefined ? {} : { failAction }),
      });
      // With a fail_action of its own it is the backup pool that is asked.
      const pool = failAction === undefined ? primary : backup;
      for (const server of pool.servers) takeExtraPlace(server);
      const bound = { ...unplaced, bound: true, server: pool.servers[0] };
      const choices = [unplaced, bound].map((placement) => selectForRequest(pool, placement, []));
      assert.deepEqual(choices[0], choices[1]);
      return choices[0];
    };
    const refused = (failAction: FailAction) => ({ kind: 'refuse', error: 'SERVER_AT_LIMIT', failAction });
    assert.deepEqual(full(page), refused(page));
    assert.deepEqual(full(redirect), refused(redirect));
    assert.deepEqual(full({ kind: 'close' }), refused({ kind: 'unavailable' }), 'no reset');
    assert.deepEqual(full(undefined), refused({ kind: 'unavailable' }), 'no overflow into the backup pool');
  });

  it('hands over to its own fail_action when it is down, too', () => {
    const allDown = (failAction: FailAction) => {
      const made = startPools({ failAction });
      for (const name of ['a0', 'a1', 'b0', 'b1']) made.setHealth(name, 'down');
      return made;
    };
    const page: FailAction = { kind: 'respond', status: 200, contentType: 'text/html', body: 'closed' };
    const answering = allDown(page);
    const { placement } = answering.connect(answering.backup.servers[0]);
    assert.deepEqual(selectForRequest(answering.primary, placement, []), {
      kind: 'refuse',
      error: 'NO_SERVER_AVAILABLE',
      failAction: page,
    });
    const closing = allDown({ kind: 'close' });
    assert.equal(closing.connect().told, 'abort NO_SERVER_AVAILABLE');
    assert.equal(closing.connect(closing.primary.servers[0]).told, 'abort NO_SERVER_AVAILABLE');
    assert.deepEqual(selectForRequest(closing.primary, unplaced, []), {
      kind: 'reset',
      error: 'NO_SERVER_AVAILABLE',
    });
  });
});
