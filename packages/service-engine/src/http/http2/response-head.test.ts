// The promises of the gate from a server's HTTP/2 to a client's HTTP/1.1: nothing of a stream's head can become a line, a body or a protocol of its own.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { ResponseHead } from '../message.ts';
import { responseHeadOf, type StreamResponse } from './response-head.ts';

const LIMITS = { headLimitBytes: 4096, fieldLineLimitBytes: 1024, fieldCountLimit: 20 };

interface Reading {
  readonly endOfStream?: boolean;
  readonly method?: string;
  /** What a WebSocket that was asked for is proved by. */
  readonly accept?: string;
}

function read(fields: readonly string[], reading: Reading = {}): StreamResponse {
  const { endOfStream = false, method = 'GET', accept } = reading;
  return responseHeadOf(fields, endOfStream, method, accept, LIMITS);
}

function accept(fields: readonly string[], reading: Reading = {}): ResponseHead {
  const parsed = read(fields, reading);
  assert.ok(parsed.kind === 'head', parsed.kind === 'refused' ? parsed.detail : '');
  return parsed.head;
}

function refuse(fields: readonly string[], reading: Reading = {}): void {
  assert.equal(read(fields, reading).kind, 'refused', JSON.stringify([fields, reading]));
}

describe('the response head of a stream', () => {
  it('is read into status and end-to-end fields, in their order and as often as they come', () => {
    const head = accept([':status', '200', 'set-cookie', 'a=1', 'x-a', 'b\xe9', 'set-cookie', 'b=2']);
    assert.deepEqual([head.version, head.status], ['2', 200]);
    assert.equal(head.fieldLines, 'set-cookie: a=1\r\nx-a: b\xe9\r\nset-cookie: b=2\r\n');
    assert.equal(head.keepAlive, true);
  });

  it('has a body of the length that it says, of any length, or none where the stream ends with it', () => {
    assert.deepEqual(accept([':status', '200', 'content-length', '5']).body, { kind: 'length', bytes: 5 });
    assert.deepEqual(accept([':status', '200']).body, { kind: 'stream' });
    assert.deepEqual(accept([':status', '200'], { endOfStream: true }).body, { kind: 'length', bytes: 0 });
  });

  it('keeps the length of the answer to a HEAD, which has no body', () => {
    const head = accept([':status', '200', 'content-length', '1234'], { method: 'HEAD', endOfStream: true });
    assert.deepEqual([head.body, head.declaredLength], [{ kind: 'none' }, 1234]);
  });

  it('is refused where it promises a body and the stream ends', () => {
    refuse([':status', '200', 'content-length', '5'], { endOfStream: true });
  });

  it('is refused with two lengths, or with one that is no number', () => {
    refuse([':status', '200', 'content-length', '5', 'content-length', '6']);
    for (const length of ['-1', '+5', '0x5', '5 6', '5,6', '', '99999999999999999999'])
      refuse([':status', '200', 'content-length', length]);
  });

  it('is refused with a field that is about connections (RFC 9113 §8.2.2)', () => {
    const fields = {
      connection: 'close',
      'keep-alive': 'timeout=5',
      'proxy-connection': 'close',
      'transfer-encoding': 'chunked',
      upgrade: 'websocket',
    };
    for (const field of Object.entries(fields)) refuse([':status', '200', ...field]);
  });

  it('is refused with a status that is none, and with 101, which HTTP/2 does not have', () => {
    for (const status of ['', '20', '2000', 'abc', '200 OK', '101', '099']) refuse([':status', status]);
    refuse([]);
    refuse([':status', '101'], { accept: 'proof' });
  });

  it('is refused where a name or a value would break a line, or a name is no name', () => {
    for (const value of ['a\r\nb: c', 'a\nb', 'a\rb', 'a\0b']) refuse([':status', '200', 'x-a', value]);
    for (const name of ['', 'X-Upper', 'a b', 'a:b', 'a\r\nb', ':other', 'é'])
      refuse([':status', '200', name, 'v']);
  });

  it('is refused above the limits', () => {
    refuse([':status', '200', 'x-a', 'a'.repeat(1100)]);
    refuse([':status', '200', ...Array.from({ length: 21 }, (_, at) => [`x-${at}`, 'v']).flat()]);
  });

  it('of any fields whatever is refused, or says no more lines than there were fields', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'B', ':', ' ', '\r', '\n', '\0', '\xe9', '-', ',') });
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text), { maxLength: 8 }), (fields) => {
        const parsed = read([':status', '200', ...fields.flat()]);
        if (parsed.kind === 'refused') return;
        const lines = parsed.head.fieldLines.split('\r\n').slice(0, -1);
        assert.ok(lines.length <= fields.length);
        for (const line of lines) assert.match(line, /^[a-z-]+: [^\r\n\0]*$/i);
      }),
    );
  });
});

describe('the answer to an extended CONNECT (RFC 8441)', () => {
  it('opens the tunnel with any 2xx, and proves it to a client of HTTP/1.1', () => {
    for (const status of ['200', '204']) {
      const head = accept([':status', status, 'sec-websocket-protocol', 'chat'], { accept: 'proof' });
      assert.deepEqual([head.status, head.body], [101, { kind: 'tunnel' }]);
      assert.match(head.fieldLines, /^sec-websocket-accept: proof\r\n/im);
      assert.match(head.fieldLines, /^sec-websocket-protocol: chat\r\n/m);
    }
  });

  it('is an ordinary one otherwise, or where the stream ends with it', () => {
    assert.equal(accept([':status', '403'], { accept: 'proof' }).status, 403);
    const ended = accept([':status', '200'], { accept: 'proof', endOfStream: true });
    assert.deepEqual([ended.status, ended.body], [200, { kind: 'length', bytes: 0 }]);
  });
});
