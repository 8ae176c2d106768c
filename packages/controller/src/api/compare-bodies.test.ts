import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compareBodies } from './compare-bodies.ts';

describe('the difference of two bodies', () => {
  it('is told field by field, with what was and what is', () => {
    assert.deepEqual(
      compareBodies(
        { name: 'a', gone: 1, same: [1, { x: 2 }], servers: [{ port: 1 }, { port: 2 }] },
        { name: 'b', same: [1, { x: 2 }], servers: [{ port: 9 }], fresh: { y: 1 } },
      ),
      [
        { field: 'name', before: 'a', after: 'b' },
        { field: 'gone', before: 1 },
        { field: 'servers[0].port', before: 1, after: 9 },
        { field: 'servers[1]', before: { port: 2 } },
        { field: 'fresh', after: { y: 1 } },
      ],
    );
    assert.deepEqual(compareBodies({ a: 1 }, { a: 1 }), []);
  });
});
