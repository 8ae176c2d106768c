import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PersistenceSnapshot, PoolSnapshot, Recovery } from '@limpet/model';
import fc from 'fast-check';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import { CrowdCounter } from '../load-balancing/crowd-counter.ts';
import { seededRandom } from '../load-balancing/picker.conformance.ts';
import { TicketTrail } from '../load-balancing/ticket-trail.ts';
import { markConnectFailure } from './eligibility.ts';
import type { Placement } from './placement.ts';
import { createPoolRuntime, type PoolRuntime } from './pool-runtime.ts';
import {
  type ConnectionAsk,
  type ConnectionSelection,
  selectForClient,
  selectForConnection,
} from './select-for-connection.ts';
import { type RequestChoice, selectForRequest } from './select-for-request.ts';
import { type ServerRuntime, SUSPECT_MS } from './server-runtime.ts';
import { ServerTable } from './server-table.ts';
import { givePlaceBack } from './take-place.ts';
import { queueForTest } from './test-queue.ts';

const AFFINITY_KEY = 4711;
const RECOVERIES: readonly Recovery[] = ['immediate', 'never', 'abort'];

interface PoolOptions {
  readonly persistence?: PersistenceSnapshot;
  readonly limit?: number;
  readonly disabled?: readonly number[];
  readonly keepsPersisted?: boolean;
  readonly timeoutMs?: number;
  readonly table?: ServerTable;
}

function tls(recovery: Recovery): PersistenceSnapshot {
  return { kind: 'tls', profileName: 'sticky', recovery };
}

function httpCookie(recovery: Recovery): PersistenceSnapshot {
  const cookie = { name: 'P', timeoutS: 0, alwaysSend: false, httpOnly: false, persistent: false };
  return { kind: 'http-cookie', profileName: 'sticky', recovery, cookie };
}

/** However an entry came, what follows from it is the same. */
const METHODS = { 'TLS ticket': tls, 'HTTP cookie': httpCookie };

/** Four servers, all up. */
function startPool({
  persistence = tls('immediate'),
  limit = 0,
  disabled = [],
  keepsPersisted = false,
  timeoutMs = 60_000,
  table,
}: PoolOptions = {}) {
  const clock = createFakeClock();
  const shared = table ?? new ServerTable(ServerTable.allocate(1, 4), 1, 0);
  const snapshots = [0, 1, 2, 3].map((at) => ({
    id: (0xa00000000000 + at).toString(16),
    name: `server-${at}`,
    address: { ip: `192.0.2.${at}`, port: 8080 },
    ratio: 1,
    enabled: !disabled.includes(at),
  }));
  // Only as far as the choice looks at them.
  const snapshot = {
    algorithm: 'least-connections',
    rampMs: 0,
    minServersUp: 0,
    failAction: { kind: 'unavailable' },
    persistence,
    servers: snapshots,
    connectionLimitPerServer: limit,
    gracefulDisable: { keepsPersisted, timeoutMs },
  } as unknown as PoolSnapshot;
  const servers = snapshots.map((server, slot) => {
    shared.setHealth(slot, 'up');
    return { snapshot: server, id: Number.parseInt(server.id, 16), slot, table: shared } as ServerRuntime;
  });
  const crowdCounter = new CrowdCounter(CrowdCounter.allocate());
  const ticketTrail = new TicketTrail(TicketTrail.allocate());
  const services = { clock, random: seededRandom(), crowdCounter, ticketTrail };
  const pool = createPoolRuntime(snapshot, servers, services, queueForTest());
  return { clock, table: shared, servers: servers as [ServerRuntime, ...ServerRuntime[]], pool };
}

function askOf(serverId: number | undefined, changes: Partial<ConnectionAsk> = {}): ConnectionAsk {
  return {
    mapping:
      serverId === undefined
        ? undefined
        : ({ serverId, affinityKey: AFFINITY_KEY } as ConnectionAsk['mapping']),
    bindConnection: false,
    clientIp: '198.51.100.1',
    clientPort: 50_000,
    hello: undefined,
    affinitySecret: Buffer.alloc(32, 1),
    ...changes,
  };
}

function placementOn(server: ServerRuntime | undefined): Placement {
  return { server, bound: true, why: 'persistence', affinityKey: AFFINITY_KEY, persistenceUsed: true };
}

