// The handshakes under way: connections from the moment that TLS is given their socket until it is done with them, well or not.

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ErrorCode } from '@limpet/model';
import type { TicketPlan } from '../session-ticket/ticket-binding.ts';
import { metricOffset } from '../telemetry/metrics-table.ts';
import type { SecureServer } from '../tls/secure-servers.ts';
import type { JudgedSession } from './client-admission.ts';
import type { ClientConnection } from './client-connection.ts';
import { HANDSHAKE_TIMEOUT_MS } from './virtual-service.ts';

export interface Handshake {
  readonly connection: ClientConnection;
  readonly secureServer: SecureServer;
  /** Of the ticket that may be resumed. */
  readonly session: JudgedSession | undefined;
}

/** TLS reports by socket; this finds the connection. */
export class Handshakes {
  readonly #byRawSocket = new Map<Socket, Handshake>();

  start(handshake: Handshake, plan: TicketPlan): void {
    const { connection, secureServer } = handshake;
    const { rawSocket } = connection;
    this.#byRawSocket.set(rawSocket, handshake);
    secureServer.tickets.expect(rawSocket, plan);
    connection.deadline.restart(HANDSHAKE_TIMEOUT_MS);
    // A client that ends now will never finish: left half open, it would hold the connection until the deadline, and nothing of its own.
    rawSocket.allowHalfOpen = false;
    // The TLSSocket closes with it, and tells of it only if the handshake had begun. What it tells comes in the same turn, and may know more: Node
    // closes who shows a bad certificate where one is required.
    rawSocket.once('close', () =>
      setImmediate(() => this.fail(rawSocket, 'CLIENT_GONE', 'closed during the handshake')),
    );
    secureServer.tlsServer.emit('connection', rawSocket);
  }

  find(rawSocket: Socket): Handshake | undefined {
    return this.#byRawSocket.get(rawSocket);
  }

  /** Takes one out that is over; undefined where it was over before. */
  finish(rawSocket: Socket): Handshake | undefined {
    const handshake = this.#byRawSocket.get(rawSocket);
    if (handshake === undefined) return undefined;
    this.#byRawSocket.delete(rawSocket);
    handshake.secureServer.tickets.forget(rawSocket);
    return handshake;
  }

  /** Ends the connection of one that came to nothing; false where it was over before. */
  fail(rawSocket: Socket, error: ErrorCode, detail: string): boolean {
    const connection = this.finish(rawSocket)?.connection;
    if (connection === undefined) return false;
    connection.addSignificance('ADF_CLIENT_SSL_HANDSHAKE_FAILURE');
    connection.end(error, detail);
    return true;
  }
}

/** Counts a handshake that is done, and puts into the record what it agreed on. */
export function noteHandshake(connection: ClientConnection, socket: TLSSocket): void {
  const reused = socket.isSessionReused();
  const version = socket.getProtocol() ?? '';
  connection.virtualService.metrics.add(
    metricOffset(
      reused ? 'limpet_handshakes_reused_total' : 'limpet_handshakes_new_total',
      version === 'TLSv1.3' ? '1.3' : '1.2',
    ),
  );
  if (!connection.services.accessLog.enabled) return;
  connection.record.tls = {
    version,
    cipher: socket.getCipher().standardName,
    reused,
    alpn: socket.alpnProtocol || 'http/1.1',
  };
}
