// Tests of the place of a mistake in JSON, with JSON.parse as the judge of whether there is one.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { describeJsonPlace } from './json-place.ts';

describe('the place of a mistake in JSON', () => {
  const rows: readonly (readonly [text: string, place: string])[] = [
    ['{"a": x}', 'line 1, column 7'],
    ['{\n  "a": 1,\n}', 'line 3, column 1'],
    ['{\n  "a" 1\n}', 'line 2, column 7'],
    ['[1,\r\n2,\r\n 3 4]', 'line 3, column 4'],
    ['{"a": "line\nbreak"}', 'line 1, column 7'],
    ['{"a": 01}', 'line 1, column 8'],
    ['{"a": \'b\'}', 'line 1, column 7'],
    ['{"a": "\\x"}', 'line 1, column 7'],
    ['{} {}', 'line 1, column 4'],
    ['{"a": [1}', 'line 1, column 9'],
    ['// comment\n{}', 'line 1, column 1'],
    ['\ufeff{}', 'line 1, column 1'],
    ['', 'it ends too early'],
    ['{"a": [1, 2', 'it ends too early'],
    ['{"a":\n\n', 'it ends too early'],
  ];
  for (const [text, place] of rows) {
    it(`is ${place} in ${JSON.stringify(text)}`, () => assert.equal(describeJsonPlace(text), place));
  }

  it('is the end of JSON that was cut off between two tokens, and the inserted character of JSON that was spoilt', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(), (value, at) => {
        const text = JSON.stringify([value], undefined, 1);
        assert.equal(describeJsonPlace(text.slice(0, -1)), 'it ends too early');
        // At a line's end no string is open, so the character is a token that JSON does not have.
        const ends = [...text.matchAll(/\n/g)].map(({ index }) => index);
        const offset = ends[at % ends.length] as number;
        const before = text.slice(0, offset).split('\n');
        const spoilt = `${text.slice(0, offset)} #${text.slice(offset)}`;
        assert.throws(() => JSON.parse(spoilt), SyntaxError);
        assert.equal(
          describeJsonPlace(spoilt),
          `line ${before.length}, column ${(before.at(-1) as string).length + 2}`,
        );
      }),
    );
  });

  it('is found in a long string without exhausting the stack', () => {
    const text = `{"key": "${'a'.repeat(2_000_000)}${'\\n'.repeat(100_000)}", oops}`;
    assert.equal(describeJsonPlace(text), `line 1, column ${text.indexOf('oops') + 1}`);
  });
});
