import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { changeAt, placeAt, valuesAt } from './json-paths.ts';

const body = { name: 'web', refs: ['a', 'b'], servers: [{ ip: { addr: '10.0.0.1' } }, { port: 80 }] };

describe('a path in JSON', () => {
  it('finds every value with its place', () => {
    assert.deepEqual(valuesAt(body, 'name'), [{ place: 'name', value: 'web' }]);
    assert.deepEqual(valuesAt(body, 'refs[]'), [
      { place: 'refs[0]', value: 'a' },
      { place: 'refs[1]', value: 'b' },
    ]);
    assert.deepEqual(valuesAt(body, 'servers[].ip.addr'), [
      { place: 'servers[0].ip.addr', value: '10.0.0.1' },
    ]);
    assert.deepEqual(valuesAt(body, 'name[].x'), []);
    assert.deepEqual(valuesAt(body, 'toString'), [], 'nothing that is inherited');
  });

  it('changes what stands there in a copy, and shares the rest', () => {
    const changed = changeAt(body, 'servers[].ip.addr', (value) => `${value}0`);
    assert.deepEqual(changed.servers, [{ ip: { addr: '10.0.0.10' } }, { port: 80 }]);
    assert.equal((changed.servers as unknown[])[1], body.servers[1]);
    assert.deepEqual(body.servers[0], { ip: { addr: '10.0.0.1' } });
    assert.equal(
      changeAt(body, 'servers[].ip.addr', (value) => value),
      body,
    );
    assert.equal(
      changeAt(body, 'gone.deep', () => 1),
      body,
    );
  });

  it('takes out what is changed to undefined', () => {
    assert.deepEqual(changeAt(body, 'refs[]', (value) => (value === 'a' ? undefined : value)).refs, ['b']);
    assert.deepEqual(Object.keys(changeAt(body, 'name', () => undefined)), ['refs', 'servers']);
  });

  it('puts a value at a place, also where the objects above are not there', () => {
    assert.deepEqual(placeAt({}, 'a.b', 1), { a: { b: 1 } });
    assert.deepEqual(placeAt(body, 'servers[1].key', 'x').servers, [body.servers[0], { port: 80, key: 'x' }]);
    assert.deepEqual(placeAt(body, 'servers[7].key', 'x'), body);
  });
});
