// Tests of canonical JSON: one text for one value, and still JSON of that value.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { canonicalJson, deepFreeze, sha256Hex } from './canonical-json.ts';

describe('canonical JSON', () => {
  it('orders keys at every depth, leaves arrays in order, and has no space in it', () => {
    assert.equal(
      canonicalJson({ b: [2, 1, { d: undefined, c: null }], a: { z: 'ü"\n', '10': 1, '9': true } }),
      '{"a":{"10":1,"9":true,"z":"ü\\"\\n"},"b":[2,1,{"c":null}]}',
    );
  });

  it('is one text for one value, whatever the order of its keys', () => {
    const reversed = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(reversed);
      if (typeof value !== 'object' || value === null) return value;
      const entries = Object.entries(value).reverse();
      return Object.fromEntries(entries.map(([name, field]) => [name, reversed(field)]));
    };
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        assert.equal(canonicalJson(reversed(value)), canonicalJson(value));
      }),
    );
  });

  it('is JSON of the value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        assert.deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('differs where values differ', () => {
    assert.notEqual(canonicalJson({ a: 1 }), canonicalJson({ a: '1' }));
    assert.notEqual(canonicalJson([1, 2]), canonicalJson([2, 1]));
  });
});

describe('the hash of a text', () => {
  it('is SHA-256 (the vector of FIPS 180-2)', () => {
    assert.equal(sha256Hex('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });
});

describe('a frozen value', () => {
  it('cannot be changed at any depth', () => {
    const value = deepFreeze({ list: [{ deep: 1 }] });
    assert.throws(() => {
      (value.list[0] as { deep: number }).deep = 2;
    }, TypeError);
    assert.throws(() => value.list.push({ deep: 3 }), TypeError);
  });
});