/** The server that every engine and worker is to choose instead. */
function replacementIn(pool: PoolRuntime, without: readonly ServerRuntime[]): ServerRuntime | undefined {
  const index = pool.rendezvous.pick(
    AFFINITY_KEY,
    0,
    (at) => !without.includes(pool.servers[at] as ServerRuntime),
  );
  return pool.servers[index];
}

/** A selection in a word or two: where to, and whether the ticket changes. */
function toldOfConnection(selection: ConnectionSelection): unknown[] {
  if (selection.kind === 'abort') return ['abort', selection.failure];
  const { placement, persistence, failure, expiring } = selection;
  return [placement.server?.snapshot.name, persistence, failure, ...(expiring ? ['expiring'] : [])];
}

function toldOf(choice: RequestChoice): unknown[] {
  if (choice.kind !== 'server') return [choice.kind === 'refuse' ? choice.error : choice.kind];
  const { server, moved, overLimit } = choice;
  return [server.snapshot.name, ...(moved ? ['moved'] : []), ...(overLimit ? ['over limit'] : [])];
}

type Cause = 'down' | 'unreachable' | 'at its limit' | 'disabled' | 'gone';

/** A pool whose first server cannot be used, and what requests of a connection to it have tried. */
function poolWith(cause: Cause, persistence: PersistenceSnapshot) {
  const made = startPool(
    cause === 'disabled'
      ? { persistence, disabled: [0] }
      : cause === 'at its limit'
        ? { persistence, limit: 1 }
        : { persistence },
  );
  const [first] = made.servers;
  if (cause === 'down') made.table.setHealth(0, 'down');
  if (cause === 'at its limit') made.table.tryAddActive(0, 1);
  if (cause === 'unreachable') markConnectFailure(first, made.pool);
  const stranger = { ...first, id: 0xdead, snapshot: { ...first.snapshot, name: 'stranger' } };
  return {
    ...made,
    persisted: cause === 'gone' ? stranger : first,
    tried: cause === 'unreachable' ? [first] : [],
    replacement: replacementIn(made.pool, cause === 'gone' ? [] : [first])?.snapshot.name,
  };
}

/** `R` stands for the replacement, `*` for any server of the pool. The rows are those of docs/tls-persistence.md. */
const CONNECTION_TABLE: Record<Cause, Record<Recovery, unknown[]>> = {
  down: {
    immediate: ['R', 'changed', 'down'],
    never: ['server-0', 'hit', 'down', 'expiring'],
    abort: ['abort', 'down'],
  },
  // A suspicion is not "down": only Immediate, which moves clients anyway, heeds it.
  unreachable: {
    immediate: ['R', 'changed', 'down'],
    never: ['server-0', 'hit', undefined],
    abort: ['server-0', 'hit', undefined],
  },
  'at its limit': {
    immediate: ['R', 'changed', 'down'],
    never: ['server-0', 'hit', 'down', 'expiring'],
    abort: ['abort', 'down'],
  },
  disabled: {
    immediate: ['R', 'changed', 'invalid'],
    never: ['R', 'changed', 'invalid'],
    abort: ['R', 'changed', 'invalid'],
  },
  gone: {
    immediate: ['*', 'new', 'invalid'],
    never: ['*', 'new', 'invalid'],
    abort: ['*', 'new', 'invalid'],
  },
};

const REQUEST_TABLE: Record<Cause, Record<Recovery, unknown[]>> = {
  down: { immediate: ['R', 'moved'], never: ['server-0'], abort: ['reset'] },
  unreachable: { immediate: ['R', 'moved'], never: ['server-0'], abort: ['reset'] },
  'at its limit': { immediate: ['R', 'moved'], never: ['server-0', 'over limit'], abort: ['reset'] },
  disabled: { immediate: ['R', 'moved'], never: ['R', 'moved'], abort: ['R', 'moved'] },
  gone: { immediate: ['R', 'moved'], never: ['R', 'moved'], abort: ['R', 'moved'] },
};

