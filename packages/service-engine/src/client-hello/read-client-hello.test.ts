// The reader owns a socket until its ClientHello is there, gives every byte back, and waits no longer than it may.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { createFakeClock, type FakeClock } from '../lifecycle/fake-clock.ts';
import { type HelloResult, readClientHello } from './read-client-hello.ts';
import { corpus, corpusBytes, corpusNames, record, recut } from './test-corpus.ts';
import { helloMessage } from './test-hello.ts';

const TIMEOUT_MS = 5000;

interface Reading {
  readonly socket: Duplex;
  readonly clock: FakeClock;
  readonly results: readonly HelloResult[];
  /** Gives chunks to the socket, each after the one before was read. */
  receive(...chunks: readonly Buffer[]): void;
}

/** A reader that waits for its first byte. */
async function startReading(): Promise<Reading> {
  const socket = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() });
  const clock = createFakeClock();
  const results: HelloResult[] = [];
  const options = { deadlines: clock.deadlines, timeoutMs: TIMEOUT_MS };
  readClientHello(socket as Socket, options, (result) => results.push(result));
  // A stream begins to flow in the next turn.
  await setImmediate();
  const receive = (...chunks: readonly Buffer[]): void => {
    for (const chunk of chunks) socket.push(chunk);
  };
  return { socket, clock, results, receive };
}

function errorsOf(results: readonly HelloResult[]): readonly string[] {
  return results.map((result) => (result.kind === 'refused' ? result.error : result.kind));
}

