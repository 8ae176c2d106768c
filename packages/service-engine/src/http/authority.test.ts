import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hostOfAuthority } from './authority.ts';

describe('the host of an authority', () => {
  for (const [authority, host] of [
    ['a.test', 'a.test'],
    ['A.Test:8443', 'a.test'],
    ['a.test.', 'a.test'],
    ['a.test.:443', 'a.test'],
    ['127.0.0.1:443', '127.0.0.1'],
    ['[::1]:443', '[::1]'],
    ['[::1]', '[::1]'],
    ['', ''],
  ] as const) {
    it(`"${authority}": "${host}"`, () => assert.equal(hostOfAuthority(authority), host));
  }
});
