// gRPC through an engine, as its wire format has it (HTTP/2 both ways): the four kinds of call, status in trailers, cancellation, deadline.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { createSelfSigned } from '@limpet/testkit';
import { eventually } from './support/engine.ts';
import { type OneEngine, startOneEngine } from './support/one-engine.ts';

/** Five bytes before each message: not compressed, and its length. */
function frame(text: string): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(Buffer.byteLength(text), 1);
  return Buffer.concat([head, Buffer.from(text)]);
}

/** Calls back with each whole message. */
function readMessages(
  stream: ServerHttp2Stream | ClientHttp2Stream,
  onMessage: (text: string) => void,
): void {
  let pending = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 5 && pending.length >= 5 + pending.readUInt32BE(1)) {
      const end = 5 + pending.readUInt32BE(1);
      onMessage(pending.toString('utf8', 5, end));
      pending = pending.subarray(end);
    }
  });
}

// Longer than a call is silent here would do; shorter than a stream may be.
const httpProfile = { client_body_timeout: 300 };

let server: Http2SecureServer;
let bed: OneEngine;
let session: ClientHttp2Session;
const cancelled: string[] = [];
let asked: IncomingHttpHeaders = {};

function serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  asked = headers;
  const path = String(headers[':path']);
  const begin = (): void => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': path }));
  };
  stream.on('error', () => {});
  stream.on('close', () => {
    if (stream.rstCode === constants.NGHTTP2_CANCEL) cancelled.push(path);
  });
  const received: string[] = [];
  switch (path) {
    case '/test/Unary':
      readMessages(stream, (text) => {
        begin();
        stream.end(frame(`hello ${text}`));
      });
      break;
    case '/test/ServerStream':
      stream.resume();
      begin();
      for (let index = 0; index < 5; index++) stream.write(frame(`part ${index}`));
      stream.end();
      break;
    case '/test/ClientStream':
      readMessages(stream, (text) => received.push(text));
      stream.on('end', () => {
        begin();
        stream.end(frame(received.join(',')));
      });
      break;
    case '/test/Talk':
      begin();
      readMessages(stream, (text) => stream.write(frame(`you said ${text}`)));
      stream.on('end', () => stream.end());
      break;
    case '/test/Refused':
      stream.resume();
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5', 'grpc-message': 'none' },
        { endStream: true },
      );
      break;
    default:
      // Never answers.
      stream.resume();
  }
}

before(async () => {
  const { certificatePem: cert, privateKeyPem: key } = await createSelfSigned({
    dnsNames: ['grpc.internal'],
  });
  server = createSecureServer({ cert, key });
  server.on('stream', serve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  bed = await startOneEngine(server.address() as AddressInfo, {
    pool: { enable_http2: true, ssl_profile_ref: 'System-Standard', server_timeout: 3000 },
    httpProfile,
  });
  session = connect(`https://127.0.0.1:${bed.port}`, { servername: 'localhost', rejectUnauthorized: false });
});
after(async () => {
  session.destroy();
  await bed.stop();
  server.close();
});

function call(method: string, fields: Record<string, string> = {}): ClientHttp2Stream {
  const stream = session.request({
    ':method': 'POST',
    ':path': `/test/${method}`,
    ':authority': 'localhost',
    te: 'trailers',
    'content-type': 'application/grpc',
    ...fields,
  });
  stream.on('error', () => {});
  return stream;
}

interface Outcome {
  readonly messages: readonly string[];
  readonly trailers: IncomingHttpHeaders;
}

async function outcomeOf(stream: ClientHttp2Stream): Promise<Outcome> {
  const messages: string[] = [];
  let trailers: IncomingHttpHeaders = {};
  readMessages(stream, (text) => messages.push(text));
  stream.on('trailers', (fields) => {
    trailers = fields;
  });
  await once(stream, 'close');
  return { messages, trailers };
}

describe('a call of gRPC', () => {
  it('with one message each way has its status in the trailers, and te: trailers reaches the server', async () => {
    const stream = call('Unary');
    stream.end(frame('you'));
    const { messages, trailers } = await outcomeOf(stream);
    assert.deepEqual(messages, ['hello you']);
    assert.deepEqual([trailers['grpc-status'], trailers['grpc-message']], ['0', '/test/Unary']);
    assert.deepEqual(
      [asked.te, asked['content-type'], asked[':scheme']],
      ['trailers', 'application/grpc', 'https'],
    );
  });

  it('brings its metadata, names with underscores too, and those with dots where they may', async () => {
    const metadata = { foo_bar: '1', 'trace-bin': 'AAEC', 'x.y-bin': 'AwQF' };
    const arrived = async (): Promise<unknown[]> => {
      const stream = call('Unary', metadata);
      stream.end(frame('you'));
      await outcomeOf(stream);
      return Object.keys(metadata).map((name) => asked[name]);
    };
    assert.deepEqual(await arrived(), ['1', 'AAEC', undefined]);
    await bed.reload({ httpProfile: { ...httpProfile, allow_dots_in_header_name: true } });
    assert.deepEqual(await arrived(), ['1', 'AAEC', 'AwQF']);
  });

  it('streams from the server', async () => {
    const stream = call('ServerStream');
    stream.end(frame('go'));
    const { messages, trailers } = await outcomeOf(stream);
    assert.deepEqual(
      messages,
      [0, 1, 2, 3, 4].map((index) => `part ${index}`),
    );
    assert.equal(trailers['grpc-status'], '0');
  });

  it('streams from the client', async () => {
    const stream = call('ClientStream');
    for (const text of ['a', 'b', 'c']) stream.write(frame(text));
    stream.end();
    assert.deepEqual((await outcomeOf(stream)).messages, ['a,b,c']);
  });

  it('streams both ways at once: the head comes before the request has ended, and pauses do not end it', async () => {
    const stream = call('Talk');
    const messages: string[] = [];
    readMessages(stream, (text) => messages.push(text));
    const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders];
    assert.equal(head[':status'], 200);
    for (const text of ['one', 'two']) {
      stream.write(frame(text));
      await eventually(() => messages.at(-1) === `you said ${text}`, 'the answer comes meanwhile');
      // Twice client_body_timeout, in which nobody says anything.
      await new Promise((resolve) => setTimeout(resolve, 600));
    }
    stream.end();
    const [trailers] = (await once(stream, 'trailers')) as [IncomingHttpHeaders];
    assert.equal(trailers['grpc-status'], '0');
  });

  it('that the server refuses at once has its status in the only head', async () => {
    const stream = call('Refused');
    stream.end(frame('x'));
    const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders];
    assert.deepEqual([head[':status'], head['grpc-status'], head['grpc-message']], [200, '5', 'none']);
    stream.resume();
    await once(stream, 'close');
    assert.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR);
  });

  it('that the client cancels, as it does at its deadline, is cancelled at the server', async () => {
    const stream = call('Hang', { 'grpc-timeout': '100m' });
    stream.write(frame('x'));
    await eventually(() => asked[':path'] === '/test/Hang', 'the call arrives');
    assert.equal(asked['grpc-timeout'], '100m');
    stream.close(constants.NGHTTP2_CANCEL);
    await eventually(() => cancelled.includes('/test/Hang'), 'the server is told');
    assert.equal(await bed.engine.metric('limpet_server_requests_active'), 0);
  });

  it('that is not answered gets an HTTP status that clients of gRPC know', async () => {
    const stream = call('Never');
    stream.end(frame('x'));
    const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders];
    assert.equal(head[':status'], 504);
    stream.resume();
  });
});
