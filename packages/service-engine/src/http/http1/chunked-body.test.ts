// The promises of the chunked decoder (RFC 9112 §7.1), each with the body whole and byte by byte.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ChunkedDecoder, chunkHeader, lastChunk } from './chunked-body.ts';

const LIMITS = { trailerLimitBytes: 64, extensionLimitBytes: 16 };

interface Decoded {
  readonly kind: 'more' | 'end' | 'refused';
  readonly data: string;
  readonly trailerLines: string;
  readonly rest: string;
}

/** Decodes pieces of this many bytes. */
function decodeBy(text: string, pieceBytes: number): Decoded {
  const bytes = Buffer.from(text, 'latin1');
  const decoder = new ChunkedDecoder(LIMITS);
  let data = '';
  const onData = (part: Buffer): void => {
    assert.ok(part.length > 0);
    data += part.toString('latin1');
  };
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const result = decoder.decode(bytes.subarray(at, at + pieceBytes), { onData });
    if (result.kind === 'refused') return { kind: 'refused', data, trailerLines: '', rest: '' };
    if (result.kind === 'end') {
      const rest = bytes.toString('latin1', at + result.rest);
      return { kind: 'end', data, trailerLines: result.trailerLines, rest };
    }
  }
  return { kind: 'more', data, trailerLines: '', rest: '' };
}

function decode(text: string): Decoded {
  const whole = decodeBy(text, Math.max(text.length, 1));
  assert.deepEqual(decodeBy(text, 1), whole, JSON.stringify(text));
  return whole;
}

function refuse(text: string): void {
  assert.equal(decode(text).kind, 'refused', JSON.stringify(text));
}

describe('a chunk', () => {
  it('is as long as its hexadecimal size says, whatever it holds', () => {
    assert.deepEqual(decode('5\r\n0\r\n\r\n\r\nA\r\n0123456789\r\nb\r\nhello world\r\n0\r\n\r\nGET'), {
      kind: 'end',
      data: '0\r\n\r\n0123456789hello world',
      trailerLines: '',
      rest: 'GET',
    });
  });

  it('may have a few leading zeros in its size, also where it is the last', () => {
    assert.deepEqual(decode('0003\r\nabc\r\n000\r\n\r\n').data, 'abc');
    assert.equal(decode('0003\r\nabc\r\n000\r\n\r\n').kind, 'end');
  });

  it('is refused where its size has a sign, a prefix, a space, no digit, or another character', () => {
    for (const size of [
      '-1',
      '+1',
      '0x1',
      ' 1',
      '1 ',
      '\t1',
      '1\t',
      '',
      'g',
      '1g',
      '1_0',
      '1,1',
      '1.0',
      '\xb9',
      '1\0',
      'G',
    ])
      refuse(`${size}\r\na\r\n0\r\n\r\n`);
    refuse('\r\n1\r\na\r\n0\r\n\r\n');
  });

  it('is refused where its size is more than a number holds exactly', () => {
    for (const size of ['100000000000001', 'ffffffffffffffff', '10000000000000001', `${'0'.repeat(30)}1`])
      refuse(`${size}\r\na\r\n0\r\n\r\n`);
    assert.deepEqual(decode('fffffffffffff\r\nab'), { kind: 'more', data: 'ab', trailerLines: '', rest: '' });
  });

  it('is refused where its lines end with anything but CRLF', () => {
    for (const body of [
      '1\na\r\n0\r\n\r\n',
      '1\ra\r\n0\r\n\r\n',
      '1\r\r\na\r\n0\r\n\r\n',
      '1\r\na\n0\r\n\r\n',
      '1\r\na\r0\r\n\r\n',
      '1\r\na0\r\n\r\n',
      '1\r\nab\r\n0\r\n\r\n',
      '1\r\na\r\n\r\n0\r\n\r\n',
      '1\r\na\r\n\r\n\r\n',
      '0\n\r\n',
      '0\r\n\n',
      '0\r\n\rX',
    ])
      refuse(body);
  });
});

describe('chunk extensions', () => {
  it('are left out', () => {
    const decoded = decode('1;a=b\r\nx\r\n2;"q;\xe9"\r\nyz\r\n0;e\r\n\r\n');
    assert.deepEqual([decoded.kind, decoded.data], ['end', 'xyz']);
  });

  it('are refused with a line end of their own or a control character', () => {
    for (const extension of ['a\n', 'a\rb', 'a\0', 'a\x0b', '"\n"', '\x7f', '\n0\r\n\r\nGET / HTTP/1.1'])
      refuse(`1;${extension}\r\nx\r\n0\r\n\r\n`);
    refuse('1 ;a=b\r\nx\r\n0\r\n\r\n');
  });

  it('are bounded over the whole body, not one by one', () => {
    const chunk = '1;abcd\r\nx\r\n';
    assert.equal(decode(`${chunk.repeat(3)}0\r\n\r\n`).kind, 'end');
    assert.equal(decode(`${chunk.repeat(4)}0\r\n\r\n`).kind, 'refused');
  });
});

describe('trailers', () => {
  it('go on, without those that frame, route, authenticate or describe', () => {
    assert.equal(decode('0\r\nX-Sum: 1\r\nx-b:2\r\n\r\n').trailerLines, 'X-Sum: 1\r\nx-b:2\r\n');
    for (const name of [
      'Content-Length',
      'Transfer-Encoding',
      'TRAILER',
      'Host',
      'Authorization',
      'Cookie',
      'Set-Cookie',
      'X-Forwarded-For',
      'Connection',
      'Content-Type',
      'X-Request-Id',
      'If-Match',
      'Content_Length',
    ])
      assert.equal(decode(`0\r\nA: 1\r\n${name}: 1\r\nB: 2\r\n\r\n`).trailerLines, 'A: 1\r\nB: 2\r\n', name);
  });

  it('are refused where they are no field lines', () => {
    for (const line of [
      'A : 1',
      ': 1',
      'A',
      ' A: 1',
      'A: 1\r\n B',
      'A: \0',
      'A: 1\n',
      'A: \r1',
      '\x0b',
      'A B: 1',
    ])
      refuse(`0\r\n${line}\r\n\r\n`);
  });

  it('are bounded, complete or not', () => {
    assert.equal(decode(`0\r\nA: ${'x'.repeat(57)}\r\n\r\n`).kind, 'end');
    refuse(`0\r\nA: ${'x'.repeat(64)}\r\n\r\n`);
    refuse(`0\r\nA: ${'x'.repeat(70)}`);
    refuse(`0\r\n${'A:\r\n'.repeat(17)}\r\n`);
  });
});

describe('writing chunks', () => {
  it('is read back by the decoder', () => {
    const text = `${chunkHeader(26)}${'z'.repeat(26)}\r\n${lastChunk('X-Sum: 1\r\n')}`;
    assert.deepEqual(decode(text), {
      kind: 'end',
      data: 'z'.repeat(26),
      trailerLines: 'X-Sum: 1\r\n',
      rest: '',
    });
  });
});
