import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readCollectionQuery } from './collection-query.ts';
import { selectObjects } from './select-objects.ts';
import { object, typeNamed, viewOf } from './test-objects.ts';

const server = (addr: string) => ({ ip: { addr, type: 'V4' } });
const view = viewOf(
  object('HealthMonitor', { name: 'h1', type: 'HEALTH_MONITOR_TCP' }),
  object('Pool', { name: 'web-2', created_by: 'ako', servers: [server('10.0.0.1')] }),
  object('Pool', {
    name: 'web-10',
    enabled: false,
    health_monitor_refs: ['/api/healthmonitor/healthmonitor-h1'],
  }),
  object('Pool', { name: 'API', markers: [{ key: 'app', values: ['x', 'y'] }] }),
  object('VirtualService', { name: 'vs', pool_ref: '/api/pool/pool-web-2' }),
);

function names(type: string, query: string): string[] {
  return selectObjects(
    view,
    typeNamed(type),
    readCollectionQuery(new URLSearchParams(query)),
    () => true,
  ).map(({ name }) => name);
}

const rows: readonly (readonly [type: string, query: string, names: readonly string[]])[] = [
  ['Pool', '', ['web-2', 'web-10', 'API']],
  ['Pool', 'name=web-2', ['web-2']],
  ['Pool', 'name=gone', []],
  ['Pool', 'name.contains=WEB', ['web-2', 'web-10']],
  ['Pool', 'name.in=API,web-2,gone', ['web-2', 'API']],
  ['Pool', 'uuid=pool-API', ['API']],
  ['Pool', 'uuid.in=pool-API,pool-web-2', ['web-2', 'API']],
  ['Pool', 'created_by=ako', ['web-2']],
  ['Pool', 'enabled=false', ['web-10']],
  ['Pool', 'enabled=True', ['web-2', 'API']],
  ['Pool', 'servers.ip.addr=10.0.0.1', ['web-2']],
  ['Pool', 'lb_algorithm=LB_ALGORITHM_LEAST_CONNECTIONS', ['web-2', 'web-10', 'API']],
  ['Pool', 'cloud_ref.name=Default-Cloud', ['web-2', 'web-10', 'API']],
  ['Pool', 'cloud=Default-Cloud', ['web-2', 'web-10', 'API']],
  ['Pool', 'cloud_ref.name=other', []],
  ['Pool', 'health_monitor_refs.name=h1', ['web-10']],
  ['Pool', 'health_monitor_refs=https://x/api/healthmonitor/healthmonitor-h1%23h1', ['web-10']],
  ['Pool', 'no_such_field=1', []],
  ['Pool', 'constructor=1', []],
  ['VirtualService', 'pool_ref.uuid=pool-web-2', ['vs']],
  ['VirtualService', 'pool_ref.name=web-2', ['vs']],
  ['VirtualService', 'se_group_ref.name=Default-Group', ['vs']],
  ['VirtualService', 'refers_to=pool:pool-web-2', ['vs']],
  ['VirtualService', 'refers_to=Pool:pool-web-10', []],
  ['Pool', 'referred_by=virtualservice:vs', []],
  ['Pool', 'referred_by=virtualservice:virtualservice-vs', ['web-2']],
  ['HealthMonitor', 'referred_by=pool:pool-web-10', ['h1']],
  ['Pool', 'sort=name', ['API', 'web-2', 'web-10']],
  ['Pool', 'sort=-name', ['web-10', 'web-2', 'API']],
  ['Pool', 'sort=enabled,-name', ['web-10', 'web-2', 'API']],
];

describe('objects of a collection', () => {
  for (const [type, query, wanted] of rows) {
    it(`are ${wanted.join(', ') || 'none'} for ${type}?${query}`, () =>
      assert.deepEqual(names(type, query), wanted));
  }

  it('are refused of a type that is none', () => {
    assert.throws(() => names('Pool', 'refers_to=nothing:x'), { code: 'QUERY_INVALID' });
  });
});
