import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { BODY_DEPTH_MAX, parseJsonBody } from './json-body.ts';

const malformed = { name: 'LimpetError', code: 'JSON_MALFORMED' };
const bytes = (text: string): Uint8Array => Buffer.from(text);

describe('a JSON body', () => {
  it('is read as JSON.parse reads it', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8, noUnicodeString: false } as never), (value) => {
        const text = JSON.stringify(value);
        if (/"(__proto__|constructor|prototype)":/.test(text)) return;
        assert.deepEqual(parseJsonBody(bytes(text)), JSON.parse(text));
      }),
    );
  });

  for (const text of ['', '{', '{"a":1,}', "{'a':1}", '{"a":NaN}', '\u0000']) {
    it(`is refused as ${JSON.stringify(text)}`, () =>
      assert.throws(() => parseJsonBody(bytes(text)), malformed));
  }

  it('is refused with bytes that are not UTF-8', () => {
    assert.throws(() => parseJsonBody(Buffer.from([0x22, 0xff, 0x22])), malformed);
  });

  for (const field of ['__proto__', 'constructor', 'prototype']) {
    it(`is refused with a field "${field}" at any depth`, () => {
      assert.throws(() => parseJsonBody(bytes(`{"a":[{"${field}":{"admin":true}}]}`)), malformed);
      assert.equal(({} as { admin?: boolean }).admin, undefined);
    });
  }

  it('is refused where it nests deeper than any object does, at a million levels as at one too many', () => {
    const nested = (depth: number): Uint8Array => bytes('['.repeat(depth) + ']'.repeat(depth));
    parseJsonBody(nested(BODY_DEPTH_MAX));
    assert.throws(() => parseJsonBody(nested(BODY_DEPTH_MAX + 2)), malformed);
    assert.throws(() => parseJsonBody(nested(1_000_000)), malformed);
  });

  it('is never quoted in what refuses it', () => {
    try {
      parseJsonBody(bytes('{"key": "-----BEGIN PRIVATE KEY-----'));
      assert.fail();
    } catch (error) {
      assert.doesNotMatch(String(error), /BEGIN/);
    }
  });
});
