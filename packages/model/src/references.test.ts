// Tests of references: every form in which Avi's API and its clients write them.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { findReferenced, parseReference } from './references.ts';

const web = { name: 'web', uuid: 'pool-1' };
const api = { name: 'api tier', uuid: 'pool-2' };
const pools = [web, api];

describe('a reference', () => {
  const rows: readonly (readonly [text: string, found: typeof web | undefined])[] = [
    ['web', web],
    ['api tier', api],
    ['/api/pool?name=web', web],
    ['/api/pool/?name=web', web],
    ['/api/pool/?tenant=admin&name=api+tier', api],
    ['/api/pool?name=api%20tier&cloud=Default-Cloud', api],
    ['/api/pool/pool-2', api],
    ['/api/pool/pool-2#web', api],
    ['https://controller.test/api/pool/pool-1', web],
    ['https://controller.test:9443/api/pool/pool-1#a%20name%20of%20before', web],
    ['/api/pool#web', web],
    ['/api/pool/#web', web],
    ['Web', undefined],
    ['pool-1', undefined],
    ['/api/pool/web', undefined],
    ['/api/pool', undefined],
    ['', undefined],
  ];
  for (const [text, found] of rows) {
    it(`names ${found === undefined ? 'nothing' : `"${found.name}"`}: "${text}"`, () => {
      assert.equal(findReferenced(pools, text), found);
    });
  }

  it('of any text is a uuid or a name', () => {
    const text = fc.oneof(
      fc.string(),
      fc.string().map((rest) => `/api/${rest}`),
    );
    fc.assert(fc.property(text, (any) => assert.match(parseReference(any).kind, /^(uuid|name)$/)));
  });
});
