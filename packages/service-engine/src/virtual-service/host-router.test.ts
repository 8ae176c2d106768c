import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HostRouter } from './host-router.ts';

const router = new HostRouter('parent', [
  // As the compiler orders them: whole names, then by length.
  { pattern: { kind: 'exact', host: 'www.a.test' }, virtualServiceUuid: 'www' },
  { pattern: { kind: 'suffix', suffix: '.shop.a.test' }, virtualServiceUuid: 'shop' },
  { pattern: { kind: 'suffix', suffix: '.a.test' }, virtualServiceUuid: 'a' },
  { pattern: { kind: 'prefix', prefix: 'www.' }, virtualServiceUuid: 'any www' },
]);

describe('the owner of a host', () => {
  for (const [host, owner] of [
    ['www.a.test', 'www'],
    ['x.shop.a.test', 'shop'],
    ['y.x.shop.a.test', 'shop'],
    ['shop.a.test', 'a'],
    ['www.b.test', 'any www'],
    ['a.test', 'parent'],
    ['xa.test', 'parent'],
    ['www', 'parent'],
    ['', 'parent'],
    [undefined, 'parent'],
  ] as const) {
    it(`${host ?? 'none'}: ${owner}`, () => assert.equal(router.ownerOf(host), owner));
  }
});
