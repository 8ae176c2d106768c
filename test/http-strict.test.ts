import assert from 'node:assert/strict';
import { constants } from 'node:http2';
import { beforeEach, describe, it } from 'node:test';
import { exchangeRaw } from '@limpet/testkit';
import { eventually } from './support/engine.ts';
import { bothVersions, openClient } from './support/http-clients.ts';
import { useOriginBed } from './support/origin-bed.ts';
import { bodyOf } from './support/origin-server.ts';
import {
  type Frame,
  fieldBlock,
  flag,
  frame,
  frameType,
  getFields,
  headersFrame,
  openRawHttp2,
  saysOk,
} from './support/raw-http2.ts';

const HEAD = 'POST /smuggled HTTP/1.1\r\nHost: a\r\n';

/** What two servers could read in two ways, or what no client of good will sends. */
const refusedHeads: readonly [string, number, string][] = [
  [
    'Content-Length with Transfer-Encoding',
    400,
    `${HEAD}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  ['two Content-Length fields', 400, `${HEAD}Content-Length: 4\r\nContent-Length: 4\r\n\r\nbody`],
  ['a Content-Length with a sign', 400, `${HEAD}Content-Length: +4\r\n\r\nbody`],
  [
    'Transfer-Encoding in HTTP/1.0',
    400,
    'POST /smuggled HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['chunked twice', 400, `${HEAD}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`],
  ['a coding after chunked', 400, `${HEAD}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
  ['lines that end with LF', 400, 'GET /smuggled HTTP/1.1\nHost: a\n\n'],
  ['one line that ends with LF', 400, 'GET /smuggled HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n'],
  ['a lone CR in a value', 400, `${HEAD}X: a\rb\r\n\r\n`],
  ['a NUL in a value', 400, `${HEAD}X: a\0b\r\n\r\n`],
  ['a folded line', 400, `${HEAD}X: a\r\n b\r\n\r\n`],
  ['a space before the colon', 400, `${HEAD}Content-Length : 4\r\n\r\nbody`],
  ['a field without a name', 400, `${HEAD}: a\r\n\r\n`],
  ['a line without a colon', 400, `${HEAD}nonsense\r\n\r\n`],
  ['no Host', 400, 'GET /smuggled HTTP/1.1\r\n\r\n'],
  ['two Hosts', 400, `${HEAD}Host: b\r\n\r\n`],
  ['a Host that is no authority', 400, 'GET /smuggled HTTP/1.1\r\nHost: a/b\r\n\r\n'],
  ['a port that is none in Host', 400, 'GET /smuggled HTTP/1.1\r\nHost: a:65536\r\n\r\n'],
  ['TRACE', 501, 'TRACE /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['two spaces in the request line', 400, 'GET  /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['HTTP/2.0 in the request line', 505, 'GET /smuggled HTTP/2.0\r\nHost: a\r\n\r\n'],
  ['a field that is too large', 431, `${HEAD}X: ${'a'.repeat(13 * 1024)}\r\n\r\n`],
  ['a head that is too large', 431, `${HEAD}${`X: ${'a'.repeat(1000)}\r\n`.repeat(60)}\r\n`],
  ['a head that never ends', 431, `${HEAD}X: ${'a'.repeat(60 * 1024)}`],
  ['too many fields', 431, `${HEAD}${'X: a\r\n'.repeat(300)}\r\n`],
];

const CHUNKED = 'POST /chunks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';

const refusedChunks: readonly [string, string][] = [
  ['a size that is no number', 'xyz\r\n'],
  ['a size with a prefix', '0x4\r\nbody\r\n0\r\n\r\n'],
  ['a negative size', '-1\r\n'],
  ['a size beyond what a number holds', 'fffffffffffffffff\r\n'],
  ['a size line that ends with LF', '4\nbody\r\n0\r\n\r\n'],
  ['data that is longer than its size', '4\r\nbodybody\r\n0\r\n\r\n'],
  ['extensions without end', `4;${'a'.repeat(10_000)}\r\nbody\r\n0\r\n\r\n`],
  ['trailers without end', `0\r\n${'X: a\r\n'.repeat(20_000)}\r\n`],
];

const bed = useOriginBed();

describe('a request that is malformed', () => {
  beforeEach(() => {
    bed.origin.handler = async (request, response) => {
      const body = await bodyOf(request).catch(() => undefined);
      if (body !== undefined) response.end(`${request.url}: ${body.length}\n`);
    };
  });

  for (const [what, status, text] of refusedHeads) {
    it(`with ${what} is answered with ${status} and the connection ends; the server sees nothing`, async () => {
      const answer = await exchangeRaw(bed.port, [`${text}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`]);
      assert.match(answer.text, new RegExp(`^HTTP/1\\.1 ${status} [^]*\\r\\nConnection: close\\r\\n`));
      assert.equal(answer.text.match(/HTTP\/1\.1 /g)?.length, 1, 'one answer');
      assert.equal(answer.ending, 'end');
      assert.ok(!bed.origin.requests.some((request) => request.includes('smuggled')));
    });
  }

  for (const [what, chunks] of refusedChunks) {
    it(`with ${what} in its chunks is answered with 400; the server never sees it end`, async () => {
      let whole = false;
      bed.origin.handler = (request) => {
        request.on('end', () => {
          whole = true;
        });
        request.on('error', () => {});
      };
      const answer = await exchangeRaw(bed.port, [
        `${CHUNKED}${chunks}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`,
      ]);
      assert.match(answer.text, /^HTTP\/1\.1 400 /);
      assert.equal(answer.text.match(/HTTP\/1\.1 /g)?.length, 1, 'one answer');
      assert.equal(answer.ending, 'end');
      assert.equal(whole, false);
      assert.ok(!bed.origin.requests.some((request) => request.includes('smuggled')));
    });
  }
});

const BAD = '/smuggled';

/**
 * Fields that nghttp2 leaves out of a request that is otherwise sound, where RFC 9113 §8.2.1 calls the whole request malformed; node:http2 has
 * no say in it. What counts is that they never become a line of their own.
 */
const fieldsLeftOut: readonly [string, readonly [string, string]][] = [
  ['CRLF in a value', ['x', 'a\r\nInjected: 1']],
  ['LF in a value', ['x', 'a\nInjected: 1']],
  ['NUL in a value', ['x', 'a\0b']],
  ['CRLF in a name', ['x\r\ninjected', 'a']],
  ['a line break after a colon in a name', ['transfer-encoding: chunked\r\nx', 'a']],
  ['a colon in a name', ['x:y', 'a']],
  ['a space in a name', ['x y', 'a']],
  ['an empty name', ['', 'a']],
];

/** Field blocks that must not become a request. */
const refusedFields: readonly [string, readonly (readonly [string, string])[]][] = [
  ['an upper-case name', getFields(BAD, ['X', 'a'])],
  ['CRLF in the path', getFields(`${BAD} HTTP/1.1\r\nInjected: 1\r\nx:`)],
  ['a space in the path', getFields(`${BAD} HTTP/1.1`)],
  ['a space in the method', [[':method', 'GET /x'], ...getFields(BAD).slice(1)]],
  ['an absolute path', getFields(`https://b${BAD}`)],
  ['an empty path', getFields('')],
  ['no path', getFields(BAD).slice(0, 3)],
  ['two paths', [...getFields(BAD), [':path', BAD]]],
  ['a pseudo-header field that does not exist', [[':other', 'a'], ...getFields(BAD)]],
  ['a pseudo-header field after others', [...getFields(BAD).slice(0, 3), ['x', 'a'], [':path', BAD]]],
  [
    'an authority that is none',
    [...getFields(BAD).filter(([name]) => name !== ':authority'), ['host', 'a b']],
  ],
  ['a Host that differs from the authority', getFields(BAD, ['host', 'b'])],
  ['Transfer-Encoding', getFields(BAD, ['transfer-encoding', 'chunked'])],
  ['Connection', getFields(BAD, ['connection', 'x'])],
  ['a Content-Length without a body', getFields(BAD, ['content-length', '4'])],
  ['two Content-Lengths', getFields(BAD, ['content-length', '0'], ['content-length', '4'])],
  ['too many fields', getFields(BAD, ...Array.from({ length: 300 }, () => ['x', 'a'] as const))],
  ['a field that is too large', getFields(BAD, ['x', 'a'.repeat(13 * 1024)])],
];

describe('an HTTP/2 client of ill will', () => {
  beforeEach(() => {
    bed.origin.handler = async (request, response) => {
      await bodyOf(request).catch(() => {});
      response.end('ok\n');
    };
  });

  const answersTo = (stream: number) => (answer: Frame) =>
    answer.type === frameType.goaway ||
    (answer.stream === stream && (answer.type === frameType.headers || answer.type === frameType.rstStream));

  async function noRequestsAtServer(): Promise<void> {
    await eventually(async () => {
      const { pools } = await bed.proxy.engine.runtime();
      return pools.every(({ servers }) => servers.every((server) => server.active_requests === 0));
    }, 'nothing of the client is left at the server');
  }

  async function othersAreServed(): Promise<void> {
    bed.origin.handler = (_request, response) => response.end('ok\n');
    for (const version of bothVersions) {
      const client = openClient(version, bed.port);
      assert.equal((await client.request()).status, 200, version);
      client.close();
    }
  }

  it('gets 200 for a request made in the way of these tests, so that refusals mean something', async () => {
    const raw = await openRawHttp2(bed.port);
    raw.send(headersFrame(1, getFields('/good', ['x', 'a'])));
    const answer = await raw.next(answersTo(1), 'the answer');
    assert.equal(answer?.type, frameType.headers);
    assert.ok(saysOk(answer as Frame));
    assert.ok(bed.origin.requests.includes('GET /good'));
    raw.close();
  });

  for (const [what, fields] of refusedFields) {
    it(`that sends ${what} is refused; the server sees nothing`, async () => {
      const raw = await openRawHttp2(bed.port);
      const before = bed.origin.requests.length;
      raw.send(headersFrame(1, fields));
      const answer = await raw.next(answersTo(1), 'the refusal');
      assert.ok(answer === undefined || answer.type !== frameType.headers || !saysOk(answer));
      raw.close();
      assert.deepEqual(bed.origin.requests.slice(before), []);
    });
  }

  for (const [what, field] of fieldsLeftOut) {
    it(`that sends ${what} injects nothing: the field is left out`, async () => {
      let names: string[] = [];
      bed.origin.handler = (request, response) => {
        names = Object.keys(request.headers);
        response.end();
      };
      const raw = await openRawHttp2(bed.port);
      raw.send(headersFrame(1, getFields('/sound', field, ['y', 'a'])));
      assert.ok(await raw.next(answersTo(1), 'the answer'));
      raw.close();
      const expected = [
        'host',
        'x-forwarded-for',
        'x-forwarded-port',
        'x-forwarded-proto',
        'x-request-id',
        'y',
      ];
      assert.deepEqual(names.sort(), expected);
    });
  }

  it('that opens more streams than it was told has those refused, and the others are served', async () => {
    const held: (() => void)[] = [];
    bed.origin.handler = (_request, response) => {
      held.push(() => response.end('ok\n'));
    };
    const raw = await openRawHttp2(bed.port);
    const streams = Array.from({ length: 140 }, (_, index) => 2 * index + 1);
    raw.send(...streams.map((stream) => headersFrame(stream, getFields('/held'))));
    const refused = (answer: Frame): boolean => answer.type === frameType.rstStream;
    await raw.next(
      (answer) => refused(answer) && answer.stream === streams.at(-1),
      'the last stream is refused',
    );
    const resets = raw.frames.filter(refused);
    assert.equal(resets.length, 12, 'all beyond 128');
    for (const { payload } of resets) assert.equal(payload.readUInt32BE(0), constants.NGHTTP2_REFUSED_STREAM);
    await eventually(() => held.length === 128, 'the others are at the server');
    for (const release of held) release();
    const last = streams[127] as number;
    assert.ok(saysOk((await raw.next(answersTo(last), 'the others are answered')) as Frame));
    raw.close();
  });

  it('that opens and resets streams in quick succession (rapid reset) has its connection ended', async () => {
    bed.origin.handler = () => {};
    const raw = await openRawHttp2(bed.port);
    const cancel = Buffer.from([0, 0, 0, constants.NGHTTP2_CANCEL]);
    for (let stream = 1; stream < 2000; stream += 2) {
      raw.send(headersFrame(stream, getFields('/reset')), frame(frameType.rstStream, 0, stream, cancel));
    }
    await raw.ended();
    await noRequestsAtServer();
    await othersAreServed();
  });

  it('that sends a head without end (CONTINUATION flood) has its connection ended', async () => {
    const raw = await openRawHttp2(bed.port);
    raw.send(headersFrame(1, getFields(BAD), flag.endStream));
    const more = frame(frameType.continuation, 0, 1, fieldBlock([['x', 'a'.repeat(1000)]]));
    for (let count = 0; count < 1000; count++) raw.send(more);
    await raw.ended();
    await othersAreServed();
    assert.ok(!bed.origin.requests.includes(`GET ${BAD}`));
  });

  for (const [what, flood] of [
    ['PING', frame(frameType.ping, 0, 0, Buffer.alloc(8))],
    ['SETTINGS', frame(frameType.settings, 0, 0)],
  ] as const) {
    it(`that floods the engine with ${what} and reads no answer is not read on, and then its time is up`, async () => {
      await bed.proxy.reload({
        httpProfile: { post_accept_timeout: 1000, keepalive_timeout: 1000 + flood.length },
      });
      const raw = await openRawHttp2(bed.port);
      raw.socket.pause();
      const many = Buffer.concat(Array.from({ length: 100_000 }, () => flood));
      let taken = 0;
      const pump = (): void => {
        raw.socket.write(many, (error) => {
          if (error) return;
          taken += many.length;
          pump();
        });
      };
      pump();
      await othersAreServed();
      const open = () => bed.proxy.engine.metric('limpet_connections_open');
      await eventually(async () => (await open()) === 0, 'the connection is ended');
      raw.close();
      assert.ok(taken < 64 * 1024 * 1024, `${taken} bytes were taken`);
    });
  }

  it('that sends more of a body than it declared has its connection ended; the server never sees that request whole', async () => {
    let ended = '';
    bed.origin.handler = (request) => {
      request.on('end', () => {
        ended = 'whole';
      });
      request.on('error', () => {
        ended = 'cut';
      });
      request.resume();
    };
    const raw = await openRawHttp2(bed.port);
    const before = bed.origin.requests.length;
    const post = getFields('/longer', ['content-length', '5']).map(([name, value]) =>
      name === ':method' ? ([name, 'POST'] as const) : ([name, value] as const),
    );
    raw.send(headersFrame(1, post, flag.endHeaders), frame(frameType.data, 0, 1, Buffer.from('1234')));
    await eventually(() => bed.origin.requests.length > before, 'the server has the beginning');
    raw.send(frame(frameType.data, flag.endStream, 1, Buffer.from('56')));
    assert.ok(await raw.next(({ type }) => type === frameType.goaway, 'GOAWAY'));
    await eventually(() => ended !== '', 'the server is told');
    assert.equal(ended, 'cut');
    raw.close();
    await noRequestsAtServer();
    await othersAreServed();
  });

  it('that breaks the framing has its connection ended with GOAWAY', async () => {
    const raw = await openRawHttp2(bed.port);
    raw.send(frame(frameType.data, 0, 1, Buffer.from('no stream was opened')));
    const goaway = await raw.next((answer) => answer.type === frameType.goaway, 'GOAWAY');
    assert.equal(goaway?.payload.readUInt32BE(4), constants.NGHTTP2_PROTOCOL_ERROR);
    await raw.ended();
    await othersAreServed();
  });
});
