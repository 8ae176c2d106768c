// Fuzzed: the reading of HTTP/1.1 requests, bodies and all. Judged by itself over other cuts, and by node:http on what goes to the server.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { METHODS } from 'node:http';
import { parseRequestHead } from '../../../packages/service-engine/src/http/http1/request-head.ts';
import { Judge } from '../../../packages/service-engine/src/http/http1/test-judge.ts';
import {
  fieldPairs,
  forwardedBytes,
  readMessages,
  type TestMessage,
  type TestReading,
  testHeadLimits,
} from '../../../packages/service-engine/src/http/http1/test-message.ts';
import { type FuzzTarget, inBoundedTime } from '../fuzz-target.ts';
import { cutUp, mutateLines } from '../mutations.ts';
import { SeededRandom } from '../seeded-random.ts';

const vectors: readonly { readonly bytes: string }[] = JSON.parse(
  readFileSync(
    new URL('../../../packages/service-engine/src/http/http1/corpus/request-smuggling.json', import.meta.url),
    'utf8',
  ),
);

const PLAIN = [
  'GET / HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\nCookie: a=b; c=d\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n',
  'POST /p?q=1 HTTP/1.1\r\nHost: [::1]:8443\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello',
  'PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\nTrailer: X-Sum\r\n\r\n5;a="b"\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n',
  'GET http://b.test/x HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive, X-A\r\nX-A: 1\r\n\r\n',
  'GET / HTTP/1.0\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n',
  'GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n',
];

export const httpDictionary = [
  'Content-Length: 5',
  'Content-Length: 0',
  'Content-Length: +5',
  'Content-Length: 0x5',
  'Content-Length: 5, 5',
  'Content-Length: 99999999999999999999',
  'Content_Length: 5',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: identity',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding:\x0bchunked',
  'Transfer_Encoding: chunked',
  'Connection: close',
  'Connection: Content-Length, Host',
  'Connection: keep-alive, Upgrade',
  'Upgrade: websocket',
  'Upgrade: h2c',
  'Host: b.test',
  'Host: a.test:80@b.test',
  'Expect: 100-continue',
  'TE: trailers',
  'Trailer: X-A',
  'X-Forwarded-For: 1.2.3.4',
  'X_Forwarded_For: 1.2.3.4',
  'Forwarded: for=1.2.3.4',
  'Cookie: a=b',
  ' folded',
  '\tfolded',
  'GET / HTTP/1.1',
  'POST / HTTP/1.1',
  'HTTP/1.1',
  'HTTP/1.0',
  'HTTP/2.0',
  'PRI * HTTP/2.0',
  'HTTP/1.1 200 OK',
  'chunked',
  'CONNECT',
  '0',
  '5',
  '0;',
  'ffffffffffffffff',
  '-1',
  '',
];

// What decides where a request goes, where it ends and who sent it is the proxy's to say.
const OURS =
  /^(content-length|transfer-encoding|connection|upgrade|x-forwarded-(for|proto|port)|x-request-id|te)$/;
/** Methods that node:http knows: it refuses others. */
const KNOWN = new Set(METHODS.filter((name) => name !== 'CONNECT'));

let judge: Judge | undefined;

function endOf({ end }: TestReading): string {
  return end === 'complete' || end === 'incomplete' ? end : 'refused';
}

/** What goes to the server is one request to it, and the one that we have read. */
export async function assertReadAsOne(by: Judge, message: TestMessage): Promise<void> {
  const { head, body, trailerLines } = message;
  const { requests, error } = await by.read(forwardedBytes(message));
  assert.equal(error, undefined, 'the server refuses what we forward');
  assert.equal(requests.length, 1, 'one request is one request to the server');
  const [read] = requests;
  assert.ok(read);
  assert.deepEqual([read.method, read.target], [head.method, head.target], 'method and target');
  assert.deepEqual(read.body, body, 'the body');
  const names = read.fields.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  assert.equal(names.filter((name) => name === 'host').length, 1, 'one Host');
  const own = fieldPairs(head.fieldLines);
  for (const name of own.filter((_, index) => index % 2 === 0))
    assert.doesNotMatch(
      name.toLowerCase().replaceAll('_', '-'),
      OURS,
      'no field of ours comes from the client',
    );
  assert.deepEqual(read.trailers, fieldPairs(trailerLines), 'the trailers');
}

export const http1RequestsTarget: FuzzTarget = {
  name: 'http1-requests',
  seeds: [...PLAIN, ...vectors.map(({ bytes }) => bytes)].map((text) => Buffer.from(text, 'latin1')),
  mutations: [mutateLines(httpDictionary)],
  start: async () => {
    judge = await Judge.start();
  },
  stop: async () => judge?.stop(),
  check: async (input) => {
    const random = SeededRandom.of(input);
    const whole = inBoundedTime(() => readMessages([input]));
    const inPieces = inBoundedTime(() => readMessages(cutUp(input, random)));
    // One that breaks two rules may be refused for either, as its bytes come.
    assert.deepEqual(
      [inPieces.messages, endOf(inPieces)],
      [whole.messages, endOf(whole)],
      'the same in pieces',
    );
    const first = parseRequestHead(input, 0, input.length, testHeadLimits);
    if (first.kind === 'head') assert.ok(first.headBytes > 0 && first.headBytes <= input.length);
    const carried = whole.messages.reduce(
      (sum, { body, head }) => sum + body.length + head.fieldLines.length,
      0,
    );
    assert.ok(carried <= input.length, 'nothing is carried that did not come');
    if (judge !== undefined) {
      for (const message of whole.messages.slice(0, 4)) {
        if (KNOWN.has(message.head.method) && random.chance(3)) await assertReadAsOne(judge, message);
      }
    }
    const shapes = whole.messages.map(
      ({ head }) => `${head.body.kind}${head.version}${head.keepAlive}${head.expectContinue}`,
    );
    return `${shapes.slice(0, 3).join()} ${whole.end} ${whole.detail}`;
  },
};
