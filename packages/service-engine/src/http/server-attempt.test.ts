// Attempts that wait for one connection, to a real server of HTTP/2 on loopback.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Http2Server } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import { IdleConnections } from '../pool/idle-connections.ts';
import type { PoolRuntime } from '../pool/pool-runtime.ts';
import type { ServerRuntime } from '../pool/server-runtime.ts';
import { SharedConnections } from '../pool/shared-connections.ts';
import type { UpstreamCarrier } from './exchange.ts';
import type { RequestHead } from './message.ts';
import type { ProxiedConnection } from './proxied-connection.ts';
import { type AttemptListener, ServerAttempt } from './server-attempt.ts';

const clock = createFakeClock();
const upstreamConnections = { idleTimeoutMs: 0, lifeTimeoutMs: 0, maxReuse: 0, maxIdlePerServer: 0 };
// Only as far as an attempt looks at them.
const pool = {
  snapshot: { upstreamConnections, http2: true, connectTimeoutMs: 5000 },
} as unknown as PoolRuntime;
const connection = {
  connectionsAt: (server: ServerRuntime) => server,
  services: { clock, deadlines: clock.deadlines },
} as unknown as ProxiedConnection;
const head = { authority: 'a.test', asksForWebSocket: false } as RequestHead;

let http2: Http2Server;
let server: ServerRuntime;
let accepted = 0;
const sockets = new Set<Socket>();
before(async () => {
  http2 = createServer();
  http2.on('connection', (socket: Socket) => {
    accepted++;
    sockets.add(socket);
  });
  http2.listen(0, '127.0.0.1');
  await once(http2, 'listening');
  const { port } = http2.address() as AddressInfo;
  server = {
    snapshot: { address: { ip: '127.0.0.1', port } },
    slot: 0,
    idle: new IdleConnections(upstreamConnections, clock, clock.deadlines),
    shared: new SharedConnections(upstreamConnections),
    metrics: { add() {} },
    table: { clearSuspect() {} },
  } as unknown as ServerRuntime;
});
after(() => {
  for (const socket of sockets) socket.destroy();
  http2.close();
});

/** Begins an attempt; what it was told in the end. */
function attempt(onConnection: (connection: UpstreamCarrier) => void = () => {}): Promise<string> {
  return new Promise((resolve) => {
    const listener = {
      onConnection: (_attempt, carrier) => {
        onConnection(carrier);
        resolve('connected');
      },
      onResponseFailure: ({ error }) => resolve(error),
      onBroken: (error) => resolve(error instanceof Error ? error.message : String(error)),
    } satisfies Partial<AttemptListener>;
    new ServerAttempt(server, pool, listener as unknown as AttemptListener).open(head, connection);
  });
}

describe('attempts that wait for the same connection', () => {
  it('hear of it each for itself: an exception of one is its own affair', async () => {
    const outcomes = await Promise.all([
      attempt(),
      attempt(() => {
        throw new Error('injected');
      }),
      attempt(),
    ]);
    assert.deepEqual(outcomes, ['connected', 'injected', 'connected']);
    assert.equal(accepted, 1);
    assert.equal(server.shared.size, 1);
  });

  it('where one is there hear of it at once, and whoever asked has the exception', async () => {
    assert.equal(await attempt(), 'connected');
    const thrown = new Error('injected');
    await assert.rejects(
      attempt(() => {
        throw thrown;
      }),
      thrown,
    );
    assert.equal(accepted, 1);
  });

  it('fail together where the server cannot be reached', async () => {
    await new Promise<void>((resolve) => {
      for (const socket of sockets) socket.destroy();
      http2.close(() => resolve());
    });
    while (server.shared.size > 0) await new Promise(setImmediate);
    assert.deepEqual(await Promise.all([attempt(), attempt()]), ['SERVER_UNREACHABLE', 'SERVER_UNREACHABLE']);
  });
});
