import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Address } from '@limpet/model';
import fc from 'fast-check';
import { crc32c } from './crc32c.ts';
import {
  BINARY_LIMIT_BYTES,
  type ParsedProxyHeader,
  parseProxyHeader,
  TEXT_LIMIT_BYTES,
} from './parse-proxy-header.ts';
import { binaryHeader, proxied, SIGNATURE, textHeader } from './test-proxy-header.ts';

const v4 = { client: { ip: '192.0.2.7', port: 40_001 }, destination: { ip: '198.51.100.1', port: 443 } };
const v6 = { client: { ip: '2001:db8::7', port: 40_001 }, destination: { ip: '2001:db8:1::1', port: 443 } };

const address = (ip: fc.Arbitrary<string>): fc.Arbitrary<Address> =>
  fc.tuple(ip, fc.integer({ min: 0, max: 65_535 })).map(([text, port]) => ({ ip: text, port }));
// Of a documentation prefix, so that none is an IPv4 address in disguise.
const ipv6 = fc
  .array(fc.integer({ min: 1, max: 0xffff }), { minLength: 6, maxLength: 6 })
  .map((groups) => `2001:db8:${groups.map((group) => group.toString(16)).join(':')}`);
const ends = fc.oneof(
  fc.record({ client: address(fc.ipV4()), destination: address(fc.ipV4()) }),
  fc.record({ client: address(ipv6), destination: address(ipv6) }),
);

function line(text: string): ParsedProxyHeader {
  return parseProxyHeader(Buffer.from(text, 'latin1'));
}

describe('a PROXY protocol header of version 1', () => {
  it('says who the client is and where it connected to, over IPv4 and IPv6', () => {
    for (const { client, destination } of [v4, v6]) {
      const bytes = textHeader(client, destination);
      assert.deepEqual(parseProxyHeader(Buffer.concat([bytes, Buffer.from('\x16\x03')])), {
        kind: 'header',
        header: { kind: 'proxied', client, destination },
        bytes: bytes.length,
      });
    }
  });

  it('has one text for one address', () => {
    const parsed = line('PROXY TCP6 2001:DB8:0:0:0::7 ::ffff:192.0.2.7 1 2\r\n');
    assert.deepEqual(parsed.kind === 'header' && parsed.header, {
      kind: 'proxied',
      client: { ip: '2001:db8::7', port: 1 },
      destination: { ip: '192.0.2.7', port: 2 },
    });
  });

  it('of UNKNOWN leaves the ends of the connection as they are, whatever else it says', () => {
    for (const rest of ['', ' ', ' ::1 ::1 1 2', ' anything at all']) {
      const parsed = line(`PROXY UNKNOWN${rest}\r\n`);
      assert.deepEqual(parsed.kind === 'header' && parsed.header, { kind: 'local' }, rest);
    }
  });

  it('may have 107 bytes and no more', () => {
    const fit = `PROXY UNKNOWN ${'a'.repeat(TEXT_LIMIT_BYTES - 16)}\r\n`;
    assert.equal(fit.length, TEXT_LIMIT_BYTES);
    assert.equal(line(fit).kind, 'header');
    assert.equal(line(`PROXY UNKNOWN ${'a'.repeat(TEXT_LIMIT_BYTES - 15)}\r\n`).kind, 'refused');
    assert.equal(line(`PROXY UNKNOWN ${'a'.repeat(TEXT_LIMIT_BYTES)}`).kind, 'refused');
  });

  for (const [what, text] of [
    ['another protocol', 'PROXY UDP4 192.0.2.7 192.0.2.1 1 2\r\n'],
    ['lower case', 'proxy TCP4 192.0.2.7 192.0.2.1 1 2\r\n'],
    ['an address of the other family', 'PROXY TCP4 ::1 192.0.2.1 1 2\r\n'],
    ['IPv4 as TCP6', 'PROXY TCP6 192.0.2.7 192.0.2.1 1 2\r\n'],
    ['a zone', 'PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n'],
    ['a name', 'PROXY TCP4 a.test 192.0.2.1 1 2\r\n'],
    ['leading zeros in an address', 'PROXY TCP4 192.000.002.7 192.0.2.1 1 2\r\n'],
    ['a port that is too large', 'PROXY TCP4 192.0.2.7 192.0.2.1 65536 2\r\n'],
    ['a port with a leading zero', 'PROXY TCP4 192.0.2.7 192.0.2.1 01 2\r\n'],
    ['a port with a sign', 'PROXY TCP4 192.0.2.7 192.0.2.1 +1 2\r\n'],
    ['no port', 'PROXY TCP4 192.0.2.7 192.0.2.1 1\r\n'],
    ['two spaces', 'PROXY TCP4  192.0.2.7 192.0.2.1 1 2\r\n'],
    ['a space at the end', 'PROXY TCP4 192.0.2.7 192.0.2.1 1 2 \r\n'],
    ['a lone LF within', 'PROXY TCP4 192.0.2.7 192.0.2.1 1 2\nPROXY\r\n'],
    ['UNKNOWN with more letters', 'PROXY UNKNOWNS\r\n'],
    ['a NUL behind UNKNOWN', 'PROXY UNKNOWN \0\r\n'],
  ] as const) {
    it(`is refused with ${what}`, () => assert.equal(line(text).kind, 'refused'));
  }
});

