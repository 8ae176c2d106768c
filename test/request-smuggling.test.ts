// Every known vector of request smuggling (R15), over TLS through an engine to two servers: they receive what the client asked for, or nothing.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { connect } from 'node:tls';
import { demoConfiguration } from '@limpet/testkit';
import { createFleet, type Fleet } from './support/engine.ts';
import { type HttpClient, openClient } from './support/http-clients.ts';
import { type JudgingServer, startNginxJudge, startNodeJudge } from './support/judges.ts';
import { flag, frame, frameType, headersFrame, openRawHttp2, saysOk } from './support/raw-http2.ts';

type Asked = readonly [method: string, target: string, body: string];

interface Vector {
  readonly name: string;
  readonly attack: string;
  readonly known: string;
  readonly forwarded: readonly Asked[];
  /** That the server is asked for; a.test where it is absent. */
  readonly host?: string;
  /** The client contradicts itself only after what it has declared: that may have arrived by then. */
  readonly orNothing?: boolean;
  /** Name of a judge that does not take such a request. */
  readonly refusedBy?: string;
}

interface Http1Vector extends Vector {
  /** latin1. */
  readonly bytes: string;
  /** `complete`, `incomplete`, or the error code of the refusal. */
  readonly end: string;
}

interface Http2Vector extends Vector {
  readonly fields: readonly (readonly [string, string])[];
  /** DATA frames. */
  readonly body?: readonly string[];
  readonly trailers?: readonly (readonly [string, string])[];
}

function corpus<T>(version: 'http1' | 'http2'): readonly T[] {
  const path = `../packages/service-engine/src/http/${version}/corpus/request-smuggling.json`;
  return JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as T[];
}

/** One server, and the port of the engine's virtual service before it. */
interface Bed {
  readonly judge: JudgingServer;
  readonly port: number;
  /** A client that means well, with a connection of its own. */
  readonly neighbour: HttpClient;
}

const http1Vectors = corpus<Http1Vector>('http1');
const http2Vectors = corpus<Http2Vector>('http2');
let fleet: Fleet;
let beds: readonly Bed[];
before(async () => {
  const [made, ...judges] = await Promise.all([createFleet(), startNodeJudge(), startNginxJudge()]);
  fleet = made;
  beds = await Promise.all(
    judges.map(async (judge) => {
      const configuration = demoConfiguration({
        port: 0,
        servers: [{ name: 'judge', port: judge.port }],
        monitored: false,
        certificate: fleet.certificate.certificatePem,
        key: fleet.certificate.privateKeyPem,
        httpProfile: { max_keepalive_requests: 0 },
      });
      // One worker: what one request leaves behind on a server's connection is what the next one meets.
      const engine = await fleet.startEngine(configuration, ['--workers', '1']);
      return { judge, port: engine.port, neighbour: openClient('h1', engine.port) };
    }),
  );
});
after(async () => {
  for (const { neighbour } of beds) neighbour.close();
  await fleet.stop();
  for (const { judge } of beds) await judge.stop();
});

let markers = 0;

/** Another client asks meanwhile: it gets its own answer, and the server has then received all that came before. */
async function assertReceived({ judge, neighbour }: Bed, vector: Vector): Promise<void> {
  const target = `/marker-${++markers}`;
  const { status, body: answer } = await neighbour.request({ path: target });
  assert.deepEqual(
    [status, answer.toString()],
    [200, `GET ${target}`],
    'the next client gets its own answer',
  );
  const { requests, malformed } = await judge.receivedBefore(target);
  const isRefused = vector.refusedBy === judge.name;
  assert.equal(
    malformed.length,
    isRefused ? 1 : 0,
    `${judge.name} finds every request where it looks for it`,
  );
  if (isRefused || (vector.orNothing === true && requests.length === 0)) return;
  assert.deepEqual(
    requests.map(({ method, target: asked, body }) => [method, asked, body]),
    vector.forwarded,
    `${judge.name} receives what the client asked for`,
  );
  for (const { host, body, contentLength, transferEncoding, trailers } of requests) {
    assert.equal(host.split(':')[0], vector.host ?? 'a.test');
    // The engine's own framing, one of the two.
    if (transferEncoding === '') assert.equal(contentLength === '' ? 0 : Number(contentLength), body.length);
    else assert.deepEqual([transferEncoding, contentLength], ['chunked', '']);
    assert.match(trailers, /^(x(-[a-z]+)?: [a-z0-9]+)?$/i);
  }
}

// --- HTTP/1.1

