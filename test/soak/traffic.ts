// The traffic of a soak: kinds of clients, each of which goes on until it is told to stop, and checks every answer that it gets.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as elapse } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { TicketClient } from '@limpet/testkit';
import type { SeededRandom } from '../fuzz/seeded-random.ts';
import { openClient, type Reply, type Sending } from '../support/http-clients.ts';
import type { Outcomes } from './outcomes.ts';

export interface TrafficContext {
  readonly ports: readonly number[];
  readonly random: SeededRandom;
  readonly outcomes: Outcomes;
  /** Ends every lane after what it is doing. */
  readonly signal: AbortSignal;
}

/** A client that goes on until the signal; it never throws. */
export type Lane = (context: TrafficContext) => Promise<void>;

const BODY_BYTES_MAX = 200_000;
const PAUSE_MS_MAX = 60;

function portOf({ ports, random }: TrafficContext): number {
  return ports[random.below(ports.length)] as number;
}

async function pause({ random }: TrafficContext): Promise<void> {
  await elapse(random.below(PAUSE_MS_MAX));
}

/** Tickets that return over all engines; keep-alive between, for as long as the engine keeps the connection. */
const returning =
  (version: 'TLSv1.2' | 'TLSv1.3'): Lane =>
  async (context) => {
    const { outcomes, random, signal } = context;
    const kind = `h1 ${version}`;
    const client = new TicketClient({ version, servername: `soak-${random.below(1000)}.limpet.test` });
    const jar = new Map<string, string>();
    while (!signal.aborted) {
      const startedAtMs = performance.now();
      let startedRequestAtMs = startedAtMs;
      try {
        const connection = await client.connect(portOf(context));
        const requests = 1 + random.below(12);
        for (let turn = 0; turn < requests && !signal.aborted; turn++) {
          startedRequestAtMs = performance.now();
          const cookie = [...jar.values()].join('; ');
          const answer = await connection.request('/chunked', cookie === '' ? {} : { headers: { cookie } });
          if (answer.status !== 200 || answer.body !== 'one two three\n')
            outcomes.failed(kind, startedRequestAtMs, `status ${answer.status}`);
          else outcomes.answered(kind);
          const set = answer.headers.get('set-cookie')?.split(';')[0];
          if (set !== undefined) jar.set(set.slice(0, set.indexOf('=')), set);
          if (answer.headers.get('connection') === 'close') break;
          await pause(context);
        }
        await connection.close();
      } catch (error) {
        outcomes.failed(kind, startedRequestAtMs, String(error));
      }
      // A client keeps a few tickets, not all that it ever got.
      client.tickets.splice(0, Math.max(0, client.tickets.length - 4));
    }
  };

/** Parallel streams with bodies up and down. */
const streams: Lane = async (context) => {
  const { random, signal } = context;
  while (!signal.aborted) {
    const client = openClient('h2', portOf(context));
    for (let round = 0; round < 5 && !signal.aborted; round++) {
      let told = false;
      await Promise.all(
        Array.from({ length: 1 + random.below(8) }, async () => {
          told = (await ask(context, client, 'h2', true)) === 'told to reconnect' || told;
        }),
      );
      if (told) break;
      await pause(context);
    }
    client.close();
  }
};

/** Bodies both ways over HTTP/1.1, with and without a length. */
const bodies: Lane = async (context) => {
  while (!context.signal.aborted) {
    const client = openClient('h1', portOf(context));
    for (let turn = 0; turn < 4 && !context.signal.aborted; turn++)
      await ask(context, client, 'h1 body', false);
    client.close();
    await pause(context);
  }
};

async function ask(
  context: TrafficContext,
  client: { request(sending: Sending): Promise<Reply> },
  kind: string,
  isHttp2: boolean,
): Promise<'told to reconnect' | 'done'> {
  const { outcomes, random } = context;
  const body = randomBytes(random.below(BODY_BYTES_MAX));
  const sendings: readonly Sending[] = [
    { path: '/' },
    { path: `/bytes?n=${random.below(BODY_BYTES_MAX)}` },
    { path: `/slow?ms=${random.below(300)}` },
    { path: '/trailers' },
    { method: 'POST', path: '/echo', body },
    { method: 'POST', path: '/echo', body: [body.subarray(0, 1000), body.subarray(1000)] },
  ];
  const sending = sendings[random.below(sendings.length)] as Sending;
  const startedAtMs = performance.now();
  try {
    const reply = await client.request(sending);
    const echoed = sending.path !== '/echo' || reply.body.equals(body);
    if (reply.status === 200 && echoed) outcomes.answered(kind);
    else outcomes.failed(kind, startedAtMs, `${sending.method ?? 'GET'} ${sending.path}: ${reply.status}`);
  } catch (error) {
    // After GOAWAY the client opens no stream on the connection; what it has not sent is not lost (RFC 9113 §6.8).
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (isHttp2 && /GOAWAY|INVALID_SESSION|SESSION_ERROR/.test(code)) return 'told to reconnect';
    outcomes.failed(kind, startedAtMs, `${sending.method ?? 'GET'} ${sending.path}: ${String(error)}`);
  }
  return 'done';
}

