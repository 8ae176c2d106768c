import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isDryRun, readCollectionQuery } from './collection-query.ts';

const read = (text: string) => readCollectionQuery(new URLSearchParams(text));

describe('the query of a collection', () => {
  it('has 25 objects a page, 200 at most, and begins with the first', () => {
    const { page, pageSize, filters, sort } = read('');
    assert.deepEqual({ page, pageSize, filters, sort }, { page: 1, pageSize: 25, filters: [], sort: [] });
    assert.equal(read('page_size=1000').pageSize, 200);
    assert.deepEqual([read('page=3&page_size=1').page, read('page=3&page_size=1').pageSize], [3, 1]);
  });

  for (const text of ['page=0', 'page=-1', 'page=x', 'page_size=1.5', 'refers_to=pool', 'referred_by=:u']) {
    it(`is refused with ${text}`, () => assert.throws(() => read(text), { code: 'QUERY_INVALID' }));
  }

  it('filters by whatever is no word of its own', () => {
    assert.deepEqual(
      read(
        'name=web&name.contains=we&uuid.in=a,b&cloud_ref.name=Default-Cloud&include_name=&skip_default=true&created_by=x',
      ).filters,
      [
        { field: 'name', kind: 'is', values: ['web'] },
        { field: 'name', kind: 'contains', values: ['we'] },
        { field: 'uuid', kind: 'in', values: ['a', 'b'] },
        { field: 'cloud_ref.name', kind: 'is', values: ['Default-Cloud'] },
        { field: 'created_by', kind: 'is', values: ['x'] },
      ],
    );
    assert.deepEqual(read('label_key=app&label_value=web').filters, [
      { field: 'markers.key', kind: 'is', values: ['app'] },
      { field: 'markers.values', kind: 'is', values: ['web'] },
    ]);
  });

  it('takes a word without a value, or with any but false, as yes', () => {
    for (const text of ['include_name', 'include_name=', 'include_name=true', 'include_name=True'])
      assert.equal(read(text).includeName, true, text);
    for (const text of ['', 'include_name=false', 'include_name=False', 'include_name=0'])
      assert.equal(read(text).includeName, false, text);
    assert.equal(isDryRun(new URLSearchParams('dry_run')), true);
    assert.equal(read('join_subresources=runtime:oper_status').joinRuntime, true);
    assert.equal(read('join_subresources=other').joinRuntime, false);
  });

  it('sorts by fields, with - the other way round', () => {
    assert.deepEqual(read('sort=-name,enabled').sort, [
      { field: 'name', descending: true },
      { field: 'enabled', descending: false },
    ]);
  });

  it('names another object by type and uuid', () => {
    assert.deepEqual(read('refers_to=pool:pool-1').refersTo, { type: 'pool', uuid: 'pool-1' });
    assert.deepEqual(read('referred_by=virtualservice:vs:1').referredBy, {
      type: 'virtualservice',
      uuid: 'vs:1',
    });
  });
});