describe('the server of a connection', () => {
  for (const [cause, row] of Object.entries(CONNECTION_TABLE) as [Cause, Record<Recovery, unknown[]>][]) {
    for (const recovery of RECOVERIES) {
      const [where, ...rest] = row[recovery];
      for (const [method, persistence] of Object.entries(METHODS)) {
        it(`is as the table says where the one of its ${method} is ${cause}, under ${recovery}`, () => {
          const { pool, persisted, replacement } = poolWith(cause, persistence(recovery));
          const [name, ...told] = toldOfConnection(selectForClient(pool, askOf(persisted.id)));
          assert.deepEqual(told, rest);
          if (where === '*') assert.match(String(name), /^server-[0-3]$/);
          else assert.equal(name, where === 'R' ? replacement : where);
        });
      }
    }
  }

  it('is the persisted one while that can be used, whatever else the servers carry', () => {
    for (const recovery of RECOVERIES) {
      const { pool, servers, table } = startPool({ persistence: tls(recovery), limit: 10 });
      for (let at = 0; at < 9; at++) {
        table.tryAddActive(2, 10);
        table.addPlaced(2);
      }
      const selection = selectForConnection(pool, askOf(servers[2]?.id));
      assert.deepEqual(toldOfConnection(selection), ['server-2', 'hit', undefined]);
      assert.equal(table.active(2), 9, 'a connection takes no place of the limit');
    }
  });

  it('stays the suspect one where there is no other', () => {
    const { pool, servers, table } = startPool();
    for (const slot of [1, 2, 3]) table.setHealth(slot, 'down');
    markConnectFailure(servers[0], pool);
    assert.deepEqual(toldOfConnection(selectForConnection(pool, askOf(servers[0].id))), [
      'server-0',
      'hit',
      undefined,
    ]);
  });

  it('is the persisted one again when the suspicion is over', () => {
    const { pool, servers, clock } = startPool();
    markConnectFailure(servers[0], pool);
    clock.advance(SUSPECT_MS + 1);
    assert.equal(toldOfConnection(selectForConnection(pool, askOf(servers[0].id)))[1], 'hit');
  });

  it('is none, and stays bound, where no replacement can be used', () => {
    const { pool, servers, table } = startPool();
    for (const slot of [0, 1, 2, 3]) table.setHealth(slot, 'down');
    const selection = selectForConnection(pool, askOf(servers[0].id));
    assert.deepEqual(toldOfConnection(selection), [undefined, 'none', 'down']);
    assert.ok(selection.kind === 'place' && selection.placement.bound);
    assert.deepEqual(selection.significance, [
      'ADF_PERSISTENCE_FAILURE_SERVER_DOWN',
      'ADF_LOAD_BALANCING_FAILED',
    ]);
  });

  it('is a new one for a client without a ticket, and one for all its connections', () => {
    const { pool } = startPool();
    const names = Array.from({ length: 6 }, () =>
      toldOfConnection(selectForConnection(pool, askOf(undefined))),
    );
    assert.equal(new Set(names.map(String)).size, 1);
    assert.deepEqual(names[0]?.slice(1), ['new', undefined]);
  });

  it('is a new one for a ticket that steers nowhere, and no failure', () => {
    const { pool } = startPool();
    const [, ...told] = toldOfConnection(selectForConnection(pool, askOf(0)));
    assert.deepEqual(told, ['new', undefined]);
  });

  it('is left open where a cookie will place each request', () => {
    const { pool, servers } = startPool({ persistence: httpCookie('immediate') });
    const open = selectForConnection(pool, askOf(servers[0].id, { bindConnection: true }));
    assert.ok(open.kind === 'place' && !open.placement.bound && open.placement.server === undefined);
  });

  it('is left open without persistence, unless the connection is to be bound', () => {
    const { pool, servers } = startPool({ persistence: { kind: 'none' } });
    const open = selectForConnection(pool, askOf(servers[0].id));
    assert.ok(open.kind === 'place' && !open.placement.bound && open.placement.server === undefined);
    const bound = selectForConnection(pool, askOf(undefined, { bindConnection: true }));
    assert.ok(bound.kind === 'place' && bound.placement.bound && bound.placement.server !== undefined);
  });

  it('is never one that is down, disabled, full or, where there is another, suspect, for new clients', () => {
    const { pool, servers, table } = startPool({ disabled: [1], limit: 1 });
    table.setHealth(0, 'down');
    table.tryAddActive(2, 1);
    for (let host = 1; host < 100; host++) {
      const selection = selectForConnection(pool, askOf(undefined, { clientIp: `198.51.100.${host}` }));
      assert.equal(toldOfConnection(selection)[0], 'server-3');
    }
    markConnectFailure(servers[3] as ServerRuntime, pool);
    assert.equal(toldOfConnection(selectForConnection(pool, askOf(undefined)))[0], 'server-3');
    table.removeActive(2);
    assert.equal(toldOfConnection(selectForConnection(pool, askOf(undefined)))[0], 'server-2');
  });
});

