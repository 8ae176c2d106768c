// Load of connections with one request each: with a full handshake, or by clients that keep their session ticket.

import { Http1Connection } from './http1-connection.ts';
import { runLanes } from './lanes.ts';
import type { BlockReport, TlsVersion } from './load-command.ts';
import { clientAddress } from './tls-client.ts';

/** A client with an address of its own, one ticket, and the server that its first connection reached. */
interface Client {
  readonly address: string;
  nextPort: number;
  ticket: Buffer | undefined;
  ownServer: string | undefined;
}

interface ConnectionOutcome {
  readonly resumed: boolean;
  readonly serverName: string;
  readonly ticket: Buffer | undefined;
}

// More clients than run at once, so that a client's last connection has been closed when its next one comes.
const CLIENTS = 48;
const FULL_HANDSHAKE_CLIENTS = 200;

const clientsByName = new Map<string, readonly Client[]>();

export async function runFullConnections(
  ports: readonly number[],
  version: TlsVersion,
  concurrency: number,
  durationMs: number,
): Promise<BlockReport> {
  let started = 0;
  let resumed = 0;
  const report = await runLanes(concurrency, durationMs, (_lane, done) => {
    const turn = started++;
    const localAddress = clientAddress(turn % FULL_HANDSHAKE_CLIENTS);
    connectOnce(ports[turn % ports.length]!, version, localAddress, undefined, (error, outcome) => {
      if (outcome?.resumed) resumed++;
      done(error);
    });
  });
  return { ...report, resumed, renewed: 0, ownServer: 0 };
}

export async function runResumedConnections(
  name: string,
  ports: readonly number[],
  version: TlsVersion,
  concurrency: number,
  durationMs: number,
): Promise<BlockReport> {
  const clients = clientsByName.get(name) ?? newClients(ports.length);
  clientsByName.set(name, clients);
  const idle = clients.slice();
  let resumed = 0;
  let renewed = 0;
  let ownServer = 0;
  const report = await runLanes(concurrency, durationMs, (_lane, done) => {
    const client = idle.shift()!;
    const port = ports[client.nextPort]!;
    client.nextPort = (client.nextPort + 1) % ports.length;
    connectOnce(port, version, client.address, client.ticket, (error, outcome) => {
      idle.push(client);
      if (outcome !== undefined) {
        if (outcome.resumed) resumed++;
        if (outcome.resumed && outcome.ticket !== undefined) renewed++;
        client.ownServer ??= outcome.serverName;
        if (outcome.resumed && outcome.serverName === client.ownServer) ownServer++;
        // A subject that sends no new ticket on a resumed connection is shown the old one again.
        client.ticket = outcome.ticket ?? client.ticket;
      }
      done(error);
    });
  });
  return { ...report, resumed, renewed, ownServer, clientsPerServer: count(clients) };
}

function newClients(ports: number): readonly Client[] {
  return Array.from({ length: CLIENTS }, (_, index) => ({
    address: clientAddress(1000 + index),
    nextPort: index % ports,
    ticket: undefined,
    ownServer: undefined,
  }));
}

function count(clients: readonly Client[]): Record<string, number> {
  const perServer: Record<string, number> = {};
  for (const { ownServer } of clients) {
    if (ownServer !== undefined) perServer[ownServer] = (perServer[ownServer] ?? 0) + 1;
  }
  return perServer;
}

/** Handshake, request, response, orderly close. */
function connectOnce(
  port: number,
  version: TlsVersion,
  localAddress: string,
  session: Buffer | undefined,
  done: (error: Error | undefined, outcome?: ConnectionOutcome) => void,
): void {
  let ticket: Buffer | undefined;
  let outcome: ConnectionOutcome | undefined;
  const connection = new Http1Connection(
    { port, version, localAddress, ...(session === undefined ? {} : { session }) },
    {
      onTicket: (received) => {
        ticket = received;
      },
      onResponse: (serverName) => {
        outcome = { resumed: connection.resumed, serverName, ticket };
        connection.end();
      },
      // What goes wrong after a complete response is the subject's way to close, not a failed operation.
      onClose: (error) => done(outcome === undefined ? (error ?? new Error('closed')) : undefined, outcome),
    },
  );
  connection.request();
}
