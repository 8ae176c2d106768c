import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { takeCookies, withoutSetCookie } from './cookie-field.ts';

const cookie = (value: string): string => `Accept: */*\r\nCookie: ${value}\r\nHost2: x\r\n`;

describe('taking a cookie out of a request', () => {
  for (const [what, value, values, rest] of [
    ['alone', 'P=1', ['1'], undefined],
    ['first', 'P=1; a=2', ['1'], 'a=2'],
    ['last', 'a=2; P=1', ['1'], 'a=2'],
    ['in the middle', 'a=2; P=1; b=3', ['1'], 'a=2; b=3'],
    ['twice', 'P=1; a=2; P=3', ['1', '3'], 'a=2'],
    ['without spaces', 'a=2;P=1;b=3', ['1'], 'a=2;b=3'],
    ['with an empty value', 'P=; a=2', [''], 'a=2'],
    ['with = in its value', 'P=a=b', ['a=b'], undefined],
    ['among broken pairs', ';; P=1;;a', ['1'], ';;;a'],
    ['with tabs around', 'a=2;\tP=1\t; b=3', ['1'], 'a=2; b=3'],
  ] as const) {
    it(`finds it ${what}, and leaves the others as they are`, () => {
      const taken = takeCookies(cookie(value), 'P');
      assert.deepEqual(taken.values, values);
      assert.equal(taken.fieldLines, rest === undefined ? 'Accept: */*\r\nHost2: x\r\n' : cookie(rest));
    });
  }

  it('leaves everything as it is where there is none of that very name', () => {
    for (const value of ['p=1', 'XP=1', 'a=P=1', 'P', 'P =1', 'a="; PP=1"', '']) {
      const lines = cookie(value);
      assert.deepEqual(takeCookies(lines, 'P'), { values: [], fieldLines: lines }, value);
    }
    const elsewhere = 'X-Cookie: P=1\r\nReferer: https://a.test/?P=1\r\nCookie2: P=1\r\n';
    assert.deepEqual(takeCookies(elsewhere, 'P'), { values: [], fieldLines: elsewhere });
  });

  it('takes it out of several Cookie fields, in any case', () => {
    const taken = takeCookies('COOKIE: P=1\r\nx: y\r\ncookie:a=2;P=3\r\n', 'P');
    assert.deepEqual(taken, { values: ['1', '3'], fieldLines: 'x: y\r\ncookie: a=2\r\n' });
  });

  it('is linear in a field of 48 kB of them', () => {
    const many = Array.from({ length: 12_000 }, () => 'P=1').join(';');
    assert.equal(takeCookies(cookie(many), 'P').values.length, 12_000);
  });

  it('never makes a line, nor loses one of another field', () => {
    const text = fc.stringMatching(/^[ -~]{0,40}$/);
    fc.assert(
      fc.property(text, text, fc.constantFrom('Cookie', 'cookie', 'X'), (before, after, name) => {
        const lines = `A: 1\r\n${name}: ${before}; P=x; ${after}\r\nB: 2\r\n`;
        const { fieldLines, values } = takeCookies(lines, 'P');
        assert.match(fieldLines, /^A: 1\r\n([^\r\n]+\r\n)?B: 2\r\n$/);
        if (name === 'X') assert.equal(fieldLines, lines);
        else assert.ok(values.includes('x'));
        assert.equal(takeCookies(fieldLines, 'P').values.length, 0);
      }),
    );
  });
});

describe('taking a Set-Cookie field out of a response', () => {
  it('takes those of that very name and no other', () => {
    const lines =
      'Set-Cookie: P=1; Path=/\r\nset-cookie:a=P=1\r\nSET-COOKIE:  P=\r\nX: P=1\r\nSet-Cookie: PP=1\r\n';
    assert.equal(withoutSetCookie(lines, 'P'), 'set-cookie:a=P=1\r\nX: P=1\r\nSet-Cookie: PP=1\r\n');
    assert.equal(withoutSetCookie('X: 1\r\n', 'P'), 'X: 1\r\n');
  });
});
