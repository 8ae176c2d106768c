import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { normalisePath } from './request-path.ts';

describe('the path of a request', () => {
  for (const [given, wanted] of [
    ['//api/pool', '/api/pool'],
    ['/api/pool/?name=a//b/', '/api/pool?name=a//b/'],
    ['///api//pool//pool-1///', '/api/pool/pool-1'],
    ['/', '/'],
    ['//', '/'],
    ['/?a=/', '/?a=/'],
    ['/api/pool', '/api/pool'],
  ] as const) {
    it(`is ${wanted} for ${given}`, () => assert.equal(normalisePath(given), wanted));
  }
});