describe('a PROXY protocol header of version 2', () => {
  it('says who the client is and where it connected to, over IPv4 and IPv6', () => {
    for (const { client, destination } of [v4, v6]) {
      const bytes = proxied(client, destination);
      assert.deepEqual(parseProxyHeader(Buffer.concat([bytes, Buffer.from('\x16\x03')])), {
        kind: 'header',
        header: { kind: 'proxied', client, destination },
        bytes: bytes.length,
      });
    }
  });

  it('of a client that came by UDP to the proxy counts as any other', () => {
    const parsed = parseProxyHeader(proxied(v4.client, v4.destination, { familyAndTransport: 0x12 }));
    assert.equal(parsed.kind === 'header' && parsed.header.kind, 'proxied');
  });

  it('says IPv4 where an IPv4 client came to a dual-stack proxy', () => {
    const mapped = { ip: '::ffff:c000:207', port: 1 };
    const parsed = parseProxyHeader(proxied(mapped, mapped));
    const expected = { ip: '192.0.2.7', port: 1 };
    assert.deepEqual(parsed.kind === 'header' && parsed.header, {
      kind: 'proxied',
      client: expected,
      destination: expected,
    });
  });

  it('leaves the ends of the connection as they are where it says LOCAL, UNSPEC or a UNIX socket', () => {
    for (const parts of [
      { versionAndCommand: 0x20 },
      { versionAndCommand: 0x20, familyAndTransport: 0xff, addresses: Buffer.from('whatever') },
      { familyAndTransport: 0x00, addresses: Buffer.alloc(0) },
      { familyAndTransport: 0x00, addresses: Buffer.alloc(40) },
      { familyAndTransport: 0x10 },
      { familyAndTransport: 0x31, addresses: Buffer.alloc(216) },
    ]) {
      const bytes = binaryHeader(parts);
      assert.deepEqual(
        parseProxyHeader(bytes),
        { kind: 'header', header: { kind: 'local' }, bytes: bytes.length },
        JSON.stringify(parts),
      );
    }
  });

  it('may carry extensions, which are passed over', () => {
    const extensions = [
      [0x01, Buffer.from('h2')],
      [0x02, Buffer.from('a.test')],
      [0x04, Buffer.alloc(64)],
      [0x20, Buffer.from([1, 0, 0, 0, 0])],
      [0xee, Buffer.alloc(0)],
    ] as const;
    const bytes = proxied(v4.client, v4.destination, { extensions, checksum: 'right' });
    const parsed = parseProxyHeader(bytes);
    assert.equal(parsed.kind === 'header' && parsed.bytes, bytes.length);
  });

  for (const [what, parts] of [
    ['another version', { versionAndCommand: 0x31 }],
    ['another command', { versionAndCommand: 0x22 }],
    ['a reserved family', { familyAndTransport: 0x41 }],
    ['a reserved transport', { familyAndTransport: 0x13 }],
    ['too little for IPv4', { addresses: Buffer.alloc(11) }],
    ['too little for IPv6', { familyAndTransport: 0x21, addresses: Buffer.alloc(35) }],
    ['too little for a UNIX socket', { familyAndTransport: 0x31, addresses: Buffer.alloc(215) }],
    ['an extension that is cut', { addresses: Buffer.concat([Buffer.alloc(12), Buffer.from([4, 0])]) }],
    [
      'an extension longer than the header',
      { addresses: Buffer.concat([Buffer.alloc(12), Buffer.from([4, 0, 9, 1])]) },
    ],
    ['a wrong checksum', { checksum: 'wrong' }],
    ['a checksum of another length', { extensions: [[0x03, Buffer.alloc(3)]] }],
    ['two checksums', { extensions: [[0x03, Buffer.alloc(4)]], checksum: 'right' }],
    ['a length beyond the limit', { length: BINARY_LIMIT_BYTES - 15 }],
  ] as const) {
    it(`is refused with ${what}`, () => assert.equal(parseProxyHeader(binaryHeader(parts)).kind, 'refused'));
  }

  it('is refused for its length before that many bytes have come', () => {
    assert.equal(parseProxyHeader(binaryHeader({ length: 0xffff }).subarray(0, 16)).kind, 'refused');
    assert.equal(parseProxyHeader(binaryHeader({ length: BINARY_LIMIT_BYTES - 16 })).kind, 'incomplete');
  });

  it('has the checksum of Castagnoli', () => {
    // RFC 3720, appendix B.4.
    assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa);
    assert.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43);
    assert.equal(crc32c(Buffer.from('1234'), Buffer.from('56789')), 0xe3069283);
  });
});