/** The responses until there are so many, or the connection has ended. */
function sendHttp1(
  port: number,
  bytes: Buffer,
  methods: readonly string[],
  responses: number,
  ends: boolean,
): Promise<readonly Answer[]> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: false });
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (answersIn(text, methods).length >= responses) socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answersIn(text, methods)));
    socket.on('secureConnect', () => {
      if (ends) socket.end(bytes);
      else socket.write(bytes);
    });
  });
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Complete responses, but for informational ones, to requests of these methods. */
function answersIn(text: string, methods: readonly string[]): readonly Answer[] {
  const answers: Answer[] = [];
  let at = 0;
  for (let headEnd = text.indexOf('\r\n\r\n'); headEnd >= 0; headEnd = text.indexOf('\r\n\r\n', at)) {
    const head = text.slice(at, headEnd);
    const status = Number(head.slice(9, 12));
    const isBodiless = status < 200 || methods[answers.length] === 'HEAD';
    const length = isBodiless ? 0 : Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
    at = headEnd + 4 + length;
    if (at > text.length) break;
    if (status >= 200) answers.push({ status, body: text.slice(headEnd + 4, at) });
  }
  return answers;
}

describe('a vector of HTTP/1.1', () => {
  for (const vector of http1Vectors) {
    it(`${vector.name} (${vector.attack})`, async () => {
      await Promise.all(
        beds.map(async (bed) => {
          const refused = vector.end !== 'complete' && vector.end !== 'incomplete';
          const expected = vector.forwarded.length + (refused ? 1 : 0);
          const bytes = Buffer.from(vector.bytes, 'latin1');
          const methods = vector.forwarded.map(([method]) => method);
          const answers = await sendHttp1(bed.port, bytes, methods, expected, vector.end === 'incomplete');
          const own = vector.forwarded.map(([method, target]) =>
            method === 'HEAD' ? '' : `${method} ${target}`,
          );
          if (vector.refusedBy !== bed.judge.name)
            assert.deepEqual(
              answers.slice(0, own.length).map(({ body }) => body),
              own,
              'each request has its own answer',
            );
          if (refused) assert.match(String(answers.at(-1)?.status), /^[45]/);
          await assertReceived(bed, vector);
        }),
      );
    });
  }
});

// --- HTTP/2

/** How the stream ended: with a response of 200, with another, or without any. */
async function sendHttp2(port: number, { fields, body, trailers }: Http2Vector): Promise<string> {
  const client = await openRawHttp2(port);
  const hasBody = body !== undefined || trailers !== undefined;
  const frames = [headersFrame(1, fields, hasBody ? flag.endHeaders : flag.endHeaders | flag.endStream)];
  (body ?? []).forEach((part, index) => {
    const isLast = trailers === undefined && index === (body?.length ?? 0) - 1;
    frames.push(frame(frameType.data, isLast ? flag.endStream : 0, 1, Buffer.from(part, 'latin1')));
  });
  if (trailers !== undefined) frames.push(headersFrame(1, trailers));
  client.send(...frames);
  const final = await client.next(
    ({ type, flags, stream }) =>
      (stream === 1 && (type === frameType.rstStream || (flags & flag.endStream) !== 0)) ||
      type === frameType.goaway,
    'the stream is answered or reset',
  );
  const head = client.frames.find(
    ({ type, stream, payload }) => type === frameType.headers && stream === 1 && !isInformational(payload),
  );
  const data = client.frames.filter(({ type, stream }) => type === frameType.data && stream === 1);
  client.close();
  if (head === undefined) return final === undefined ? 'connection ended' : 'reset';
  if (!saysOk(head)) return 'refused';
  return Buffer.concat(data.map(({ payload }) => payload)).toString('latin1');
}

/** A status of three digits that is not in the static table, 100, is a literal: `:status` by index 8, Huffman `100` in two bytes. */
function isInformational(payload: Buffer): boolean {
  return payload[0] !== undefined && (payload[0] & 0x0f) === 8 && payload[0] < 0x80 && payload[2] === 0x08;
}

const NO_ANSWER = /^(refused|reset|connection ended)$/;

describe('a vector of HTTP/2', () => {
  for (const vector of http2Vectors) {
    it(`${vector.name} (${vector.attack})`, async () => {
      await Promise.all(
        beds.map(async (bed) => {
          const outcome = await sendHttp2(bed.port, vector);
          const [asked] = vector.forwarded;
          if (asked === undefined || vector.orNothing === true)
            assert.match(outcome, asked === undefined ? NO_ANSWER : /^(reset|POST \/)$/);
          else assert.equal(outcome, `${asked[0]} ${asked[1]}`);
          await assertReceived(bed, vector);
        }),
      );
    });
  }
});

describe('the corpora', () => {
  it('have names that are used once, and say of each vector where it is known from', () => {
    for (const vectors of [http1Vectors, http2Vectors]) {
      assert.equal(new Set(vectors.map(({ name }) => name)).size, vectors.length);
      for (const { name, attack, known } of vectors) assert.ok(attack !== '' && known !== '', name);
    }
    assert.ok(http1Vectors.length + http2Vectors.length > 400);
  });
});
