// Fuzzed: the parser of response heads. Judged by itself over other cuts, and by node:http's client on what goes to the client.

import assert from 'node:assert/strict';
import { type IncomingMessage, request } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { parseResponseHead } from '../../../packages/service-engine/src/http/http1/response-head.ts';
import { responseHeadText } from '../../../packages/service-engine/src/http/http1/serialize.ts';
import { fieldPairs, testHeadLimits } from '../../../packages/service-engine/src/http/http1/test-message.ts';
import type { ResponseHead } from '../../../packages/service-engine/src/http/message.ts';
import { type FuzzTarget, inBoundedTime } from '../fuzz-target.ts';
import { cutUp, mutateLines } from '../mutations.ts';
import { SeededRandom } from '../seeded-random.ts';
import { httpDictionary } from './http1-requests.ts';

const SEEDS = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: x\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\n',
  'HTTP/1.0 404 Not Found\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 10\r\n\r\n',
  'HTTP/1.1 204\r\nConnection: X-A, close\r\nX-A: 1\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n',
];

/** A server that answers with given bytes, and what node:http's client reads of them. */
class ClientJudge {
  readonly #server: Server;
  answer: Buffer = Buffer.alloc(0);

  constructor() {
    this.#server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end(this.answer));
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  read(answer: Buffer, method: string): Promise<IncomingMessage> {
    this.answer = answer;
    const { port } = this.#server.address() as AddressInfo;
    return new Promise((resolve, reject) => {
      const asked = request({ host: '127.0.0.1', port, method, agent: false, maxHeaderSize: 65_536 });
      asked.on('response', (response) => {
        response.on('error', () => {});
        resolve(response);
        asked.destroy();
      });
      asked.on('error', reject);
      asked.end();
    });
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

let judge: ClientJudge | undefined;

function parse(bytes: Buffer, method: string, websocket: boolean) {
  return parseResponseHead(bytes, 0, bytes.length, testHeadLimits, method, websocket);
}

async function assertReadByClient(by: ClientJudge, head: ResponseHead, method: string): Promise<void> {
  const text = responseHeadText(head, { keepAlive: false, version: '1.1' }, 'X-Request-Id: own\r\n');
  const read = await by.read(Buffer.from(text, 'latin1'), method);
  assert.equal(read.statusCode, head.status, 'the status');
  const sent = fieldPairs(head.fieldLines);
  const own = new Set(['x-request-id', 'connection', 'content-length', 'transfer-encoding']);
  const seen = read.rawHeaders.filter(
    (_, index) => !own.has((read.rawHeaders[index - (index % 2)] ?? '').toLowerCase()),
  );
  assert.deepEqual(seen, sent, 'the fields');
}

export const http1ResponseHeadTarget: FuzzTarget = {
  name: 'http1-response-head',
  seeds: SEEDS.map((text) => Buffer.from(text, 'latin1')),
  mutations: [mutateLines(httpDictionary)],
  start: async () => {
    judge = new ClientJudge();
    await judge.start();
  },
  stop: async () => judge?.stop(),
  check: async (input) => {
    const random = SeededRandom.of(input);
    const method = random.pick(['GET', 'HEAD', 'POST']);
    const websocket = random.chance(4);
    const whole = inBoundedTime(() => parse(input, method, websocket));
    let bytes = Buffer.alloc(0);
    let inPieces = parse(bytes, method, websocket);
    for (const piece of cutUp(input, random)) {
      if (inPieces.kind !== 'incomplete') break;
      bytes = Buffer.concat([bytes, piece]);
      inPieces = parse(bytes, method, websocket);
    }
    // In pieces it may be refused earlier, with another of the rules that it breaks.
    assert.equal(inPieces.kind, whole.kind, 'the same in pieces');
    if (whole.kind !== 'head') return whole.kind === 'refused' ? whole.detail : whole.kind;
    assert.deepEqual(inPieces, whole);
    assert.ok(
      whole.headBytes <= input.length && input.toString('latin1', 0, whole.headBytes).endsWith('\r\n\r\n'),
    );
    const { head } = whole;
    assert.ok(head.fieldLines.length <= whole.headBytes);
    assert.doesNotMatch(head.fieldLines, /(?<!\r)\n|\r(?!\n)|\r\n\r\n|\0/, 'lines and nothing else');
    if (judge !== undefined && head.status >= 200 && random.chance(3))
      await assertReadByClient(judge, head, method);
    return `${head.status > 199} ${head.body.kind} ${head.keepAlive} ${head.declaredLength !== undefined} ${head.version}`;
  },
};
