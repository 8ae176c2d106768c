// A response on a client's HTTP/2 stream: said so that the stream takes it whatever a server answers, and never without an end.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, constants, createServer, type IncomingHttpHeaders } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { Deadlines } from '../../lifecycle/deadlines.ts';
import { createFakeClock } from '../../lifecycle/fake-clock.ts';
import { parseResponseHead } from '../http1/response-head.ts';
import { testHeadLimits } from '../http1/test-message.ts';
import { Http2Exchange } from './downstream-exchange.ts';
import { requestHeadOf } from './request-head.ts';

interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly body: string;
}

const deadlines = new Deadlines({ unixMs: () => 0, monotonicMs: () => 0 });
const server = createServer();
let url: string;

before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => server.close());

/** What a client gets when a server answers with this. */
async function answer(headText: string, body = '', trailerLines = ''): Promise<Answer> {
  const bytes = Buffer.from(headText, 'latin1');
  const parsed = parseResponseHead(bytes, 0, bytes.length, testHeadLimits, 'GET');
  assert.ok(parsed.kind === 'head');
  let thrown: unknown;
  server.once('stream', (stream, _headers, _flags, rawHeaders) => {
    const read = requestHeadOf(rawHeaders, true, testHeadLimits, () => '');
    assert.ok(read.kind === 'head');
    const ignore = (): void => {};
    const exchange = new Http2Exchange(stream, read.head, {
      deadlines,
      bodyTimeoutMs: 0,
      bodyLimitBytes: 0,
      drainConnection: ignore,
      resetConnection: ignore,
      giveUpConnection: ignore,
    });
    try {
      exchange.sendHead(parsed.head, 'X-Request-Id: 1\r\n', false);
      exchange.sendBody(Buffer.from(body));
      exchange.flush();
      exchange.sendEnd(trailerLines);
    } catch (error) {
      thrown = error;
      stream.close();
    }
  });
  const session = connect(url);
  const stream = session.request({ ':path': '/' });
  let headers: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  let text = '';
  stream.on('response', (fields) => {
    headers = fields;
  });
  stream.on('trailers', (fields) => {
    trailers = fields;
  });
  stream.on('data', (chunk) => {
    text += chunk;
  });
  await once(stream, 'close');
  session.close();
  assert.equal(thrown, undefined);
  return { headers, trailers, body: text };
}

/** The stream of a client that opens no window, and that ends its request only when its response waits, is there after the one time and reset after the other. */
async function endWhenStalled(bodyTimeoutMs: number, beforeMs: number, afterMs: number): Promise<void> {
  const clock = createFakeClock();
  const head = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n');
  const parsed = parseResponseHead(head, 0, head.length, testHeadLimits, 'POST');
  assert.ok(parsed.kind === 'head');
  const session = connect(url, { settings: { initialWindowSize: 0 } });
  await once(session, 'remoteSettings');
  const request = session.request({ ':method': 'POST', ':path': '/' });
  request.on('error', () => {});
  const [stream, , , rawHeaders] = await once(server, 'stream');
  const read = requestHeadOf(rawHeaders, false, testHeadLimits, () => '');
  assert.ok(read.kind === 'head');
  const ignore = (): void => {};
  const exchange = new Http2Exchange(stream, read.head, {
    deadlines: clock.deadlines,
    bodyTimeoutMs,
    bodyLimitBytes: 0,
    drainConnection: ignore,
    resetConnection: ignore,
    giveUpConnection: ignore,
  });
  stream.on('error', ignore);
  exchange.startBody();
  exchange.listen({
    onRequestBody: ignore,
    onRequestFlush: ignore,
    onRequestEnd: ignore,
    onRequestRefused: ignore,
    onResponseDrain: ignore,
    onClientEnd: ignore,
    onClientGone: ignore,
    onServerDrained: ignore,
  });
  exchange.sendHead(parsed.head, '', false);
  exchange.sendBody(Buffer.alloc(100_000));
  assert.equal(exchange.flush(), false);
  exchange.pauseBody();
  exchange.resumeBody();
  const ended = once(stream, 'end');
  request.end();
  await ended;
  clock.advance(beforeMs);
  assert.equal(stream.closed, false);
  clock.advance(afterMs - beforeMs);
  assert.equal(stream.closed, true);
  assert.equal(stream.rstCode, constants.NGHTTP2_CANCEL);
  if (!request.closed) await once(request, 'close');
  session.close();
}

describe('a response on an HTTP/2 stream', () => {
  it('that its client does not take is reset after client_body_timeout, also when the request ends meanwhile', () =>
    endWhenStalled(1000, 900, 1200));

  it('that its client does not take is reset after five minutes where client_body_timeout is 0', () =>
    endWhenStalled(0, 299_000, 301_000));

  it('joins fields that a server sends twice, also those that node:http2 wants once', async () => {
    const { headers } = await answer(
      'HTTP/1.1 200 OK\r\nX-Content-Type-Options: nosniff\r\nContent-Type: a/b\r\nx-content-type-options: nosniff\r\nContent-Type: a/b\r\nVary: A\r\nVary: B\r\nContent-Length: 0\r\n\r\n',
    );
    assert.equal(headers['x-content-type-options'], 'nosniff, nosniff');
    assert.equal(headers['content-type'], 'a/b, a/b');
    assert.equal(headers.vary, 'A, B');
  });

  it('keeps every Set-Cookie a field of its own (RFC 9110 §5.3)', async () => {
    const { headers } = await answer(
      'HTTP/1.1 200 OK\r\nSet-Cookie: a=1, x\r\nset-cookie: b=2\r\nContent-Length: 0\r\n\r\n',
    );
    assert.deepEqual(headers['set-cookie'], ['a=1, x', 'b=2']);
    const { headers: single } = await answer(
      'HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n',
    );
    assert.deepEqual(single['set-cookie'], ['a=1']);
  });

  it('leaves out what belongs to HTTP/1.1 connections, HTTP2-Settings included, also from trailers', async () => {
    const { headers, trailers, body } = await answer(
      'HTTP/1.1 200 OK\r\nHTTP2-Settings: AA\r\nTransfer-Encoding: chunked\r\n\r\n',
      'body',
      'X-Sum: 1\r\nHTTP2-Settings: AA\r\nKeep-Alive: 5\r\nX-Content-Type-Options: a\r\nX-Content-Type-Options: b\r\n',
    );
    assert.equal(headers['http2-settings'], undefined);
    assert.equal(body, 'body');
    assert.deepEqual(Object.entries(trailers), [
      ['x-sum', '1'],
      ['x-content-type-options', 'a, b'],
    ]);
  });
});
