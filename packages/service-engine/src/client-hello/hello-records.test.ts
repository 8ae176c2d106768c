// A ClientHello reads the same however it is cut into records and segments, and records that carry none are refused early.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { collectMessage, HELLO_BYTES_MAX, type HelloProgress, NO_PROGRESS } from './hello-records.ts';
import { type ParseResult, parseClientHello } from './parse-client-hello.ts';
import { ReceivedBytes } from './received-bytes.ts';
import { corpus, corpusBytes, corpusNames, record, recut } from './test-corpus.ts';
import { handshake, helloMessage } from './test-hello.ts';

/** As the reader does: every segment is added and parsing goes on where it stopped. */
function parseSegments(segments: Iterable<Buffer>): ParseResult {
  const received = new ReceivedBytes();
  let progress = NO_PROGRESS;
  for (const segment of segments) {
    const result = parseClientHello(received.append(segment), progress);
    if (result.kind !== 'incomplete') return result;
    progress = result.progress;
  }
  return { kind: 'incomplete', progress };
}

function* segmentsOf(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  for (let at = 0, index = 0; at < bytes.length; index++) {
    const size = sizes[index % sizes.length] as number;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

function errorOf(bytes: Buffer): string {
  const result = parseClientHello(bytes);
  return result.kind === 'refused' ? result.error : result.kind;
}

/** A message of this length: padded by an extension that no one knows. */
function paddedMessage(length: number): Buffer {
  const frame = helloMessage({ extensions: [[21, Buffer.alloc(0)]] }).length;
  return helloMessage({ extensions: [[21, Buffer.alloc(length - frame)]] });
}

const sizes = (max: number): fc.Arbitrary<number[]> =>
  fc.array(fc.integer({ min: 1, max }), { minLength: 1, maxLength: 12 });

describe('the records of a ClientHello', () => {
  it('read the same in two segments, wherever they are cut', () => {
    for (const { name, bytes } of corpus) {
      const whole = parseClientHello(bytes);
      for (let at = 1; at < bytes.length; at++) {
        const result = parseSegments([bytes.subarray(0, at), bytes.subarray(at)]);
        assert.deepEqual(result, whole, `${name} at ${at}`);
      }
    }
  });

  it('read the same in two records, wherever they are cut', () => {
    for (const { name, bytes } of corpus) {
      const whole = parseClientHello(bytes);
      for (let at = 1; at < bytes.length - 5; at++) {
        assert.deepEqual(parseClientHello(recut(bytes, [at, bytes.length])), whole, `${name} at ${at}`);
      }
    }
  });

  it('read the same one byte at a time, and in records of one byte', () => {
    for (const { name, bytes } of corpus) {
      const whole = parseClientHello(bytes);
      assert.deepEqual(parseSegments(segmentsOf(bytes, [1])), whole, name);
      assert.deepEqual(parseSegments(segmentsOf(recut(bytes, [1]), [1])), whole, name);
    }
  });

  it('read the same in records and segments of any sizes', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...corpusNames),
        sizes(700),
        sizes(1500),
        (name, recordSizes, segmentSizes) => {
          const bytes = corpusBytes(name);
          const segments = segmentsOf(recut(bytes, recordSizes), segmentSizes);
          assert.deepEqual(parseSegments(segments), parseClientHello(bytes));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('are read once: parsing goes on at the record that is not complete', () => {
    const bytes = recut(record(paddedMessage(5000)), [1]);
    let progress: HelloProgress = NO_PROGRESS;
    for (let length = 1; length < bytes.length; length++) {
      const result = collectMessage(bytes.subarray(0, length), progress);
      assert.ok(result.kind === 'incomplete');
      progress = result.progress;
      assert.equal(progress.recordAt, length - (length % 6));
    }
    assert.equal(collectMessage(bytes, progress).kind, 'message');
  });

  it('hold a message of nearly 32 kB', () => {
    const message = paddedMessage(HELLO_BYTES_MAX - 100);
    assert.equal(parseClientHello(recut(record(message), [16_384])).kind, 'hello');
  });

  it('are refused as soon as the message says that it is longer than 32 kB', () => {
    const header = (length: number): Buffer =>
      record(Buffer.from([1, length >> 16, (length >> 8) & 0xff, length & 0xff]));
    assert.equal(errorOf(header(HELLO_BYTES_MAX - 4)), 'incomplete');
    assert.equal(errorOf(header(HELLO_BYTES_MAX - 3)), 'HELLO_TOO_LARGE');
    assert.equal(errorOf(header(0xff_ffff)), 'HELLO_TOO_LARGE');
  });

  it('are refused when they fill 32 kB with a shorter message', () => {
    const bytes = recut(record(paddedMessage(8000)), [1]);
    assert.equal(errorOf(bytes.subarray(0, HELLO_BYTES_MAX)), 'incomplete');
    assert.equal(errorOf(bytes), 'HELLO_TOO_LARGE');
    assert.equal((parseSegments(segmentsOf(bytes, [1])) as { error?: string }).error, 'HELLO_TOO_LARGE');
  });

  it('are refused when one is empty, first or later', () => {
    const hello = corpusBytes('openssl-tls13');
    const empty = record(Buffer.alloc(0));
    assert.equal(errorOf(empty), 'HELLO_MALFORMED');
    const between = [record(hello.subarray(5, 50)), empty, record(hello.subarray(50))];
    assert.equal(errorOf(Buffer.concat(between)), 'HELLO_MALFORMED');
  });

  it('are refused when one is longer than a record may be', () => {
    assert.equal(errorOf(Buffer.from([22, 3, 1, 0x40, 0x01])), 'HELLO_MALFORMED');
    assert.equal(errorOf(Buffer.from([22, 3, 1, 0x40, 0x00])), 'incomplete');
  });

  it('are refused when another type or version stands between them', () => {
    const hello = corpusBytes('openssl-tls13');
    const [first, second] = [record(hello.subarray(5, 50)), record(hello.subarray(50))];
    for (const type of [20, 21, 23]) {
      const other = record(Buffer.from([1]), type);
      assert.equal(errorOf(Buffer.concat([first, other, second])), 'HELLO_MALFORMED', `type ${type}`);
    }
    second[1] = 2;
    assert.equal(errorOf(Buffer.concat([first, second])), 'HELLO_MALFORMED');
  });

  it('are refused when their message is another one than a ClientHello', () => {
    for (const type of [0, 2, 11, 255]) {
      assert.equal(errorOf(record(handshake(Buffer.alloc(60), type))), 'HELLO_MALFORMED', `type ${type}`);
    }
  });
});

describe('what is not TLS', () => {
  it('is told by its first byte', () => {
    for (const text of [
      'GET / HTTP/1.1\r\n\r\n',
      'PRI * HTTP/2.0\r\n',
      'SSH-2.0-x\r\n',
      'PROXY TCP4 ',
      '\0',
    ]) {
      assert.equal(errorOf(Buffer.from(text)), 'HELLO_NOT_TLS', text);
    }
    for (let first = 0; first < 256; first++) {
      assert.equal(errorOf(Buffer.from([first])), first === 22 ? 'incomplete' : 'HELLO_NOT_TLS');
    }
  });

  it('is the ClientHello of SSLv2, in its own form or with a version of 3.1 in it', () => {
    const sslv2 = Buffer.from('802e0100020015000000100100800200800300800400800600400700c0', 'hex');
    const compatible = Buffer.from('802e0103010015000000100100800200800300800400800600400700c0', 'hex');
    assert.equal(errorOf(sslv2), 'HELLO_NOT_TLS');
    assert.equal(errorOf(compatible), 'HELLO_NOT_TLS');
  });

  it('is a handshake record of version 2', () => {
    assert.equal(errorOf(Buffer.from([22, 2])), 'HELLO_NOT_TLS');
  });
});
