// What becomes of a request that cannot be completed while it still waits for a server.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HttpSnapshot, PoolSnapshot } from '@limpet/model';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import { CrowdCounter } from '../load-balancing/crowd-counter.ts';
import { TicketTrail } from '../load-balancing/ticket-trail.ts';
import { unplaced } from '../pool/placement.ts';
import { createPoolRuntime } from '../pool/pool-runtime.ts';
import type { ServerRuntime } from '../pool/server-runtime.ts';
import { ServerTable } from '../pool/server-table.ts';
import { queueForTest } from '../pool/test-queue.ts';
import { cryptoRandom } from '../session-ticket/test-ring.ts';
import { metricOffset } from '../telemetry/metrics-table.ts';
import type { DownstreamExchange } from './exchange.ts';
import { forwardRequest } from './forward-request.ts';
import type { RequestHead } from './message.ts';
import type { ProxiedConnection } from './proxied-connection.ts';

const QUEUED = metricOffset('limpet_requests_queued');
const CLIENT_GONE = metricOffset('limpet_request_queue_total', 'client_gone');

/** A request that waits for the only server, whose only place is taken. */
function queueRequest() {
  const clock = createFakeClock();
  const table = new ServerTable(ServerTable.allocate(1, 1), 1, 0);
  table.setHealth(0, 'up');
  table.tryAddActive(0, 1);
  const counts = new Map<number, number>();
  const metrics = { add: (at: number, by = 1) => void counts.set(at, (counts.get(at) ?? 0) + by) };
  const serverSnapshot = {
    id: 'a',
    name: 'one',
    ratio: 1,
    enabled: true,
    address: { ip: '192.0.2.1', port: 80 },
  };
  const server = { snapshot: serverSnapshot, id: 10, slot: 0, table, metrics } as unknown as ServerRuntime;
  // Only as far as the way into the queue and out of it looks at them.
  const snapshot = {
    ...{ uuid: 'pool-1', algorithm: 'round-robin', rampMs: 0, connectionLimitPerServer: 1 },
    ...{ minServersUp: 1, failAction: { kind: 'unavailable' }, persistence: { kind: 'none' } },
    ...{ servers: [serverSnapshot], requestQueue: { depth: 10, timeoutMs: 1000 } },
  } as unknown as PoolSnapshot;
  const shared = {
    crowdCounter: new CrowdCounter(CrowdCounter.allocate()),
    ticketTrail: new TicketTrail(TicketTrail.allocate()),
  };
  const queue = queueForTest();
  const pool = createPoolRuntime(snapshot, [server], { clock, random: cryptoRandom, ...shared }, queue);
  const records: Record<string, unknown>[] = [];
  const service = { name: 'service', http: {} as HttpSnapshot, pool, metrics };
  const connection = {
    ...{ id: 'c', client: { ip: '192.0.2.9', port: 1 }, local: { ip: '192.0.2.8', port: 443 }, secure: true },
    ...{ placement: unplaced, fingerprint: undefined, identity: undefined },
    services: {
      ...{ clock, deadlines: clock.deadlines, random: cryptoRandom },
      accessLog: { write: (record: Record<string, unknown>) => void records.push(record), enabled: true },
    },
    ...{ service: () => service, serves: () => true, isDraining: () => false },
    ...{ countRequest() {}, addSignificance() {} },
  } as unknown as ProxiedConnection;
  const statuses: number[] = [];
  const head = {
    ...{ version: '1.1', method: 'POST', target: '/', authority: 'a.test', fieldLines: '', forwardedFor: '' },
    ...{ forwarded: '', body: { kind: 'length', bytes: 10 }, keepAlive: true, asksForWebSocket: false },
  } as RequestHead;
  const exchange = {
    head,
    sendHead: ({ status }: { status: number }) => void statuses.push(status),
    ...{ pauseBody() {}, resumeBody() {}, startBody() {}, sendBody() {}, sendEnd() {}, flush: () => true },
  } as unknown as DownstreamExchange;
  const listener = forwardRequest(exchange, connection, 'r');
  return { listener, queue, records, statuses, count: (at: number) => counts.get(at) ?? 0 };
}

describe('a request that waits for a server', () => {
  it('and cannot be completed is answered, and waits no more: who comes next is not behind it', () => {
    const { listener, queue, records, statuses, count } = queueRequest();
    assert.deepEqual([count(QUEUED), queue.isAwaited(0, 0)], [1, true]);
    listener.onRequestRefused('REQUEST_TIMEOUT', 'body');
    assert.deepEqual(statuses, [408]);
    assert.deepEqual([count(QUEUED), count(CLIENT_GONE), queue.isAwaited(0, 0)], [0, 1, false]);
    assert.deepEqual(records[0]?.significant_log, ['ADF_REQUEST_REFUSED']);
    listener.onRequestRefused('REQUEST_TIMEOUT', 'again');
    assert.deepEqual([statuses, count(QUEUED), records.length], [[408], 0, 1]);
  });

  it('and of which more came than is kept is not refused for what its client did', () => {
    const { listener, queue, records, statuses, count } = queueRequest();
    listener.onRequestBody(Buffer.from('more'));
    assert.deepEqual(statuses, [502]);
    assert.deepEqual([count(QUEUED), queue.isAwaited(0, 0)], [0, false]);
    const { error, significant_log = [] } = records[0] as Record<string, unknown>;
    assert.deepEqual([error, significant_log], ['SERVER_STREAM_RESET', []]);
  });
});
