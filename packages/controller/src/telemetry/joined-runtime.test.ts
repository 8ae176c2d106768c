// Tests of the runtime that is joined from several engines.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ControllerObject, ObjectView } from '../config/object-view.ts';
import type { JsonObject } from '../json.ts';
import { JoinedRuntime, type ObservedEngine } from './joined-runtime.ts';

const object = (type: string, uuid: string, body: JsonObject): ControllerObject => ({
  ...{ type, uuid, body },
  ...{ tenantUuid: 'admin', name: uuid, secrets: new Map(), lastModifiedUs: 1 },
});

const pool = object('Pool', 'pool-1', {
  servers: [
    { ip: { addr: '127.0.0.1', type: 'V4' }, port: 9101 },
    { ip: { addr: '127.0.0.1', type: 'V4' }, port: 9102 },
    { ip: { addr: '::1', type: 'V6' }, enabled: false },
  ],
  default_server_port: 9103,
});
const shop = object('VirtualService', 'vs-1', { pool_ref: '/api/pool/pool-1' });
const view = {
  revision: 7,
  get: (type: string, uuid: string) => (type === 'Pool' && uuid === pool.uuid ? pool : undefined),
  referrers: (type: string, uuid: string) => (type === 'Pool' && uuid === pool.uuid ? [shop] : []),
} as unknown as ObjectView;

function server(ip: string, port: number, state: string, reason = '') {
  return {
    ...{ id: `${port}`, name: `${ip}:${port}`, ip, port, enabled: state !== 'OPER_DISABLED' },
    ...{ oper_status: state, share: 1, connections: 2, active_requests: 1 },
    health_monitors: [
      reason === ''
        ? { name: 'probe', state, recent_response_time_ms: 3, reason }
        : { name: 'probe', state, failure_code: 'CONNECTION_REFUSED', reason },
    ],
  };
}

function engine(
  name: string,
  states: readonly [string, string],
  more: Partial<ObservedEngine> = {},
): ObservedEngine {
  return {
    ...{ uuid: `serviceengine-${name}`, name, connected: true, revoked: false, sinceMs: 0 },
    ...{ desired: { revision: 7, hash: 'h' }, acknowledged: { revision: 7, hash: 'h' } },
    rings: new Map([['vs-1', 4]]),
    report: {
      ...{ engine: name, state: 'serving', workers: 1 },
      config: { version: 1, hash: 'h', complete: true },
      connections: { limit: 1000 },
      virtual_services: [{ uuid: 'vs-1', name: 'shop', open_connections: 5 }],
      pools: [
        {
          ...{ uuid: 'pool-1', name: 'pool' },
          servers: [
            server('127.0.0.1', 9101, states[0]),
            server('127.0.0.1', 9102, states[1], states[1] === 'OPER_DOWN' ? 'nobody listens' : ''),
            server('::1', 9103, 'OPER_DISABLED'),
          ],
        },
      ],
    },
    ...more,
  };
}

function joined(...engines: readonly ObservedEngine[]) {
  return new JoinedRuntime({
    engines: () => engines,
    enginesOf: () => engines.map(({ uuid }) => uuid),
    keyRotations: () => ({ count: 3, lastMs: 60_000 }),
  });
}

/** The first of the list that clients index. */
const poolOf = (runtime: JoinedRuntime) => (runtime.runtime(view, pool, '') as readonly JsonObject[])[0];