describe('the server of a request', () => {
  for (const [cause, row] of Object.entries(REQUEST_TABLE) as [Cause, Record<Recovery, unknown[]>][]) {
    for (const recovery of RECOVERIES) {
      const [where, ...rest] = row[recovery];
      for (const [method, persistence] of Object.entries(METHODS)) {
        it(`is as the table says where that of its ${method} is ${cause}, under ${recovery}`, () => {
          const { pool, persisted, tried, replacement } = poolWith(cause, persistence(recovery));
          const [name, ...told] = toldOf(selectForRequest(pool, placementOn(persisted), tried));
          assert.equal(name, where === 'R' ? replacement : where);
          assert.deepEqual(told, rest);
        });
      }
      it(`is the replacement where no entry names one that is ${cause} yet, under ${recovery}`, () => {
        const { pool, persisted, tried, replacement } = poolWith(cause, httpCookie(recovery));
        const placement = { ...placementOn(persisted), mayMove: true };
        assert.deepEqual(toldOf(selectForRequest(pool, placement, tried)), [replacement, 'moved']);
      });
    }
  }

  it('is the replacement that a connection of the same client is given', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff }), (affinityKey) => {
        const { pool, servers, table } = startPool();
        table.setHealth(0, 'down');
        const mapping = { serverId: servers[0].id, affinityKey } as ConnectionAsk['mapping'];
        const [ofConnection] = toldOfConnection(selectForConnection(pool, askOf(0, { mapping })));
        const [ofRequest] = toldOf(selectForRequest(pool, { ...placementOn(servers[0]), affinityKey }, []));
        assert.equal(ofRequest, ofConnection);
      }),
      { numRuns: 30 },
    );
  });

  it('is another each time that one was tried, until all were', () => {
    const { pool, servers } = startPool();
    const tried: ServerRuntime[] = [];
    for (let attempt = 0; attempt < servers.length; attempt++) {
      const choice = selectForRequest(pool, placementOn(servers[0]), tried);
      assert.ok(choice.kind === 'server' && !tried.includes(choice.server));
      tried.push(choice.server);
    }
    assert.deepEqual(toldOf(selectForRequest(pool, placementOn(servers[0]), tried)), ['SERVER_UNREACHABLE']);
  });

  it('is the first that is there again for a connection that found none, and the client is told', () => {
    const { pool, table } = startPool();
    for (const slot of [0, 1, 2, 3]) table.setHealth(slot, 'down');
    assert.deepEqual(toldOf(selectForRequest(pool, placementOn(undefined), [])), ['NO_SERVER_AVAILABLE']);
    table.setHealth(3, 'up');
    assert.deepEqual(toldOf(selectForRequest(pool, placementOn(undefined), [])), ['server-3', 'moved']);
  });

  it('is refused for the limit where servers are up, but full', () => {
    for (const persistence of [tls('immediate'), { kind: 'none' } as const]) {
      const { pool, servers, table } = startPool({ persistence, limit: 1 });
      for (const slot of [0, 1, 2, 3]) table.tryAddActive(slot, 1);
      const placement = { ...placementOn(servers[0]), bound: persistence.kind === 'tls' };
      assert.deepEqual(toldOf(selectForRequest(pool, placement, [])), ['SERVER_AT_LIMIT']);
    }
  });

  it('takes turns by requests under way where a connection is not bound', () => {
    const { pool, table } = startPool({ persistence: { kind: 'none' } });
    const unbound = { ...placementOn(undefined), bound: false };
    for (let at = 0; at < 40; at++) selectForRequest(pool, unbound, []);
    assert.deepEqual(
      [0, 1, 2, 3].map((slot) => table.active(slot)),
      [10, 10, 10, 10],
    );
  });

  it('has taken exactly one place of the limit, which is never exceeded but under Never, and gives it back', () => {
    const requests = fc.array(
      fc.record({ home: fc.nat(3), bound: fc.boolean(), worker: fc.nat(1), done: fc.boolean() }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(
        requests,
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom(...RECOVERIES),
        (asks, limit, mode) => {
          const memory = ServerTable.allocate(2, 4);
          const workers = [0, 1].map((worker) =>
            startPool({ persistence: tls(mode), limit, table: new ServerTable(memory, 2, worker) }),
          );
          const held = [0, 0, 0, 0];
          const open: { worker: number; server: ServerRuntime }[] = [];
          for (const { home, bound, worker, done } of asks) {
            const { pool, servers, table } = workers[worker] as ReturnType<typeof startPool>;
            const choice = selectForRequest(pool, { ...placementOn(servers[home]), bound }, []);
            if (choice.kind === 'server') {
              const { slot } = choice.server;
              held[slot] = (held[slot] as number) + 1;
              open.push({ worker, server: choice.server });
              if ((held[slot] as number) > limit) assert.ok(mode === 'never' && choice.overLimit);
              else assert.equal(choice.overLimit, false);
            }
            if (done) {
              const over = open.shift();
              if (over !== undefined) {
                givePlaceBack(pool, over.server);
                held[over.server.slot] = (held[over.server.slot] as number) - 1;
              }
            }
            assert.deepEqual(
              [0, 1, 2, 3].map((slot) => table.active(slot)),
              held,
            );
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is the next in the order where another worker takes the last place between look and taking', () => {
    /** Shows no active connections: what a look that came too early saw. */
    class EarlyLook extends ServerTable {
      override active(): number {
        return 0;
      }
    }
    for (const persistence of [tls('immediate'), { kind: 'none' } as const]) {
      const table = new EarlyLook(ServerTable.allocate(1, 4), 1, 0);
      const { pool, servers } = startPool({ persistence, limit: 1, table });
      const placement = { ...placementOn(servers[0]), bound: persistence.kind === 'tls' };
      const names = Array.from({ length: 5 }, () => toldOf(selectForRequest(pool, placement, []))[0]);
      assert.deepEqual(names.slice(0, 4).toSorted(), ['server-0', 'server-1', 'server-2', 'server-3']);
      assert.ok(String(names[4]).startsWith('SERVER_'), String(names[4]));
    }
  });
});

describe('a disabled server whose clients may still come', () => {
  for (const recovery of RECOVERIES) {
    it(`keeps those that belong to it until its time is over, and gets no others (${recovery})`, () => {
      const { pool, servers, table } = startPool({
        persistence: tls(recovery),
        disabled: [0],
        keepsPersisted: true,
      });
      const [first] = servers;
      assert.deepEqual(toldOfConnection(selectForConnection(pool, askOf(first.id))), [
        'server-0',
        'hit',
        undefined,
      ]);
      assert.deepEqual(toldOf(selectForRequest(pool, placementOn(first), [])), ['server-0']);
      for (let count = 0; count < 50; count++) {
        const other = selectForConnection(pool, askOf(undefined, { clientIp: `198.51.100.${count}` }));
        assert.notEqual(toldOfConnection(other)[0], 'server-0');
      }
      table.setDrained(0, true);
      const replacement = replacementIn(pool, [first])?.snapshot.name;
      const moved = toldOfConnection(selectForConnection(pool, askOf(first.id)));
      assert.deepEqual(moved, [replacement, 'changed', 'invalid']);
      assert.deepEqual(toldOf(selectForRequest(pool, placementOn(first), [])), [replacement, 'moved']);
    });
  }

  it('is met as its profile says when it is down', () => {
    const options = { disabled: [0], keepsPersisted: true };
    for (const recovery of RECOVERIES) {
      const { pool, servers, table } = startPool({ persistence: tls(recovery), ...options });
      table.setHealth(0, 'down');
      const told = toldOfConnection(selectForConnection(pool, askOf(servers[0].id)));
      const replacement = replacementIn(pool, [servers[0]])?.snapshot.name;
      if (recovery === 'abort') assert.deepEqual(told, ['abort', 'down']);
      else if (recovery === 'never') assert.deepEqual(told, ['server-0', 'hit', 'down', 'expiring']);
      else assert.deepEqual(told, [replacement, 'changed', 'down']);
    }
  });

  it('keeps nobody where there is no time', () => {
    const { pool, servers } = startPool({ disabled: [0], keepsPersisted: true, timeoutMs: 0 });
    assert.notEqual(toldOfConnection(selectForConnection(pool, askOf(servers[0].id)))[0], 'server-0');
  });
});
