// The parser is held to the ClientHellos of real clients, to each rule of the message, and to bytes that nobody should send.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { ClientHello } from './client-hello.ts';
import { PSK_IDENTITIES_MAX, parseClientHello } from './parse-client-hello.ts';
import { corpus, corpusBytes, corpusNames, corpusUrl, readingOf } from './test-corpus.ts';
import { type HelloParts, helloBytes, preSharedKey, serverName, uint16, vector } from './test-hello.ts';

function parsed(bytes: Buffer): ClientHello {
  const result = parseClientHello(bytes);
  assert.equal(result.kind, 'hello', JSON.stringify(result));
  return (result as { hello: ClientHello }).hello;
}

function errorOf(parts: HelloParts): string {
  const result = parseClientHello(helloBytes(parts));
  return result.kind === 'refused' ? result.error : result.kind;
}

/** A result of the union, whatever the bytes are; an exception fails the test. */
function assertClean(bytes: Buffer): void {
  const result = parseClientHello(bytes);
  if (result.kind !== 'refused') return;
  assert.match(result.error, /^(HELLO_(NOT_TLS|MALFORMED|TOO_LARGE)|TOO_MANY_TICKETS)$/);
  assert.ok(result.detail.length > 0);
}

describe('the ClientHello of a real client', () => {
  it('is in the corpus with its expected reading, and none is without', () => {
    const files = readdirSync(corpusUrl).filter((file) => file.endsWith('.hex'));
    assert.deepEqual(files.sort(), corpus.map(({ name }) => `${name}.hex`).sort());
    assert.ok(corpus.length >= 20);
  });

  for (const { name, bytes, expected } of corpus) {
    it(`reads as OpenSSL reads it: ${name}`, () => {
      const hello = parsed(bytes);
      assert.deepEqual(readingOf(hello), expected);
      assert.equal(hello.offersTls13, expected.supportedVersions.includes('0304'));
    });

    it(`has its ticket at the place that the bytes give it: ${name}`, () => {
      const { sessionTicket, pskIdentities } = parsed(bytes);
      const tickets = [sessionTicket, ...pskIdentities].filter((ticket) => (ticket?.length ?? 0) > 0);
      assert.equal(tickets.length, name.endsWith('-resumed') ? 1 : 0);
      for (const ticket of tickets as Buffer[]) {
        const at = bytes.indexOf(ticket);
        assert.ok(at > 0 && bytes.indexOf(ticket, at + 1) === -1);
        assert.equal(bytes.readUInt16BE(at - 2), ticket.length);
      }
    });
  }

  it('shows the hybrid key exchange of Node 24 and Chromium, and no GREASE', () => {
    for (const name of ['node24', 'chromium']) {
      assert.equal(parsed(corpusBytes(name)).supportedGroups[0], 0x11ec, name);
    }
    const chromium = parsed(corpusBytes('chromium'));
    const values = [chromium.cipherSuites, chromium.supportedGroups, chromium.supportedVersions].flat();
    assert.ok(values.every((value) => (value & 0x0f0f) !== 0x0a0a));
    // It is there: the first cipher suite of Chromium is GREASE.
    const suitesAt = 5 + 4 + 2 + 32 + 1 + 32 + 2;
    assert.equal(corpusBytes('chromium').readUInt16BE(suitesAt) & 0x0f0f, 0x0a0a);
  });

  it('is incomplete at every length but its own', () => {
    for (const { name, bytes } of corpus) {
      for (let length = 0; length < bytes.length; length++) {
        assert.equal(parseClientHello(bytes.subarray(0, length)).kind, 'incomplete', `${name} at ${length}`);
      }
    }
  });

  it('is read no further than its message: what follows is TLS to judge', () => {
    const bytes = corpusBytes('openssl-tls13');
    const followed = Buffer.concat([bytes, Buffer.from([20, 3, 3, 0, 1, 1]), Buffer.alloc(100, 0xff)]);
    assert.deepEqual(parseClientHello(followed), parseClientHello(bytes));
  });

  it('gives a result, never an exception, with any one of its bits altered', () => {
    for (const { bytes } of corpus) {
      const altered = Buffer.from(bytes);
      for (let at = 0; at < altered.length; at++) {
        const original = altered[at] as number;
        for (const mask of [0x01, 0x80, 0xff]) {
          altered[at] = original ^ mask;
          assertClean(altered);
        }
        altered[at] = original;
      }
    }
  });

  it('gives a result, never an exception, with any of its bytes overwritten or left out', () => {
    const edit = fc.record({ at: fc.nat(), value: fc.integer({ min: -1, max: 255 }) });
    fc.assert(
      fc.property(
        fc.constantFrom(...corpusNames),
        fc.array(edit, { minLength: 1, maxLength: 8 }),
        (name, edits) => {
          const array = [...corpusBytes(name)];
          for (const { at, value } of edits) {
            if (value < 0) array.splice(at % array.length, 1);
            else array[at % array.length] = value;
          }
          assertClean(Buffer.from(array));
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('bytes that are no ClientHello', () => {
  it('give a result, never an exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (random) => assertClean(Buffer.from(random))),
      { numRuns: 500 },
    );
  });

  it('give a result, never an exception, behind true headers of record, message and extensions', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(60), (random, type) => {
        assertClean(helloBytes({ extensions: [[type, Buffer.from(random)]] }));
        assertClean(helloBytes({ trailing: Buffer.from(random) }));
      }),
      { numRuns: 500 },
    );
  });
});

describe('a ClientHello', () => {
  it('needs no extensions, as TLS 1.2 allows', () => {
    const hello = parsed(helloBytes());
    assert.deepEqual(hello, {
      serverName: undefined,
      cipherSuites: [0x1301, 0xc02f],
      supportedGroups: [],
      signatureAlgorithms: [],
      supportedVersions: [],
      alpnProtocols: [],
      offersTls13: false,
      offersPskDheKe: false,
      sessionTicket: undefined,
      pskIdentities: [],
    });
  });

  it('names its server in lower case without the final dot', () => {
    const hello = parsed(helloBytes({ extensions: [[0, serverName('App.Example.TEST.')]] }));
    assert.equal(hello.serverName, 'app.example.test');
  });

  it('names no server with what is no host name, and is not refused for it', () => {
    const names = ['', '.', 'a b', 'a\0b', 'a/b', 'a:443', '[::1]', '-a', 'a-', 'ä.test', 'a'.repeat(255)];
    for (const name of names) {
      assert.equal(parsed(helloBytes({ extensions: [[0, serverName(name)]] })).serverName, undefined, name);
    }
    assert.equal(parsed(helloBytes({ extensions: [[0, serverName('a.test', 1)]] })).serverName, undefined);
    assert.equal(parsed(helloBytes({ extensions: [[0, Buffer.alloc(0)]] })).serverName, undefined);
  });

  it('holds 16 PSK identities and not one more', () => {
    const hello = parsed(helloBytes({ extensions: [[41, preSharedKey(PSK_IDENTITIES_MAX)]] }));
    assert.equal(hello.pskIdentities.length, 16);
    for (const count of [PSK_IDENTITIES_MAX + 1, 200]) {
      assert.equal(errorOf({ extensions: [[41, preSharedKey(count)]] }), 'TOO_MANY_TICKETS');
    }
  });

  it('offers psk_dhe_ke only where it lists it', () => {
    const offers = (...modes: readonly number[]): boolean =>
      parsed(helloBytes({ extensions: [[45, vector(1, Buffer.from(modes))]] })).offersPskDheKe;
    assert.ok(offers(1) && offers(0, 1));
    assert.ok(!offers(0) && !offers());
  });

  const malformed: Readonly<Record<string, HelloParts>> = {
    'a version that is not 3.x': { legacyVersion: 0x0203 },
    'a session id of 33 bytes': { sessionIdBytes: 33 },
    'no cipher suite': { cipherSuites: Buffer.alloc(0) },
    'half a cipher suite': { cipherSuites: Buffer.alloc(3) },
    'no compression method': { compressionMethods: Buffer.alloc(0) },
    'bytes after the extensions': { extensions: [], trailing: Buffer.from([0]) },
    'an extension twice': {
      extensions: [
        [35, Buffer.alloc(0)],
        [35, Buffer.alloc(0)],
      ],
    },
    'pre_shared_key before another extension': {
      extensions: [
        [41, preSharedKey(1)],
        [35, Buffer.alloc(0)],
      ],
    },
    'no PSK identity': { extensions: [[41, preSharedKey(0)]] },
    'no binders': { extensions: [[41, preSharedKey(1).subarray(0, 16)]] },
    'bytes after the binders': { extensions: [[41, Buffer.concat([preSharedKey(1), Buffer.from([0])])]] },
    'an extension that goes beyond the block': { trailing: Buffer.from([0, 5, 0, 35, 0, 9, 1]) },
    'half an extension header': { trailing: Buffer.from([0, 3, 0, 35, 0]) },
    'an odd list of versions': { extensions: [[43, vector(1, Buffer.from([3, 4, 3]))]] },
    'bytes after a list of groups': {
      extensions: [[10, Buffer.concat([vector(2, uint16(29)), Buffer.from([0])])]],
    },
    'a server name that goes beyond its list': { extensions: [[0, Buffer.from([0, 3, 0, 0, 9])]] },
    'a protocol name that goes beyond its list': { extensions: [[16, vector(2, Buffer.from([9, 104]))]] },
  };
  for (const [what, parts] of Object.entries(malformed)) {
    it(`is refused with ${what}`, () => assert.equal(errorOf(parts), 'HELLO_MALFORMED'));
  }
});