describe('the runtime joined from engines', () => {
  it('counts the servers of a pool that take traffic, one that a single engine reaches among them', () => {
    const runtime = joined(engine('a', ['OPER_UP', 'OPER_DOWN']), engine('b', ['OPER_UP', 'OPER_UP']));
    assert.deepEqual(poolOf(runtime), {
      oper_status: { state: 'OPER_UP', reason: ['engines do not find the same servers up'] },
      num_servers: 3,
      num_servers_enabled: 2,
      num_servers_up: 2,
      percent_servers_up_total: 67,
      percent_servers_up_enabled: 100,
    });
    assert.equal(runtime.healthScore(view, shop), 100);
  });

  it('says that a pool, and the virtual service before it, is down where no server is up', () => {
    const runtime = joined(engine('a', ['OPER_DOWN', 'OPER_DOWN']));
    assert.deepEqual(poolOf(runtime)?.oper_status, { state: 'OPER_DOWN', reason: ['0 servers are up'] });
    const { oper_status } = runtime.runtime(view, shop, '') as JsonObject;
    assert.deepEqual(oper_status, { state: 'OPER_DOWN', reason: ['its pool is down'] });
  });

  it('takes what an engine said before it was lost for no news of now', () => {
    const runtime = joined(engine('a', ['OPER_UP', 'OPER_UP'], { connected: false }));
    assert.deepEqual(poolOf(runtime)?.oper_status, {
      state: 'OPER_UNUSED',
      reason: ['no engine that is connected has it'],
    });
    assert.equal(runtime.healthScore(view, pool), undefined);
    assert.deepEqual(runtime.runtime(view, pool, 'server'), []);
    assert.equal(
      ((runtime.runtime(view, shop, '') as JsonObject).oper_status as JsonObject).state,
      'OPER_UNKNOWN',
    );
  });

  it('tells of each engine how it sees a server, and why one is down', () => {
    const runtime = joined(engine('a', ['OPER_UP', 'OPER_DOWN']), engine('b', ['OPER_UP', 'OPER_UP']));
    const servers = runtime.runtime(view, pool, 'server') as readonly JsonObject[];
    assert.equal(servers.length, 6);
    assert.deepEqual(
      servers
        .filter(({ port }) => port === 9102)
        .map(({ se_uuid, health_monitor_list }) => [se_uuid, health_monitor_list]),
      [
        [
          'serviceengine-a',
          {
            health_monitor: [
              {
                ...{ name: 'probe', state: 'OPER_DOWN', recent_response_time: undefined },
                ...{ failure_code: 'CONNECTION_REFUSED', reason: 'nobody listens' },
              },
            ],
          },
        ],
        [
          'serviceengine-b',
          {
            health_monitor: [
              {
                ...{ name: 'probe', state: 'OPER_UP', recent_response_time: 3 },
                ...{ failure_code: undefined, reason: undefined },
              },
            ],
          },
        ],
      ],
    );
  });

  it('tells of a virtual service where it is, and which ticket keys each engine holds', () => {
    const runtime = joined(engine('a', ['OPER_UP', 'OPER_UP']), engine('b', ['OPER_UP', 'OPER_UP']));
    const answer = runtime.runtime(view, shop, '') as JsonObject;
    assert.deepEqual(
      (answer.service_engine as readonly JsonObject[]).map(
        ({ name, ticket_key_generation, open_connections }) => [
          name,
          ticket_key_generation,
          open_connections,
        ],
      ),
      [
        ['a', 4, 5],
        ['b', 4, 5],
      ],
    );
    assert.deepEqual(
      [answer.key_rotation_count, answer.last_key_rotation_time, answer.version],
      [3, '1970-01-01T00:01:00.000Z', '7'],
    );
  });

  it('does not hear an engine on a pool that it was not given', () => {
    const engines = [engine('a', ['OPER_UP', 'OPER_UP']), engine('forger', ['OPER_DOWN', 'OPER_DOWN'])];
    const runtime = new JoinedRuntime({
      engines: () => engines,
      enginesOf: () => ['serviceengine-a'],
      keyRotations: () => undefined,
    });
    assert.deepEqual(poolOf(runtime)?.oper_status, { state: 'OPER_UP' });
    assert.equal((runtime.runtime(view, pool, 'server') as readonly JsonObject[]).length, 3);
  });

  it('does not hear an engine whose report is none', () => {
    const runtime = joined(engine('a', ['OPER_UP', 'OPER_UP'], { report: { pools: 'all of them' } }));
    assert.deepEqual(runtime.runtime(view, pool, 'server'), []);
    assert.equal(runtime.runtime(view, object('Tenant', 't', {}), ''), undefined);
  });
});
