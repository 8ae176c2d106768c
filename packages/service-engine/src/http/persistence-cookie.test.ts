import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  createRingKeys,
  type PersistenceCookieSnapshot,
  type PoolSnapshot,
  type Recovery,
  rotateRingKeys,
} from '@limpet/model';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import { CrowdCounter } from '../load-balancing/crowd-counter.ts';
import { TicketTrail } from '../load-balancing/ticket-trail.ts';
import { type Placement, unplaced } from '../pool/placement.ts';
import { createPoolRuntime } from '../pool/pool-runtime.ts';
import { selectForRequest } from '../pool/select-for-request.ts';
import type { ServerRuntime } from '../pool/server-runtime.ts';
import { ServerTable } from '../pool/server-table.ts';
import { givePlaceBack } from '../pool/take-place.ts';
import { queueForTest } from '../pool/test-queue.ts';
import { createKeyRing } from '../session-ticket/key-ring.ts';
import { cryptoRandom } from '../session-ticket/test-ring.ts';
import { ConnectionCookies } from './connection-cookies.ts';
import type { RequestHead, ResponseHead } from './message.ts';
import { CookieVisit } from './persistence-cookie.ts';
import type { HttpService, ProxiedConnection } from './proxied-connection.ts';

const TIMEOUT_S = 600;
const SERVERS = 4;

interface Told {
  readonly server: string;
  readonly setCookie: string | undefined;
  readonly result: string;
}

/** A pool of four servers, and connections of clients that ask it. */
function startBed(changes: Partial<PersistenceCookieSnapshot> = {}, recovery: Recovery = 'immediate') {
  const clock = createFakeClock();
  const table = new ServerTable(ServerTable.allocate(1, SERVERS), 1, 0);
  const cookie: PersistenceCookieSnapshot = {
    ...{ name: 'P', timeoutS: TIMEOUT_S, alwaysSend: false, httpOnly: false, persistent: false },
    ...changes,
  };
  const snapshots = Array.from({ length: SERVERS }, (_, at) => ({
    ...{ id: (0xa00000000000 + at).toString(16), name: `server-${at}`, ratio: 1, enabled: true },
    address: { ip: `192.0.2.${at}`, port: 8080 },
  }));
  const metrics = { add: () => {} };
  const servers = snapshots.map((snapshot, slot) => {
    table.setHealth(slot, 'up');
    return {
      snapshot,
      id: Number.parseInt(snapshot.id, 16),
      slot,
      table,
      metrics,
    } as unknown as ServerRuntime;
  });
  // Only as far as the choice looks at it.
  const snapshot = {
    ...{ uuid: 'pool-1', algorithm: 'least-connections', rampMs: 0, connectionLimitPerServer: 0 },
    ...{ minServersUp: 1, failAction: { kind: 'unavailable' } },
    ...{ servers: snapshots, persistence: { kind: 'http-cookie', profileName: 'sticky', recovery, cookie } },
  } as unknown as PoolSnapshot;
  const pool = createPoolRuntime(
    snapshot,
    servers,
    {
      ...{ clock, random: cryptoRandom },
      crowdCounter: new CrowdCounter(CrowdCounter.allocate()),
      ticketTrail: new TicketTrail(TicketTrail.allocate()),
    },
    queueForTest(),
  );
  let ringKeys = createRingKeys(cryptoRandom, 0);
  let ring = createKeyRing(ringKeys, 'virtualservice-1');

  const connect = (clientIp = '198.51.100.1', placement: Placement = unplaced) => {
    const connection = {
      ...{ client: { ip: clientIp, port: 50_000 }, fingerprint: undefined, secure: true, placement },
      services: { clock, random: cryptoRandom },
      cookies: new ConnectionCookies(),
      place(placed: Placement) {
        connection.placement = placed;
      },
    };
    /** One request, with these cookies, that is answered by the server that it is sent to. */
    const ask = (cookies?: string): Told | 'reset' => {
      const fieldLines = cookies === undefined ? '' : `Cookie: ${cookies}\r\n`;
      const service = { pool, ring, metrics } as unknown as HttpService;
      const head = { fieldLines } as RequestHead;
      const visit = new CookieVisit(head, connection as unknown as ProxiedConnection, service, cookie);
      if (visit.selection.kind === 'abort') return 'reset';
      const choice = selectForRequest(pool, visit.selection.placement, []);
      if (choice.kind !== 'server') return 'reset';
      visit.settle(choice);
      givePlaceBack(pool, choice.server);
      const answer = visit.answer({ fieldLines: 'X: y\r\n' } as ResponseHead, choice.server);
      const { result } = visit;
      return {
        server: choice.server.snapshot.name,
        setCookie: /^Set-Cookie: (P=[^;]+)/m.exec(answer.fieldLines)?.[1],
        result: result.kind === 'not-opened' ? result.reason : result.kind,
      };
    };
    return {
      connection,
      ask: (cookies?: string): Told => {
        const told = ask(cookies);
        assert.ok(told !== 'reset');
        return told;
      },
      askForReset: (cookies?: string) => assert.equal(ask(cookies), 'reset'),
    };
  };
  return {
    ...{ clock, table, pool, servers, connect },
    setHealth: (name: string, health: 'up' | 'down') => table.setHealth(Number(name.slice(-1)), health),
    rotate: () => {
      ringKeys = rotateRingKeys(ringKeys, cryptoRandom, 0, true);
      ring = createKeyRing(ringKeys, 'virtualservice-1');
    },
  };
}