async function open(context: TrafficContext): Promise<TLSSocket> {
  const options = { host: '127.0.0.1', port: portOf(context), servername: 'localhost' };
  const socket = connect({ ...options, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] });
  await once(socket, 'secureConnect', { signal: AbortSignal.timeout(15_000) });
  socket.on('error', () => {});
  return socket;
}

/** A tunnel with bytes both ways. */
const webSocket: Lane = async (context) => {
  const { outcomes, random, signal } = context;
  while (!signal.aborted) {
    const startedAtMs = performance.now();
    try {
      const socket = await open(context);
      let received = '';
      socket.on('data', (chunk: Buffer) => {
        received += chunk.toString('latin1');
      });
      const closed = new Promise<never>((_, reject) =>
        socket.once('close', () => reject(new Error('the tunnel was closed'))),
      );
      closed.catch(() => {});
      const until = async (text: string): Promise<void> => {
        const deadlineMs = performance.now() + 15_000;
        while (!received.includes(text)) {
          if (performance.now() > deadlineMs) throw new Error('nothing came back');
          await Promise.race([elapse(5), closed]);
        }
      };
      socket.write(
        'GET /chat HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
      );
      await until('\r\n\r\n');
      if (!received.startsWith('HTTP/1.1 101 ')) throw new Error(received.slice(0, 30));
      for (let turn = 0; turn < 10 && !signal.aborted; turn++) {
        received = '';
        const message = `<${turn} ${random.uint32()}>`;
        socket.write(message);
        await until(message);
        await pause(context);
      }
      socket.destroy();
      outcomes.answered('WebSocket');
    } catch (error) {
      outcomes.failed('WebSocket', startedAtMs, String(error));
    }
  }
};

/** Takes a large answer in small sips. */
const slowReader: Lane = async (context) => {
  const { outcomes, random, signal } = context;
  while (!signal.aborted) {
    const bytes = 500_000 + random.below(2_000_000);
    const startedAtMs = performance.now();
    try {
      const socket = await open(context);
      socket.write(`GET /bytes?n=${bytes} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
      let length = 0;
      let head = '';
      for await (const chunk of socket as AsyncIterable<Buffer>) {
        if (length === 0) head = chunk.toString('latin1', 0, 12);
        length += chunk.length;
        await elapse(random.below(8));
      }
      if (head !== 'HTTP/1.1 200' || length < bytes)
        outcomes.failed('slow reader', startedAtMs, `${head}, ${length} of ${bytes} bytes`);
      else outcomes.answered('slow reader');
    } catch (error) {
      outcomes.failed('slow reader', startedAtMs, String(error));
    }
  }
};

/** Goes away in the middle: of the handshake, of a request, of an answer. */
const aborter: Lane = async (context) => {
  const { outcomes, random, signal } = context;
  const requests = [
    'GET / HTT',
    'GET /slow?ms=2000 HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'GET /bytes?n=3000000 HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nsome',
  ];
  while (!signal.aborted) {
    const options = { host: '127.0.0.1', port: portOf(context), servername: 'localhost' };
    const socket = connect({ ...options, rejectUnauthorized: false });
    socket.on('error', () => {});
    const request = requests[random.below(requests.length)] as string;
    socket.once('secureConnect', () => socket.write(request));
    socket.on('data', () => {});
    await elapse(random.below(80));
    socket.destroy();
    outcomes.aborted();
  }
};

export const lanes: readonly Lane[] = [
  returning('TLSv1.3'),
  returning('TLSv1.2'),
  returning('TLSv1.3'),
  streams,
  streams,
  bodies,
  webSocket,
  slowReader,
  aborter,
];
