// Tests of canonical addresses.

import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { canonicalIp } from './ip-address.ts';

describe('a canonical address', () => {
  it('is one text for every notation of an IPv6 address', () => {
    for (const notation of ['2001:db8::1', '2001:DB8:0:0:0:0:0:1', '2001:0db8::0001', '2001:db8::0.0.0.1']) {
      assert.equal(canonicalIp(notation), '2001:db8::1');
    }
  });

  it('keeps the zone of a link-local address', () => {
    assert.equal(canonicalIp('FE80:0::1%eth0'), 'fe80::1%eth0');
  });

  it('is an address of the same family, and its own canonical form', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (ip) => {
        const canonical = canonicalIp(ip);
        assert.equal(isIP(canonical), isIP(ip));
        assert.equal(canonicalIp(canonical), canonical);
      }),
    );
  });
});
