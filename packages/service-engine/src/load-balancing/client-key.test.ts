import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type ClientFingerprint, clientKeyOf } from './client-key.ts';

const secret = Buffer.alloc(32, 7);

const browser: ClientFingerprint = {
  serverName: 'shop.example',
  cipherSuites: [0x1301, 0x1302, 0x1303, 0xc02b],
  supportedGroups: [0x11ec, 29, 23],
  signatureAlgorithms: [0x0403, 0x0804],
  supportedVersions: [0x0304, 0x0303],
};

const keyOf = (ip: string, hello: ClientFingerprint | undefined = browser, under = secret) =>
  clientKeyOf(under, ip, hello);

function assertAlike(one: string, other: string): void {
  assert.deepEqual(keyOf(one), keyOf(other), `${one} and ${other}`);
}

function assertUnlike(one: string, other: string): void {
  assert.notDeepEqual(keyOf(one).crowdHash, keyOf(other).crowdHash, `${one} and ${other}`);
}

describe('the client key', () => {
  it('is 16 bits for the ticket and two words for counting, the same each time', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.domain(), (ip, serverName) => {
        const key = keyOf(ip, { ...browser, serverName });
        assert.ok(key.affinityKey >= 0 && key.affinityKey <= 0xffff);
        for (const word of key.crowdHash)
          assert.ok(Number.isInteger(word) && word >= 0 && word <= 0xffffffff);
        assert.deepEqual(keyOf(ip, { ...browser, serverName }), key);
      }),
    );
  });

  it('tells IPv4 addresses apart', () => {
    assertUnlike('192.0.2.1', '192.0.2.2');
    assertUnlike('192.0.2.1', '192.0.3.1');
  });

  it('takes an IPv6 /64 for one client, however its addresses are written', () => {
    assertAlike('2001:db8:0:1::1', '2001:db8:0:1:ffff:eeee:dddd:cccc');
    assertAlike('2001:db8:0:1::', '2001:0DB8:0000:0001::5');
    assertAlike('2001:db8::1:0:0:0:9', '2001:db8:0:1::8');
    assertAlike('::', '::1');
    assertAlike('fe80::1', 'fe80::2%eth0');
    assertAlike('1:2:3:4:5:6:7::', '1:2:3:4::');
    assertAlike('2001:db8:0:1::192.0.2.1', '2001:db8:0:1::7');
    assertUnlike('2001:db8:0:1::1', '2001:db8:0:2::1');
    assertUnlike('2001:db8::1', '2001:db8:0:1::1');
    assertUnlike('2001:db80::1', '2001:db8::1');
  });

  it('differs by all that is in the ClientHello', () => {
    const changes: Partial<ClientFingerprint>[] = [
      { serverName: 'blog.example' },
      { serverName: undefined },
      { cipherSuites: [0x1302, 0x1301, 0x1303, 0xc02b] },
      { cipherSuites: browser.cipherSuites.slice(0, 3) },
      { supportedGroups: [29, 23] },
      { signatureAlgorithms: [0x0804, 0x0403] },
      { supportedVersions: [0x0303] },
    ];
    const keys = [{}, ...changes].map((change) => keyOf('192.0.2.1', { ...browser, ...change }));
    keys.push(clientKeyOf(secret, '192.0.2.1', undefined));
    assert.equal(new Set(keys.map(({ crowdHash }) => crowdHash.join())).size, keys.length);
  });

  it('keeps the lists of the ClientHello apart', () => {
    const moved = { ...browser, cipherSuites: [0x1301], supportedGroups: [0x1302, 29] };
    const other = { ...browser, cipherSuites: [0x1301, 0x1302], supportedGroups: [29] };
    assert.notDeepEqual(keyOf('192.0.2.1', moved), keyOf('192.0.2.1', other));
  });

  it('cannot be computed without the secret', () => {
    const other = Buffer.alloc(32, 8);
    assert.notDeepEqual(keyOf('192.0.2.1', browser, other), keyOf('192.0.2.1'));
    assert.deepEqual(keyOf('192.0.2.1', browser, Buffer.from(secret)), keyOf('192.0.2.1'), 'its bytes count');
  });

  it('spreads the clients of one network evenly over the key', () => {
    const halves = [0, 0];
    for (let host = 0; host < 4096; host++) {
      const { affinityKey } = keyOf(`10.0.${host >> 8}.${host & 255}`);
      (halves[affinityKey & 1] as number)++;
    }
    assert.ok(Math.abs((halves[0] as number) - 2048) < 160, `${halves}`);
  });
});
