// A session to a server, which is a real one on loopback; time is the test's.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  constants,
  createServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { type AddressInfo, createConnection, type Socket } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { createFakeClock, type FakeClock } from '../../lifecycle/fake-clock.ts';
import type { UpstreamFailure, UpstreamListener, UpstreamRequest } from '../exchange.ts';
import { Http2UpstreamSession, type SessionOptions } from './upstream-session.ts';

type OnStream = (stream: ServerHttp2Stream) => void;
const OK: OnStream = (stream) => {
  stream.respond({ ':status': 200 });
  stream.end('ok');
};

let server: Http2Server;
let onStream: OnStream;
const serverSessions = new Set<ServerHttp2Session>();
const sockets = new Set<Socket>();
before(async () => {
  server = createServer();
  server.on('session', (session) => {
    serverSessions.add(session);
    session.on('error', () => {});
    session.on('close', () => serverSessions.delete(session));
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    onStream(stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  for (const socket of sockets) socket.destroy();
});
after(() => server.close());

const NO_LIMITS = { idleTimeoutMs: 0, lifeTimeoutMs: 0, maxReuse: 0, maxIdlePerServer: 0 };

interface Opened {
  readonly session: Http2UpstreamSession;
  readonly clock: FakeClock;
  /** What its owner was told since it was ready. */
  readonly told: string[];
  /** The TCP connection has ended. */
  readonly over: Promise<unknown>;
}

async function open(limits: Partial<SessionOptions['limits']> = {}): Promise<Opened> {
  onStream = OK;
  const clock = createFakeClock();
  const { port } = server.address() as AddressInfo;
  const socket = createConnection({ host: '127.0.0.1', port });
  await once(socket, 'connect');
  const over = new Promise((resolve) => socket.once('close', resolve));
  // As whoever connects does.
  socket.on('error', () => {});
  const told: string[] = [];
  const options: SessionOptions = {
    names: '',
    tlsReused: undefined,
    scheme: 'http',
    limits: { ...NO_LIMITS, ...limits },
    services: { clock, deadlines: clock.deadlines },
  };
  const session = await new Promise<Http2UpstreamSession>((resolve, reject) => {
    new Http2UpstreamSession(socket, options, {
      onReady: resolve,
      onFailed: (detail) => reject(new Error(detail)),
      onIdle: () => void told.push('idle'),
      onRetired: () => void told.push('retired'),
      onReset: () => {},
      onCalm: () => true,
      onWornOut: (cause) => void told.push(`worn out by ${cause}`),
    });
  });
  return { session, clock, told, over };
}

function requestOf(method = 'GET'): UpstreamRequest {
  const head = {
    version: '1.1',
    method,
    target: '/',
    authority: 'a.test',
    fieldLines: '',
    forwardedFor: '',
    forwarded: '',
    body: { kind: 'none' },
    keepAlive: true,
    expectContinue: false,
    acceptsTrailers: false,
    asksForWebSocket: false,
  } as const;
  return { head, authority: 'a.test', fieldLines: '', body: head.body };
}

type Outcome = { readonly status: number } | UpstreamFailure;

const NOBODY: UpstreamListener = {
  onResponseInformational: () => {},
  onResponseHead: () => {},
  onResponseBody: () => {},
  onResponseEnd: () => {},
  onResponseFlush: () => {},
  onRequestDrain: () => {},
  onResponseFailure: () => {},
};

/** Begins a request; what becomes of it. */
function ask(session: Http2UpstreamSession, changes: Partial<UpstreamListener> = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    let status = 0;
    const exchange = session.begin(requestOf(), {
      ...NOBODY,
      onResponseHead: (head) => {
        status = head.status;
      },
      onResponseEnd: () => resolve({ status }),
      onResponseFailure: resolve,
      ...changes,
    });
    exchange.flush();
  });
}

/** A stream closes after its answer has ended. */
async function isIdle(session: Http2UpstreamSession): Promise<void> {
  while (session.openRequests > 0) await new Promise(setImmediate);
}

function failureOf(outcome: Outcome): UpstreamFailure {
  assert.ok('error' in outcome, JSON.stringify(outcome));
  return outcome;
}

describe('a session to a server', () => {
  it('ends with GOAWAY when it was idle for as long as the pool says, and not while a request is on it', async () => {
    const { session, clock, told, over } = await open({ idleTimeoutMs: 10_000 });
    const [serverSession] = serverSessions;
    const goaway = once(serverSession as ServerHttp2Session, 'goaway');
    clock.advance(9000);
    assert.deepEqual(await ask(session), { status: 200 });
    await isIdle(session);
    let release = (): void => {};
    onStream = (stream) => {
      release = () => OK(stream);
    };
    const arrived = once(server, 'stream');
    const slow = ask(session);
    await arrived;
    // Long: but somebody waits.
    clock.advance(30_000);
    release();
    assert.deepEqual(await slow, { status: 200 });
    await isIdle(session);
    assert.deepEqual(told, ['idle', 'idle']);
    clock.advance(9000);
    assert.ok(session.hasRoom);
    clock.advance(1500);
    assert.equal(session.hasRoom, false);
    assert.deepEqual(told, ['idle', 'idle', 'retired']);
    const [code] = await goaway;
    assert.equal(code, constants.NGHTTP2_NO_ERROR);
    await over;
  });

  it('takes no more requests when its life is over, and ends with the last one that is on it', async () => {
    const { session, clock, told, over } = await open({ lifeTimeoutMs: 60_000 });
    let release = (): void => {};
    onStream = (stream) => {
      release = () => OK(stream);
    };
    const arrived = once(server, 'stream');
    const last = ask(session);
    await arrived;
    clock.advance(61_000);
    assert.equal(session.hasRoom, false);
    assert.deepEqual(told, ['retired']);
    release();
    assert.deepEqual(await last, { status: 200 });
    await over;
    assert.deepEqual(told, ['retired']);
  });

  it('takes no more requests than the pool says', async () => {
    const { session, over } = await open({ maxReuse: 2 });
    for (let request = 0; request < 3; request++) {
      assert.ok(session.hasRoom);
      assert.deepEqual(await ask(session), { status: 200 });
    }
    assert.equal(session.hasRoom, false);
    await over;
  });

  it('that was silent is asked whether it lives, beside the next request, and lives on with the answer', async () => {
    const { session, clock } = await open();
    const [serverSession] = serverSessions;
    let pings = 0;
    serverSession?.on('ping', () => pings++);
    assert.deepEqual(await ask(session), { status: 200 });
    assert.equal(pings, 0);
    clock.advance(11_000);
    const ping = once(serverSession as ServerHttp2Session, 'ping');
    assert.deepEqual(await ask(session), { status: 200 });
    await ping;
    // The answer to the ping comes before that to a request which is sent after it.
    assert.deepEqual(await ask(session), { status: 200 });
    clock.advance(9000);
    assert.ok(session.hasRoom);
    assert.equal(pings, 1);
  });

  it('that does not answer a ping is over, with every request on it', async () => {
    const { session, clock, told, over } = await open();
    assert.deepEqual(await ask(session), { status: 200 });
    for (const socket of sockets) socket.pause();
    clock.advance(11_000);
    const [one, other] = [ask(session), ask(session)];
    clock.advance(5500);
    assert.equal(session.hasRoom, false, 'at once: whoever comes now needs another');
    for (const outcome of await Promise.all([one, other])) {
      const failure = failureOf(outcome);
      assert.deepEqual([failure.error, failure.detail], ['SERVER_CONNECTION_LOST', 'ETIMEDOUT']);
      assert.ok(failure.staleConnection, 'it may have been dead before they came');
    }
    await over;
    assert.equal(told.filter((what) => what === 'retired').length, 1);
  });

  it('that has just ended takes no request: one that is begun on it was not processed', async () => {
    const { session, clock } = await open();
    // So that a ping would be due, too.
    clock.advance(11_000);
    session.destroy();
    assert.equal(session.hasRoom, false);
    const failure = failureOf(await ask(session));
    assert.ok(failure.notProcessed);
    assert.equal(session.openRequests, 0);
  });

  it('has no room from the moment when its connection fails', async () => {
    const { session } = await open();
    onStream = () => sockets.forEach((socket) => void socket.resetAndDestroy());
    void ask(session);
    while (session.hasRoom) await new Promise(setImmediate);
    const failure = failureOf(await ask(session));
    assert.ok(failure.notProcessed);
  });

  it('that is told to retire in the moment when requests begin on it serves them', async () => {
    const { session, over } = await open();
    const requests = [ask(session), ask(session)];
    session.retire();
    assert.deepEqual(await Promise.all(requests), [{ status: 200 }, { status: 200 }]);
    await over;
  });
});

/** Begins so many requests, and gives each up when the server has it. */
async function giveUp(session: Http2UpstreamSession, count: number): Promise<void> {
  onStream = () => {};
  for (let request = 0; request < count; request++) {
    const arrived = once(server, 'stream');
    const exchange = session.begin(requestOf(), NOBODY);
    exchange.flush();
    await arrived;
    exchange.abort();
    // Once more resets nothing.
    exchange.abort();
  }
}

describe('a session on which streams are reset', () => {
  it('takes no more requests before its server could take it for an attack, and those that are on it end well', async () => {
    const { session, told, over } = await open();
    let release = (): void => {};
    onStream = (stream) => {
      release = () => OK(stream);
    };
    const arrived = once(server, 'stream');
    const other = ask(session);
    await arrived;
    await giveUp(session, 49);
    assert.ok(session.hasRoom);
    await giveUp(session, 1);
    assert.equal(session.hasRoom, false);
    assert.deepEqual(told, ['worn out by resets', 'retired']);
    release();
    assert.deepEqual(await other, { status: 200 });
    await over;
  });

  it('forgets them with time, but not all', async () => {
    const { session, clock } = await open();
    let given = 0;
    for (; session.hasRoom; given++) {
      await giveUp(session, 1);
      clock.advance(2000);
    }
    assert.equal(given, 200);
  });

  for (const [what, end] of [
    ['a stream', (stream: ServerHttp2Stream) => stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM)],
    [
      'GOAWAY',
      (stream: ServerHttp2Stream) => stream.session?.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM, 99),
    ],
    [
      'GOAWAY as nghttp2 says it',
      (stream: ServerHttp2Stream) => stream.session?.goaway(constants.NGHTTP2_INTERNAL_ERROR, 99),
    ],
  ] as const) {
    it(`until its server wants calm (${what}) is over at once, and says nothing of the server`, async () => {
      const { session, told } = await open();
      onStream = end;
      const failure = failureOf(await ask(session));
      assert.deepEqual(
        [failure.staleConnection, failure.notProcessed, session.hasRoom],
        [true, false, false],
        JSON.stringify(failure),
      );
      assert.match(failure.detail, what.endsWith('it') ? /INTERNAL_ERROR$/ : /ENHANCE_YOUR_CALM$/);
      assert.deepEqual(told, ['worn out by server', 'retired']);
    });
  }
});

describe('an exception while an answer is passed on', () => {
  for (const callback of ['onResponseHead', 'onResponseBody', 'onResponseFlush', 'onResponseEnd'] as const) {
    it(`ends its own request only, and is reported (${callback})`, async () => {
      const { session } = await open();
      const listeners = process.listeners('uncaughtException');
      process.removeAllListeners('uncaughtException');
      const reported = new Promise((resolve) => process.once('uncaughtException', resolve));
      try {
        const thrown = new Error(`injected: ${callback}`);
        const victim = ask(session, {
          [callback]: () => {
            throw thrown;
          },
        });
        const witness = ask(session);
        assert.equal(await reported, thrown);
        assert.deepEqual(await witness, { status: 200 });
        // What threw at the very end had its answer already.
        if (callback !== 'onResponseEnd') assert.equal(failureOf(await victim).error, 'SERVER_STREAM_RESET');
        assert.ok(session.hasRoom);
        assert.deepEqual(await ask(session), { status: 200 });
      } finally {
        for (const listener of listeners) process.on('uncaughtException', listener);
      }
    });
  }
});
