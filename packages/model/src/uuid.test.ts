// Tests of derived uuids: server ids and ticket keys derive from them, so they may never change.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { derivedUuid, uuidV5 } from './uuid.ts';

describe('a derived uuid', () => {
  it('is what it was when it was first made: these vectors may never change', () => {
    // Made with another implementation of RFC 9562, Python's uuid.uuid5.
    assert.equal(derivedUuid('Pool', 'admin', 'demo-pool'), 'pool-714c60e3-03a4-5a61-8d6a-62ebb3d8d71e');
    assert.equal(
      derivedUuid('VirtualService', 'admin', 'demo'),
      'virtualservice-43ff200b-67d1-5a09-b195-f3d2b098edc3',
    );
  });

  it('has the version and variant bits of RFC 9562 §5.5', () => {
    for (let index = 0; index < 100; index++) {
      assert.match(
        uuidV5(`name ${index}`),
        /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      );
    }
  });

  it('differs by type, tenant and name', () => {
    const made = [
      derivedUuid('Pool', 'admin', 'a'),
      derivedUuid('Pool', 'admin', 'b'),
      derivedUuid('Pool', 'other', 'a'),
      derivedUuid('VsVip', 'admin', 'a'),
    ];
    assert.equal(new Set(made.map((uuid) => uuid.slice(uuid.indexOf('-')))).size, made.length);
  });
});
