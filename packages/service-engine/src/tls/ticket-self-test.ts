// The start-up self-test: one handshake, one resumption and one renewal over loopback show that this Node orders its ticket events as we need.

import { connect as connectTcp, createServer, type Socket } from 'node:net';
import {
  connect as connectTls,
  createServer as createTlsServer,
  type SecureVersion,
  type Server as TlsServer,
} from 'node:tls';
import { createRingKeys, LimpetError } from '@limpet/model';
import { parseClientHello } from '../client-hello/parse-client-hello.ts';
import { systemClock } from '../lifecycle/clock.ts';
import { systemRandom } from '../lifecycle/random.ts';
import { createKeyRing } from '../session-ticket/key-ring.ts';
import { type OpenedTicket, openTickets } from '../session-ticket/open-ticket.ts';
import { TicketBinding, type TicketPlan } from '../session-ticket/ticket-binding.ts';

const SERVER_ID = 0x1234_5678_9abc;
const AFFINITY = 0xbeef;
const TIMEOUT_MS = 5000;
const LIFETIME_S = 600;

/**
 * Shows, in both versions, that a ticket names the server of its context; that a resumed TLS 1.3 connection gets a new ticket; and that what was
 * opened for a connection is what is sealed for it.
 *
 * @throws LimpetError SELF_TEST_FAILED with the step that went wrong.
 */
export async function runTicketSelfTest(chainPem: string, privateKeyPem: string): Promise<void> {
  const bench = new TestBench(chainPem, privateKeyPem);
  try {
    await bench.listen();
    for (const version of ['TLSv1.3', 'TLSv1.2'] as const) await testVersion(bench, version);
  } catch (error) {
    throw new LimpetError('SELF_TEST_FAILED', (error as Error).message, { cause: error });
  } finally {
    bench.close();
  }
}

async function testVersion(bench: TestBench, version: SecureVersion): Promise<void> {
  const tls13 = version === 'TLSv1.3';
  const first = await bench.visit(version, undefined, () => plan(tls13));
  require(!first.reused && first.sessions.length > 0, `${version}: no ticket on a full handshake`);
  const opened: OpenedTicket[] = [];
  const second = await bench.visit(version, first.sessions[0], (tickets) => {
    const ticket = openTickets(tickets, tls13, bench.ring, nowS(), LIFETIME_S);
    if (ticket.kind !== 'opened') return plan(tls13);
    opened.push(ticket);
    return { ...plan(tls13), resume: { keyName: ticket.keyName, code: tls13 ? 2 : 1, key: ticket.key } };
  });
  const [ticket] = opened;
  require(ticket !== undefined, `${version}: the ticket does not open`);
  require(ticket.mapping.serverId === SERVER_ID, `${version}: the ticket names another server`);
  require(ticket.mapping.tls13 === tls13, `${version}: the ticket names the other version`);
  require(!tls13 ||
    ticket.mapping.affinityKey === AFFINITY, `${version}: the affinity key is another connection's`);
  require(second.reused, `${version}: the session was not resumed`);
  require(!tls13 || second.sessions.length === 1, `${version}: a resumed connection got no new ticket`);
}

function require(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

function plan(tls13: boolean): TicketPlan {
  return { affinityKey: AFFINITY, expectsTls13Tickets: tls13 };
}

function nowS(): number {
  return Math.floor(systemClock.unixMs() / 1000);
}

interface Visit {
  readonly reused: boolean;
  readonly sessions: readonly Buffer[];
}

/** A listener whose connections go through parser and binding as those of the pipeline do. */
class TestBench {
  readonly ring = createKeyRing(createRingKeys(systemRandom, nowS()), 'self-test');
  readonly #tlsServer: TlsServer;
  readonly #tickets: TicketBinding;
  readonly #sockets = new Set<Socket>();
  readonly #listener = createServer((socket) => this.#onSocket(socket));
  #planFor: (tickets: readonly Buffer[]) => TicketPlan = () => plan(true);

  constructor(chainPem: string, privateKeyPem: string) {
    this.#tlsServer = createTlsServer({ cert: chainPem, key: privateKeyPem });
    this.#tickets = new TicketBinding(this.#tlsServer, {
      serverId: SERVER_ID,
      ring: () => this.ring,
      sessionReuse: true,
      clock: systemClock,
      random: systemRandom,
      onSeal: () => {},
    });
    this.#tlsServer.on('secureConnection', (socket) => socket.end('.'));
    this.#tlsServer.on('tlsClientError', (_error, socket) => socket.destroy());
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#listener.once('error', reject);
      this.#listener.listen(0, '127.0.0.1', resolve);
    });
  }

  close(): void {
    this.#listener.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  visit(
    version: SecureVersion,
    session: Buffer | undefined,
    planFor: (tickets: readonly Buffer[]) => TicketPlan,
  ): Promise<Visit> {
    this.#planFor = planFor;
    const bound = this.#listener.address() as { port: number };
    const sessions: Buffer[] = [];
    return new Promise((resolve, reject) => {
      const socket = connectTls({
        socket: connectTcp(bound.port, '127.0.0.1'),
        minVersion: version,
        maxVersion: version,
        // Nobody is authenticated here: both ends are this process.
        rejectUnauthorized: false,
        ...(session === undefined ? {} : { session }),
      });
      socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error(`${version}: no answer`)));
      socket.on('session', (ticket) => sessions.push(ticket));
      socket.on('error', reject);
      socket.on('end', () => {
        resolve({ reused: socket.isSessionReused(), sessions });
        socket.destroy();
      });
      socket.resume();
    });
  }

  #onSocket(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    let received = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
      const parsed = parseClientHello(received);
      if (parsed.kind === 'incomplete') return;
      socket.off('data', onData);
      socket.pause();
      if (parsed.kind === 'refused') return void socket.destroy();
      const { sessionTicket, pskIdentities } = parsed.hello;
      const tickets =
        pskIdentities.length > 0 || sessionTicket === undefined ? pskIdentities : [sessionTicket];
      socket.unshift(received);
      this.#tickets.expect(socket, this.#planFor(tickets));
      this.#tlsServer.emit('connection', socket);
    };
    socket.on('data', onData);
  }
}