describe('anything else', () => {
  it('is refused with its first byte that fits no header', () => {
    for (const text of ['\x16', 'G', 'PRI', 'PROXY-', '\r\n\r\n\0\r\nQUIT\r', '\0', '\r\n\r\nG']) {
      assert.equal(line(text).kind, 'refused', JSON.stringify(text));
    }
    assert.equal(line('').kind, 'incomplete');
  });
});

describe('a header in general', () => {
  it('comes back as it was made, in both versions, however it is cut', () => {
    const made = fc.tuple(
      ends,
      fc.constantFrom('text', 'binary', 'with checksum'),
      fc.uint8Array({ maxLength: 40 }),
    );
    fc.assert(
      fc.property(made, ([{ client, destination }, form, behind]) => {
        const header =
          form === 'text'
            ? textHeader(client, destination)
            : proxied(client, destination, form === 'binary' ? {} : { checksum: 'right' });
        const whole = Buffer.concat([header, behind]);
        for (let cut = 0; cut < header.length; cut++) {
          assert.equal(parseProxyHeader(whole.subarray(0, cut)).kind, 'incomplete');
        }
        const parsed = parseProxyHeader(whole);
        assert.ok(parsed.kind === 'header' && parsed.header.kind === 'proxied');
        assert.equal(parsed.bytes, header.length);
        assert.deepEqual([parsed.header.client, parsed.header.destination], [client, destination]);
      }),
    );
  });

  it('with a bit that is flipped is not taken for another client where it has a checksum', () => {
    const bit = fc.tuple(ends, fc.nat(), fc.integer({ min: 0, max: 7 }));
    fc.assert(
      fc.property(bit, ([{ client, destination }, at, place]) => {
        const header = proxied(client, destination, { checksum: 'right' });
        const index = at % header.length;
        // What makes the checksum one: without it there is none to be wrong.
        fc.pre(index !== header.length - 7);
        header.writeUInt8(header.readUInt8(index) ^ (1 << place), index);
        const parsed = parseProxyHeader(header);
        // A flipped command or family may leave a header that names nobody.
        assert.ok(parsed.kind !== 'header' || parsed.header.kind === 'local');
      }),
    );
  });

  it('of any bytes throws nothing, reads no further than its limits, and what it decides no later byte changes', () => {
    const signature = fc.constantFrom(
      SIGNATURE,
      Buffer.from('PROXY '),
      Buffer.from('PROXY TCP4 '),
      Buffer.alloc(0),
    );
    const bytes = fc.tuple(signature, fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }));
    fc.assert(
      fc.property(bytes, ([start, first, second]) => {
        const earlier = Buffer.concat([start, first]);
        const before = parseProxyHeader(earlier);
        const after = parseProxyHeader(Buffer.concat([earlier, second]));
        if (before.kind !== 'incomplete') assert.deepEqual(after, before);
        else assert.ok(earlier.length < BINARY_LIMIT_BYTES);
        if (before.kind === 'header') assert.ok(before.bytes <= earlier.length);
      }),
      { numRuns: 2000 },
    );
  });
});
