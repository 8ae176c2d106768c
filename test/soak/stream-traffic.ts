// The long-lived clients of a soak: WebSockets over both HTTP versions, calls of gRPC, and readers that take their time.

import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import type { Duplex } from 'node:stream';
import { setTimeout as elapse } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { attempt, jarsOf, type Lane, pause, portOf, type TrafficContext } from './lane.ts';

const SILENCE_MS = 15_000;
const MESSAGES = 10;

async function openHttp1(port: number): Promise<TLSSocket> {
  const socket = connect({
    ...{ host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: false },
    ALPNProtocols: ['http/1.1'],
  });
  await once(socket, 'secureConnect', { signal: AbortSignal.timeout(SILENCE_MS) });
  socket.on('error', () => {});
  return socket;
}

async function openHttp2(port: number): Promise<ClientHttp2Session> {
  const session = connectHttp2(`https://127.0.0.1:${port}`, {
    ...{ servername: 'localhost', rejectUnauthorized: false },
  });
  // Whether extended CONNECT is offered.
  await once(session, 'remoteSettings', { signal: AbortSignal.timeout(SILENCE_MS) });
  session.on('error', () => {});
  return session;
}

/** What comes from a stream, and waiting for some of it. */
class Incoming {
  #received = '';
  #closed = false;
  #error: Error | undefined;
  #wake = (): void => {};

  constructor(stream: Duplex) {
    stream.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('latin1');
      this.#wake();
    });
    stream.on('error', (error) => {
      this.#error = error;
    });
    stream.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
  }

  /** Everything up to the text and with it. */
  until(text: string): Promise<string> {
    return this.#wait(
      () => {
        const end = this.#received.indexOf(text) + text.length;
        if (end < text.length) {
          if (this.#closed) throw this.#error ?? new Error('the stream was closed');
          return undefined;
        }
        const taken = this.#received.slice(0, end);
        this.#received = this.#received.slice(end);
        return taken;
      },
      text.slice(0, 10),
    );
  }

  /** Its end, and nothing before it. */
  async ended(): Promise<void> {
    await this.#wait(() => (this.#closed ? true : undefined), 'the end');
    if (this.#error !== undefined || this.#received !== '') throw this.#error ?? new Error('more came');
  }

  async #wait<T>(look: () => T | undefined, what: string): Promise<T> {
    const deadlineMs = performance.now() + SILENCE_MS;
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (performance.now() > deadlineMs) throw new Error(`nothing came for too long instead of ${what}`);
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await Promise.race([woken, elapse(1000)]);
    }
  }
}

/** Messages, each of which has to come back. */
async function talk(context: TrafficContext, stream: Duplex, incoming: Incoming): Promise<void> {
  const { random, signal } = context;
  for (let turn = 0; turn < MESSAGES && !signal.aborted; turn++) {
    const message = `<${turn} ${random.uint32()} ${'.'.repeat(random.below(5000))}>`;
    stream.write(message);
    await incoming.until(message);
    await pause(context);
  }
}

export const http1WebSocket: Lane = async (context) => {
  const jarOf = jarsOf(context);
  for (let visit = 0; !context.signal.aborted; visit++) {
    await attempt(context, 'WebSocket over h1', async (mark) => {
      const socket = await openHttp1(portOf(context, visit));
      try {
        const incoming = new Incoming(socket);
        const { cookie = 'none=0' } = jarOf(visit).fields;
        socket.write(
          `GET /chat/${mark} HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
        );
        const head = await incoming.until('\r\n\r\n');
        jarOf(visit).take([...head.matchAll(/^set-cookie: (.*)$/gim)].map(([, line]) => line ?? ''));
        if (!head.startsWith('HTTP/1.1 101 ')) return head.slice(0, 30);
        await talk(context, socket, incoming);
        return undefined;
      } finally {
        socket.destroy();
      }
    });
  }
};

export const http2WebSocket: Lane = async (context) => {
  const jarOf = jarsOf(context);
  for (let visit = 0; !context.signal.aborted; visit++) {
    await attempt(context, 'WebSocket over h2', async (mark) => {
      const session = await openHttp2(portOf(context, visit));
      try {
        const stream = session.request(
          {
            ...{ ':method': 'CONNECT', ':protocol': 'websocket', ':authority': 'localhost' },
            ...{ ':path': `/chat/${mark}`, 'sec-websocket-version': '13', ...jarOf(visit).fields },
          },
          { endStream: false },
        );
        const incoming = new Incoming(stream);
        const [head] = await once(stream, 'response', { signal: AbortSignal.timeout(SILENCE_MS) });
        jarOf(visit).take(head['set-cookie'] ?? []);
        if (head[':status'] !== 200) return `status ${head[':status']}`;
        await talk(context, stream, incoming);
        stream.end();
        return undefined;
      } finally {
        session.destroy();
      }
    });
  }
};

/** A call of gRPC in which messages go both ways until the client has said all; at the servers that speak HTTP/2. */
export const call: Lane = async (context) => {
  const { services, signal } = context;
  const jar = jarsOf(context)(0);
  while (!signal.aborted) {
    await attempt(context, 'gRPC', async (mark) => {
      const session = await openHttp2(portOf(context, services.length - 1));
      try {
        const stream = session.request({
          ...{ ':method': 'POST', ':path': `/talk/${mark}`, ':authority': 'localhost' },
          ...{ te: 'trailers', 'content-type': 'application/grpc', ...jar.fields },
        });
        stream.once('response', (head) => jar.take(head['set-cookie'] ?? []));
        const incoming = new Incoming(stream);
        let status: unknown;
        stream.once('trailers', (fields) => {
          status = fields['grpc-status'];
        });
        await talk(context, stream, incoming);
        stream.end();
        await incoming.ended();
        return status === '0' ? undefined : `grpc-status ${status}`;
      } finally {
        session.destroy();
      }
    });
  }
};

/** Takes a large answer in small sips. */
export const slowReader: Lane = async (context) => {
  const { random, signal } = context;
  for (let visit = 0; !signal.aborted; visit++) {
    const bytes = 500_000 + random.below(2_000_000);
    await attempt(context, 'slow reader', async (mark) => {
      const socket = await openHttp1(portOf(context, visit));
      socket.write(`GET /bytes/${mark}?n=${bytes} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
      let length = 0;
      let head = '';
      for await (const chunk of socket as AsyncIterable<Buffer>) {
        if (length === 0) head = chunk.toString('latin1', 0, 12);
        length += chunk.length;
        await elapse(random.below(8));
      }
      return head === 'HTTP/1.1 200' && length >= bytes ? undefined : `${head}, ${length} of ${bytes} bytes`;
    });
  }
};