/** Everything that waits in a paused socket: one read() gives all of it, or, from Node 26, the first chunk. */
function readAll(socket: Duplex): Buffer {
  const chunks: Buffer[] = [];
  for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function pieces(bytes: Buffer, size: number): readonly Buffer[] {
  const count = Math.ceil(bytes.length / size);
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
}

/** Nothing of the reader is left on the socket but the listener of 'error'. */
function assertLetGo({ socket, clock }: Reading): void {
  assert.equal(socket.listenerCount('data') + socket.listenerCount('close'), 0);
  assert.equal(clock.deadlines.size, 0);
}

interface Peers {
  readonly client: Socket;
  /** The other end, from which a hello is read. */
  readonly socket: Socket;
  readonly result: Promise<HelloResult>;
}

async function connectPeers(test: TestContext): Promise<Peers> {
  const server = createServer();
  test.after(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  test.after(() => client.destroy());
  const [socket] = (await once(server, 'connection')) as [Socket];
  test.after(() => socket.destroy());
  const { deadlines } = createFakeClock();
  const result = new Promise<HelloResult>((resolve) =>
    readClientHello(socket, { deadlines, timeoutMs: TIMEOUT_MS }, resolve),
  );
  return { client, socket, result };
}

describe('reading a ClientHello', () => {
  it('gives back every byte, to a socket that is paused', async () => {
    for (const { name, bytes } of corpus) {
      const reading = await startReading();
      reading.receive(bytes);
      assert.deepEqual(errorsOf(reading.results), ['hello'], name);
      assert.ok(reading.socket.isPaused());
      assert.deepEqual(readAll(reading.socket), bytes, name);
      assertLetGo(reading);
    }
  });

  it('gives back every byte of any segments, also those that came behind the hello', async () => {
    const behind = Buffer.from('what a client sends early');
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...corpusNames),
        fc.integer({ min: 1, max: 800 }),
        async (name, size) => {
          const reading = await startReading();
          const sent = Buffer.concat([corpusBytes(name), behind]);
          reading.receive(...pieces(sent, size));
          assert.deepEqual(errorsOf(reading.results), ['hello']);
          assert.deepEqual(readAll(reading.socket), sent);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('neither joins nor reads anew what came before, one byte at a time in records of one byte', async (test) => {
    const reading = await startReading();
    const sent = recut(corpusBytes('node24-tls12-resumed'), [1]);
    const joins = test.mock.method(Buffer, 'concat').mock;
    const lengths = test.mock.method(Buffer.prototype, 'readUInt16BE').mock;
    reading.receive(...pieces(sent, 1));
    assert.ok(joins.callCount() <= 2, `${joins.callCount()} joins`);
    assert.ok(
      lengths.callCount() <= 2 * sent.length,
      `${lengths.callCount()} lengths of ${sent.length} bytes`,
    );
    test.mock.restoreAll();
    assert.deepEqual(errorsOf(reading.results), ['hello']);
    assert.deepEqual(readAll(reading.socket), sent);
  });

  it('takes 32 kB one byte at a time in records of one byte', async () => {
    const reading = await startReading();
    const sent = recut(record(helloMessage({ extensions: [[21, Buffer.alloc(5300)]] })), [1]);
    reading.receive(...pieces(sent, 1));
    assert.deepEqual(errorsOf(reading.results), ['hello']);
    assert.deepEqual(readAll(reading.socket), sent);
  });

  it('gives up when no byte comes in time, and says so', async () => {
    const reading = await startReading();
    reading.clock.advance(TIMEOUT_MS - 1);
    assert.deepEqual(reading.results, []);
    reading.clock.advance(100);
    assert.deepEqual(reading.results, [{ kind: 'refused', error: 'HELLO_TIMEOUT', detail: 'not a byte' }]);
    assertLetGo(reading);
  });

  it('gives a client that trickles not a moment more', async () => {
    const reading = await startReading();
    for (const byte of pieces(corpusBytes('node24').subarray(0, 50), 1)) {
      reading.receive(byte);
      reading.clock.advance(TIMEOUT_MS / 50);
    }
    reading.clock.advance(100);
    assert.deepEqual(reading.results, [{ kind: 'refused', error: 'HELLO_TIMEOUT', detail: 'incomplete' }]);
  });

  it('answers once: a deadline after the hello, or a hello after the deadline, changes nothing', async () => {
    const early = await startReading();
    early.receive(corpusBytes('curl-h2'));
    early.clock.advance(2 * TIMEOUT_MS);
    assert.deepEqual(errorsOf(early.results), ['hello']);
    const late = await startReading();
    late.clock.advance(2 * TIMEOUT_MS);
    late.receive(corpusBytes('curl-h2'));
    assert.deepEqual(errorsOf(late.results), ['HELLO_TIMEOUT']);
  });

  it('refuses at the first byte that is not TLS', async () => {
    const reading = await startReading();
    reading.receive(Buffer.from('\x80'));
    assert.deepEqual(errorsOf(reading.results), ['HELLO_NOT_TLS']);
    assertLetGo(reading);
  });

  it('tells plain HTTP from other protocols', async () => {
    for (const [text, error] of [
      ['G', 'PLAIN_HTTP_ON_TLS_PORT'],
      ['GET / HTTP/1.1\r\n', 'PLAIN_HTTP_ON_TLS_PORT'],
      ['SSH-2.0-x\r\n', 'HELLO_NOT_TLS'],
      ['get / HTTP/1.1\r\n', 'HELLO_NOT_TLS'],
    ] as const) {
      const reading = await startReading();
      reading.receive(Buffer.from(text));
      assert.deepEqual(errorsOf(reading.results), [error], text);
    }
  });

  it('says once that the client is gone, be it closed or destroyed', async () => {
    for (const leave of [
      (socket: Duplex) => socket.push(null),
      (socket: Duplex) => socket.destroy(new Error('reset')),
    ]) {
      const reading = await startReading();
      reading.receive(corpusBytes('curl-h2').subarray(0, 100));
      leave(reading.socket);
      await setImmediate();
      assert.deepEqual(errorsOf(reading.results), ['CLIENT_GONE']);
      assertLetGo(reading);
    }
  });

  it('survives a client that resets its connection after its hello', async (test) => {
    const peers = await connectPeers(test);
    peers.client.write(corpusBytes('chromium'));
    const result = await peers.result;
    assert.equal(result.kind === 'hello' && result.hello.serverName, 'app.example.test');
    assert.deepEqual(readAll(peers.socket), corpusBytes('chromium'));
    peers.client.resetAndDestroy();
    peers.socket.resume();
    if (!peers.socket.closed) await new Promise((resolve) => peers.socket.once('close', resolve));
  });

  it('survives a client that resets its connection within its hello', async (test) => {
    const peers = await connectPeers(test);
    peers.client.write(corpusBytes('chromium').subarray(0, 700));
    await once(peers.socket, 'data');
    peers.client.resetAndDestroy();
    const result = await peers.result;
    assert.equal(result.kind === 'refused' && result.error, 'CLIENT_GONE');
  });
});
