import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deepFreeze } from '@limpet/model';
import type { JsonObject } from '../json.ts';
import { applyPatch } from './patch-body.ts';

const server = (addr: string, port: number, more: JsonObject = {}): JsonObject => ({
  ip: { addr, type: 'V4' },
  port,
  ...more,
});
const a = server('10.0.0.1', 80, { hostname: 'a' });
const b = server('10.0.0.2', 80);
const pool: JsonObject = deepFreeze({
  name: 'web',
  lb_algorithm: 'LB_ALGORITHM_ROUND_ROBIN',
  servers: [a, b],
  health_monitor_refs: ['/api/healthmonitor/h1', '/api/healthmonitor/h2'],
  conn_pool_properties: { upstream_connpool_conn_max_reuse: 5 },
});
const listKeys = { servers: ['ip.addr', 'port'] };

const rows: readonly (readonly [title: string, patch: JsonObject, change: JsonObject])[] = [
  ['adds a scalar as it replaces one', { add: { name: 'x' } }, { name: 'x' }],
  [
    'appends an element',
    { add: { servers: [server('10.0.0.3', 80)] } },
    { servers: [a, b, server('10.0.0.3', 80)] },
  ],
  [
    'updates the element with the same address and port',
    { add: { servers: [server('10.0.0.1', 80, { enabled: false })] } },
    { servers: [{ ...a, enabled: false }, b] },
  ],
  [
    'takes one element for a list of one',
    { add: { servers: server('10.0.0.1', 81) } },
    { servers: [a, b, server('10.0.0.1', 81)] },
  ],
  ['replaces a whole list', { replace: { servers: [b] } }, { servers: [b] }],
  ['adds a reference once', { add: { health_monitor_refs: ['/api/healthmonitor/h2'] } }, {}],
  ['deletes the elements that match', { delete: { servers: [server('10.0.0.1', 80)] } }, { servers: [b] }],
  [
    'deletes a reference',
    { delete: { health_monitor_refs: ['/api/healthmonitor/h1'] } },
    { health_monitor_refs: ['/api/healthmonitor/h2'] },
  ],
  [
    'deletes a scalar, whose default counts then',
    { delete: { lb_algorithm: '' } },
    { lb_algorithm: undefined },
  ],
  ['deletes a whole list where no element is named', { delete: { servers: null } }, { servers: undefined }],
  [
    'adds to an object what is given of it',
    { add: { conn_pool_properties: { upstream_connpool_server_max_cache: 1 } } },
    { conn_pool_properties: { upstream_connpool_conn_max_reuse: 5, upstream_connpool_server_max_cache: 1 } },
  ],
  [
    'does several things at once',
    {
      add: { name: 'x' },
      delete: { servers: [a] },
      json_patch: [{ op: 'replace', path: '/servers/0/port', value: 9 }],
    },
    { name: 'x', servers: [{ ...b, port: 9 }] },
  ],
];

describe('a patch', () => {
  for (const [title, patch, change] of rows) {
    it(title, () => {
      const wanted = Object.fromEntries(
        Object.entries({ ...pool, ...change }).filter(([, value]) => value !== undefined),
      );
      assert.deepEqual(applyPatch(pool, patch, listKeys), wanted);
    });
  }

  for (const patch of [
    {},
    { servers: [] },
    { update: {} },
    { add: [] },
    { json_patch: {} },
  ] as JsonObject[]) {
    it(`is refused as ${JSON.stringify(patch)}`, () =>
      assert.throws(() => applyPatch(pool, patch, listKeys)));
  }

  it('goes through as many elements as it gives, not once through the list for each', () => {
    // Each with each would be 400 million comparisons.
    const servers = Array.from({ length: 20_000 }, (_, index) =>
      server(`10.0.${index >> 8}.${index & 255}`, 80),
    );
    const beganMs = performance.now();
    const patched = applyPatch({ servers }, { add: { servers } }, listKeys);
    const emptied = applyPatch({ servers }, { delete: { servers: servers.slice(1) } }, listKeys);
    assert.ok(performance.now() - beganMs < 20_000);
    assert.deepEqual(patched, { servers });
    assert.deepEqual(emptied, { servers: servers.slice(0, 1) });
  });
});
