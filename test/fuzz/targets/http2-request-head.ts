// Fuzzed: request heads of HTTP/2, which become HTTP/1.1 on their way to a server. Judged by node:http: one stream is one request.

import assert from 'node:assert/strict';
import { METHODS } from 'node:http';
import { Judge } from '../../../packages/service-engine/src/http/http1/test-judge.ts';
import { testHeadLimits } from '../../../packages/service-engine/src/http/http1/test-message.ts';
import { requestHeadOf } from '../../../packages/service-engine/src/http/http2/request-head.ts';
import { type FuzzTarget, inBoundedTime } from '../fuzz-target.ts';
import { type Mutation, mutateLines } from '../mutations.ts';
import { SeededRandom } from '../seeded-random.ts';
import { assertReadAsOne, httpDictionary } from './http1-requests.ts';

// An input is the fields, a line each: a name, a NUL, a value. Between CRLF, so that values may hold anything else.
const SEEDS = [
  [
    ':method\0GET',
    ':scheme\0https',
    ':authority\0a.test',
    ':path\0/',
    'accept\0*/*',
    'cookie\0a=b',
    'cookie\0c=d',
  ],
  [
    ':method\0POST',
    ':scheme\0https',
    ':authority\0a.test:8443',
    ':path\0/p?q',
    'content-length\x005',
    'te\0trailers',
  ],
  [
    ':method\0CONNECT',
    ':protocol\0websocket',
    ':scheme\0https',
    ':path\0/chat',
    ':authority\0a',
    'sec-websocket-version\x0013',
  ],
  [':method\0OPTIONS', ':scheme\0https', ':path\0*', 'host\0a.test', 'x-forwarded-for\x001.2.3.4'],
].map((fields) => fields.join('\r\n'));

const DICTIONARY = [
  ...httpDictionary.map((line) =>
    line.replace(/^([^:]+): ?/, (_, name: string) => `${name.toLowerCase()}\0`),
  ),
  ':path\0/ HTTP/1.1\nx: y',
  ':path\0http://b.test/',
  ':path\0//b.test/',
  ':path\0/a b',
  ':authority\0a b',
  ':authority\0user@a',
  ':method\0GET / HTTP/1.1',
  ':method\0',
  'x-a\0b\nc',
  'x-a\0b\rc',
  'x-a: b\0c',
  'x a\0b',
  'X-Upper\0a',
  '\0',
];

const mutateFields: Mutation = mutateLines(DICTIONARY);

function fieldsOf(input: Buffer): readonly string[] {
  return input
    .toString('latin1')
    .split('\r\n')
    .flatMap((line) => {
      const end = line.indexOf('\0');
      return end < 0 ? [line, ''] : [line.slice(0, end), line.slice(end + 1)];
    });
}

const KNOWN = new Set(METHODS.filter((name) => name !== 'CONNECT'));
let judge: Judge | undefined;

export const http2RequestHeadTarget: FuzzTarget = {
  name: 'http2-request-head',
  seeds: SEEDS.map((text) => Buffer.from(text, 'latin1')),
  mutations: [mutateFields],
  start: async () => {
    judge = await Judge.start();
  },
  stop: async () => judge?.stop(),
  check: async (input) => {
    const random = SeededRandom.of(input);
    const endOfStream = random.chance(2);
    const newKey = (): string => 'AAAAAAAAAAAAAAAAAAAAAA==';
    const result = inBoundedTime(() => requestHeadOf(fieldsOf(input), endOfStream, testHeadLimits, newKey));
    if (result.kind === 'refused') return `${result.error} ${result.detail}`;
    const { head } = result;
    assert.equal(head.version, '2');
    assert.ok(head.keepAlive);
    assert.doesNotMatch(head.fieldLines, /(?<!\r)\n|\r(?!\n)|\r\n\r\n|\0/, 'lines and nothing else');
    if (endOfStream)
      assert.ok(head.body.kind === 'none' || (head.body.kind === 'length' && head.body.bytes === 0));
    const length = head.body.kind === 'length' ? head.body.bytes : 0;
    const sendable =
      length <= 1000 && KNOWN.has(head.method) && !head.asksForWebSocket && head.authority !== '';
    if (judge !== undefined && sendable && random.chance(2)) {
      const body = Buffer.alloc(length, 'x');
      const framing = head.body.kind === 'stream' ? ({ kind: 'chunked' } as const) : head.body;
      await assertReadAsOne(judge, { head: { ...head, body: framing }, body, trailerLines: '' });
    }
    return `head ${head.body.kind} ${head.asksForWebSocket} ${head.acceptsTrailers} ${head.authority === ''}`;
  },
};