describe('the cookie that an answer gives', () => {
  it('is renewed in the second half of its timeout, so that a client that comes in time stays', () => {
    const { connect, clock } = startBed();
    const first = connect().ask();
    let cookie = first.setCookie as string;
    for (let turn = 0; turn < 20; turn++) {
      clock.advance((TIMEOUT_S / 2 - 1) * 1000);
      const early = connect().ask(cookie);
      assert.deepEqual(early, { server: first.server, setCookie: undefined, result: 'opened' });
      clock.advance(1000);
      const due = connect().ask(cookie);
      assert.equal(due.server, first.server);
      cookie = due.setCookie as string;
      assert.ok(cookie !== undefined, `turn ${turn}`);
    }
  });

  it('takes the place of one that has expired, also where the connection has seen that one before', () => {
    const { connect, clock } = startBed();
    const client = connect();
    const { setCookie } = client.ask();
    assert.equal(client.ask(setCookie).result, 'opened');
    clock.advance(TIMEOUT_S * 1000);
    const late = client.ask(setCookie);
    assert.equal(late.result, 'expired');
    assert.ok(late.setCookie !== undefined && late.setCookie !== setCookie);
  });

  it('is none where nothing ends, until its key no longer seals', () => {
    const { connect, clock, rotate } = startBed({ timeoutS: 0 });
    const first = connect().ask();
    const cookie = first.setCookie as string;
    clock.advance(100 * 86_400_000);
    assert.deepEqual(connect().ask(cookie), { ...first, setCookie: undefined, result: 'opened' });
    const open = connect();
    open.ask(cookie);
    rotate();
    // The connection remembers what it opened, but not past its ring.
    const renewed = open.ask(cookie);
    assert.equal(renewed.server, first.server);
    assert.ok(renewed.setCookie !== undefined);
  });

  it('is none while the entry has to expire: its server is down, under Never', () => {
    const { connect, clock, setHealth, rotate } = startBed({}, 'never');
    const { server, setCookie } = connect().ask();
    setHealth(server, 'down');
    rotate();
    clock.advance((TIMEOUT_S - 1) * 1000);
    assert.deepEqual(connect().ask(setCookie), { server, setCookie: undefined, result: 'opened' });
    clock.advance(1000);
    const anew = connect().ask(setCookie);
    assert.notEqual(anew.server, server);
    assert.ok(anew.setCookie !== undefined);
  });

  it('names the replacement, under Immediate, on the connection that it came by', () => {
    const { connect, setHealth, table } = startBed();
    const client = connect();
    const first = client.ask();
    setHealth(first.server, 'down');
    const moved = client.ask(first.setCookie);
    assert.notEqual(moved.server, first.server);
    setHealth(first.server, 'up');
    assert.deepEqual(client.ask(moved.setCookie), { ...moved, setCookie: undefined });
    assert.equal(client.connection.placement.server?.snapshot.name, moved.server);
    assert.equal(table.active(0) + table.active(1) + table.active(2) + table.active(3), 0);
  });

  it('is none where the connection is reset, under Abort, but for clients without an entry', () => {
    const { connect, setHealth } = startBed({}, 'abort');
    const client = connect();
    const first = client.ask();
    setHealth(first.server, 'down');
    client.askForReset(first.setCookie);
    assert.notEqual(client.ask().server, first.server);
  });
});

describe('a request without a cookie', () => {
  it('goes with the one before it on its connection for a second, whatever the others do', () => {
    const { connect, clock, table } = startBed();
    const client = connect();
    const { server } = client.ask();
    for (let at = 0; at < 500; at++) table.addPlaced(Number(server.slice(-1)));
    for (let turn = 0; turn < 50; turn++) assert.equal(client.ask().server, server);
    clock.advance(1001);
    assert.notEqual(client.ask().server, server, 'then it is balanced again');
  });

  it('of many clients behind one connection does not stay at one server', () => {
    const { connect, clock } = startBed({ alwaysSend: true });
    const proxy = connect();
    const servers = new Set<string>();
    for (let second = 0; second < 60; second++) {
      for (let turn = 0; turn < 10; turn++) servers.add(proxy.ask().server);
      clock.advance(1100);
    }
    assert.equal(servers.size, SERVERS);
  });

  it('leaves a server that goes down, in every mode', () => {
    for (const recovery of ['immediate', 'never', 'abort'] as const) {
      const { connect, setHealth } = startBed({}, recovery);
      const client = connect();
      const { server } = client.ask();
      setHealth(server, 'down');
      const other = client.ask();
      assert.notEqual(other.server, server);
      assert.ok(other.setCookie !== undefined, 'a change of server is told');
    }
  });

  it('stays where its connection was before the type of the profile changed, and is given the cookie of that server', () => {
    const { connect, servers } = startBed();
    for (const server of servers) {
      const placement = { server, bound: true, why: 'persistence', affinityKey: 1, persistenceUsed: true };
      const { ask } = connect('198.51.100.1', placement);
      const told = ask();
      assert.equal(told.server, server.snapshot.name);
      assert.equal(connect().ask(told.setCookie).server, server.snapshot.name);
    }
  });
});
