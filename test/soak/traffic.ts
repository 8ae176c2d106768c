// The traffic of a soak: kinds of clients, each of which goes on until it is told to stop, and checks every answer that it gets.

import { randomBytes } from 'node:crypto';
import { setTimeout as elapse } from 'node:timers/promises';
import { connect } from 'node:tls';
import { TicketClient } from '@limpet/testkit';
import type { SeededRandom } from '../fuzz/seeded-random.ts';
import { CookieClient, type CookieReply } from '../support/cookie-client.ts';
import type { Sending } from '../support/http-clients.ts';
import { attempt, jarsOf, type Lane, pause, portOf } from './lane.ts';
import { call, http1WebSocket, http2WebSocket, slowReader } from './stream-traffic.ts';

const BODY_BYTES_MAX = 200_000;

/** Tickets that return over all engines, cookies too; keep-alive between, for as long as the engine keeps the connection. */
const returning =
  (version: 'TLSv1.2' | 'TLSv1.3'): Lane =>
  async (context) => {
    const { random, signal } = context;
    const client = new TicketClient({ version, servername: `soak-${random.below(1000)}.limpet.test` });
    const jar = new CookieClient();
    const kind = `h1 ${version}`;
    while (!signal.aborted) {
      let connection: Awaited<ReturnType<TicketClient['connect']>> | undefined;
      const requests = 1 + random.below(12);
      for (let turn = 0, goesOn = true; goesOn && turn < requests && !signal.aborted; turn++) {
        const isWell = await attempt(context, kind, async (mark) => {
          connection ??= await client.connect(portOf(context, 0));
          const answer = await connection.request(`/chunked/${mark}`, { headers: jar.fields });
          jar.take([answer.headers.get('set-cookie') ?? []].flat());
          goesOn = answer.headers.get('connection') !== 'close';
          return answer.status === 200 && answer.body === 'one two three\n'
            ? undefined
            : `status ${answer.status}`;
        });
        goesOn &&= isWell;
        await pause(context);
      }
      await connection?.close();
      // A client keeps a few tickets, not all that it ever got.
      client.tickets.splice(0, Math.max(0, client.tickets.length - 4));
    }
  };

/** Requests with bodies up and down, at most so many at a time, with the cookies of the visits before. */
const visits =
  (version: 'h1' | 'h2', atATime: number): Lane =>
  async (context) => {
    const { random, signal } = context;
    const jarOf = jarsOf(context);
    for (let visit = 0; !signal.aborted; visit++) {
      const connection = jarOf(visit).connect(version, portOf(context, visit));
      for (let round = 0, goesOn = true; goesOn && round < 5 && !signal.aborted; round++) {
        const asked = await Promise.all(
          Array.from({ length: 1 + random.below(atATime) }, () =>
            attempt(context, version, (mark) => ask(connection, random, mark)),
          ),
        );
        goesOn = asked.every((isWell) => isWell);
        await pause(context);
      }
      connection.close();
    }
  };

async function ask(
  client: { request(sending: Sending): Promise<CookieReply> },
  random: SeededRandom,
  mark: string,
): Promise<string | undefined> {
  const body = randomBytes(random.below(BODY_BYTES_MAX));
  const sending: Sending = random.pick<Sending>([
    { path: `/chunked/${mark}` },
    { path: `/bytes/${mark}?n=${body.length}` },
    { path: `/slow/${mark}?ms=${random.below(300)}` },
    { path: `/trailers/${mark}` },
    { method: 'POST', path: `/echo/${mark}`, body },
    { method: 'POST', path: `/echo/${mark}`, body: [body.subarray(0, 1000), body.subarray(1000)] },
  ]);
  const reply = await client.request(sending);
  const isWhole =
    reply.status === 200 &&
    (sending.body === undefined || reply.body.equals(body)) &&
    (sending.path?.startsWith('/bytes') !== true || reply.body.length === body.length) &&
    (sending.path?.startsWith('/trailers') !== true || reply.trailers['x-checksum'] === '42');
  return isWhole
    ? undefined
    : `${sending.method ?? 'GET'} ${sending.path}: ${reply.status}, ${reply.body.length} bytes`;
}

/** Goes away in the middle: of the handshake, of a request, of an answer. */
const aborter: Lane = async (context) => {
  const { outcomes, random, signal } = context;
  const requests = (mark: string) => [
    'GET / HTT',
    `GET /slow/${mark}?ms=2000 HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    `GET /bytes/${mark}?n=3000000 HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    `POST /echo/${mark} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nsome`,
  ];
  for (let visit = 0; !signal.aborted; visit++) {
    const options = { host: '127.0.0.1', port: portOf(context, visit), servername: 'localhost' };
    const socket = connect({ ...options, rejectUnauthorized: false });
    socket.on('error', () => {});
    const request = random.pick(requests(outcomes.newMark()));
    socket.once('secureConnect', () => socket.write(request));
    socket.on('data', () => {});
    await elapse(random.below(80));
    socket.destroy();
    outcomes.aborted();
  }
};

/** The same over HTTP/2: streams that are reset, and sessions that go away with all of theirs. */
const http2Aborter: Lane = async (context) => {
  const { outcomes, random, signal } = context;
  for (let visit = 0; !signal.aborted; visit++) {
    const client = new CookieClient().connect('h2', portOf(context, visit));
    const asked = Array.from({ length: 1 + random.below(6) }, () =>
      client
        .request(random.pick([{ path: '/slow/a?ms=500' }, { path: '/bytes/a?n=1000000' }]))
        .catch(() => {}),
    );
    await elapse(random.below(120));
    client.close();
    await Promise.all(asked);
    outcomes.aborted();
  }
};

export const lanes: readonly Lane[] = [
  returning('TLSv1.3'),
  returning('TLSv1.2'),
  visits('h2', 8),
  visits('h2', 8),
  visits('h1', 1),
  visits('h1', 1),
  http1WebSocket,
  http2WebSocket,
  call,
  slowReader,
  aborter,
  http2Aborter,
];
