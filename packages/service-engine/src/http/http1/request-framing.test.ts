// The promises of the request parser on where a body ends (RFC 9112 §6): one way to read it, or a refusal.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { accept, refuse } from './test-request-head.ts';

describe('Content-Length', () => {
  it('is a number of bytes, and leading zeros do not go on', () => {
    assert.deepEqual(accept('Content-Length: 0\r\n').body, { kind: 'length', bytes: 0 });
    assert.deepEqual(accept('content-LENGTH:\t0042 \r\n').body, { kind: 'length', bytes: 42 });
    assert.deepEqual(accept('Content-Length: 9007199254740991\r\n').body, {
      kind: 'length',
      bytes: Number.MAX_SAFE_INTEGER,
    });
    assert.deepEqual(accept('').body, { kind: 'none' });
  });

  it('is refused with a sign, a base, a fraction, a list, a space, nothing, or more than a number holds', () => {
    for (const value of [
      '+5',
      '-5',
      '-0',
      '0x5',
      '5.0',
      '5e1',
      '5, 5',
      '5,6',
      '5 5',
      '5;',
      '"5"',
      '',
      'five',
      '٥',
      '\xb2',
      '9007199254740992',
      '18446744073709551621',
      '00000000000000005',
      '99999999999999999999999999',
    ])
      refuse('REQUEST_MALFORMED', `Content-Length: ${Buffer.from(value).toString('latin1')}\r\n`);
  });

  it('is refused twice, even where both say the same', () => {
    refuse('REQUEST_MALFORMED', 'Content-Length: 5\r\nContent-Length: 5\r\n');
    refuse('REQUEST_MALFORMED', 'Content-Length: 5\r\ncontent-length: 6\r\n');
    refuse('REQUEST_MALFORMED', 'Content-Length: \r\nContent-Length: 6\r\n');
  });
});

describe('Transfer-Encoding', () => {
  it('is chunked, in any case', () => {
    for (const value of ['chunked', 'Chunked', 'CHUNKED\t', '  chunked'])
      assert.deepEqual(accept(`Transfer-Encoding: ${value}\r\n`).body, { kind: 'chunked' });
  });

  it('of a coding that is not known is answered with 501', () => {
    for (const value of ['gzip', 'identity', 'deflate, gzip', 'x-custom'])
      refuse('TRANSFER_CODING_NOT_SUPPORTED', `Transfer-Encoding: ${value}\r\n`);
  });

  it('that names chunked but not alone, or as something like it, is refused as malformed', () => {
    for (const value of [
      'chunked, chunked',
      'chunked, identity',
      'gzip, chunked',
      'chunked,',
      ',chunked',
      'xchunked',
      'chunkedx',
      'chunked;q=1',
      '"chunked"',
      "'chunked'",
      'chunked\xa0',
      '\xa0chunked',
      'chun ked',
      '',
      ',',
      'cow()',
    ])
      refuse('REQUEST_MALFORMED', `Transfer-Encoding: ${value}\r\n`);
  });

  it('is refused twice, with Content-Length in either order, and in HTTP/1.0', () => {
    refuse('REQUEST_MALFORMED', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n');
    refuse('REQUEST_MALFORMED', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n');
    refuse('REQUEST_MALFORMED', 'Transfer-Encoding: chunked\r\nContent-Length: 5\r\n');
    refuse('REQUEST_MALFORMED', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n');
    refuse('REQUEST_MALFORMED', 'Content-Length: \r\nTransfer-Encoding: gzip\r\n');
    refuse('REQUEST_MALFORMED', 'Transfer-Encoding: chunked\r\n', 'POST / HTTP/1.0');
  });
});
