// The way of a connection: accept → ClientHello → ticket → server → handshake → HTTP. The only file that knows the order.

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ErrorCode, TlsSnapshot } from '@limpet/model';
import { createStreamChannel } from '../channel/stream-channel.ts';
import type { ClientHello } from '../client-hello/client-hello.ts';
import { readClientHello } from '../client-hello/read-client-hello.ts';
import { Http1DownstreamConnection } from '../http/http1/downstream-connection.ts';
import { Http2DownstreamConnection } from '../http/http2/downstream-connection.ts';
import type { HttpServices } from '../http/proxied-connection.ts';
import type { Accepted } from '../listener/tcp-listener.ts';
import { fingerprintOf } from '../load-balancing/client-key.ts';
import { type TicketDecision, tlsTicket } from '../persistence/tls-ticket.ts';
import { countSelection } from '../pool/count-selection.ts';
import { type ConnectionSelection, selectForConnection } from '../pool/select-for-connection.ts';
import { readProxyHeader } from '../proxy-protocol/read-proxy-header.ts';
import type { TrustedProxies } from '../proxy-protocol/trusted-proxies.ts';
import { decideResumption } from '../session-ticket/resumption.ts';
import { rawSocketOf, type TicketPlan } from '../session-ticket/ticket-binding.ts';
import { metricOffset } from '../telemetry/metrics-table.ts';
import { admitClient } from '../tls/admit-client.ts';
import type { SecureServer, SecureServerListener } from '../tls/secure-servers.ts';
import { matchCertificateName } from '../tls/tls-policy.ts';
import {
  isLetIn,
  type JudgedSession,
  judgeSession,
  noteAdmission,
  refusalOf,
  withoutResumption,
} from './client-admission.ts';
import { ClientConnection } from './client-connection.ts';
import { ConnectionRecord } from './connection-record.ts';
import { answerPlainHttp } from './plain-http-answer.ts';
import { HANDSHAKE_TIMEOUT_MS, type VirtualService } from './virtual-service.ts';

/** What a proxy says of a connection has to arrive in this time; its specification asks for 3 s at least. */
export const PROXY_HEADER_TIMEOUT_MS = 5000;
/** A complete ClientHello has to arrive in this time. */
export const HELLO_TIMEOUT_MS = 5000;

/** How long a client that was turned away may take to close its side. */
const TURNED_AWAY_MS = 1000;

const metric = {
  capacity: metricOffset('limpet_connections_failed_total', 'capacity'),
  received: metricOffset('limpet_tickets_received_total'),
  missing: metricOffset('limpet_tickets_missing_total'),
  issued: metricOffset('limpet_tickets_issued_total'),
  renewed: metricOffset('limpet_tickets_renewed_total'),
} as const;

/** What a worker's connections share. */
export interface PipelineServices extends HttpServices {
  /** A new connection id. */
  readonly newConnectionId: () => string;
  /** The pipeline of another virtual service, by its uuid. */
  readonly pipelineOf: (virtualServiceUuid: string) => ConnectionPipeline | undefined;
  /** An exception that ended a connection: a defect, to be reported. */
  readonly onException: (error: unknown) => void;
  /** The connection is one that gives way to no other any more. */
  readonly onGreeted: (socket: Socket) => void;
}

/** A connection between its hand-over to TLS and the end of its handshake. */
interface Handshake {
  readonly connection: ClientConnection;
  readonly secureServer: SecureServer;
  /** Of the ticket that may be resumed. */
  readonly session: JudgedSession | undefined;
}

/**
 * Makes a connection of an accepted socket and takes it through the stages. Nothing it throws leaves it: an exception ends this
 * connection alone.
 */
export class ConnectionPipeline implements SecureServerListener {
  readonly #services: PipelineServices;
  readonly #virtualService: () => VirtualService;
  readonly #handshakes = new Map<Socket, Handshake>();

  /** @param virtualService read at each use: the pipeline is made before the virtual service that it serves. */
  constructor(services: PipelineServices, virtualService: () => VirtualService) {
    this.#services = services;
    this.#virtualService = virtualService;
  }

  /** @param proxies whose connections begin with a PROXY protocol header, if anybody's do. */
  /** A connection was reset since the engine holds as many as it may. */
  countRefused(): void {
    this.#virtualService().metrics.add(metric.capacity);
  }

  accept(accepted: Accepted, terminatesTls: boolean, proxies?: TrustedProxies): void {
    const { socket, client, local } = accepted;
    const isProxied = proxies?.has(client.ip) === true;
    const services = this.#services;
    const record = new ConnectionRecord(services.newConnectionId(), client, services.clock.monotonicMs());
    const connection = new ClientConnection(
      services,
      this.#virtualService(),
      socket,
      local,
      terminatesTls,
      record,
      (late) => this.#onDeadline(late),
      (isProxied ? PROXY_HEADER_TIMEOUT_MS : 0) + HELLO_TIMEOUT_MS + HANDSHAKE_TIMEOUT_MS,
    );
    this.#guard(connection, () => {
      if (isProxied) this.#readProxyHeader(connection);
      else this.#begin(connection);
    });
  }

  #begin(connection: ClientConnection): void {
    if (connection.secure) this.#greet(connection);
    else {
      this.#services.onGreeted(connection.rawSocket);
      this.#servePlain(connection);
    }
  }

  // --- PROXY protocol

  /** Nothing is guessed: from a listed proxy a header has to come, and from anybody else none is looked for. */
  #readProxyHeader(connection: ClientConnection): void {
    connection.record.stage = 'proxy_header';
    const options = { deadlines: this.#services.deadlines, timeoutMs: PROXY_HEADER_TIMEOUT_MS };
    readProxyHeader(connection.rawSocket, options, (result) => {
      this.#guard(connection, () => {
        if (result.kind === 'refused') {
          this.#fail(connection, result.error, result.detail);
          return;
        }
        const { header } = result;
        if (header.kind === 'proxied') connection.cameBy(header.client, header.destination);
        connection.record.stage = 'client_hello';
        this.#begin(connection);
        // It was paused where the header ended.
        connection.rawSocket.resume();
      });
    });
  }

  // --- ClientHello

  #greet(connection: ClientConnection): void {
    const { rawSocket } = connection;
    const options = { deadlines: this.#services.deadlines, timeoutMs: HELLO_TIMEOUT_MS };
    readClientHello(rawSocket, options, (result) => {
      this.#guard(connection, () => {
        if (result.kind === 'hello') {
          this.#route(connection, result.hello);
        } else {
          connection.addSignificance('ADF_CLIENT_HELLO_REFUSED');
          this.#refuseHello(connection, result.error, result.detail);
        }
      });
    });
  }

  #refuseHello(connection: ClientConnection, error: ErrorCode, detail: string): void {
    const { deadlines, newRequestId } = this.#services;
    const { resetsPlainHttp } = connection.virtualService.current.snapshot.http;
    if (error !== 'PLAIN_HTTP_ON_TLS_PORT' || resetsPlainHttp) {
      this.#fail(connection, error, detail);
      return;
    }
    connection.end(error, detail);
    answerPlainHttp(connection.rawSocket, deadlines, newRequestId());
  }

  /** The host that the client names may belong to another virtual service of the listener. */
  #route(connection: ClientConnection, hello: ClientHello): void {
    const { current, uuid } = connection.virtualService;
    const owner = current.hosts?.ownerOf(hello.serverName) ?? uuid;
    const target = owner === uuid ? this : this.#services.pipelineOf(owner);
    if (target === undefined) {
      // The configuration changed between accept and ClientHello.
      this.#fail(connection, 'HANDSHAKE_FAILED', 'the virtual service of the host is gone');
      return;
    }
    if (target !== this) connection.moveTo(target.#virtualService());
    target.#guard(connection, () => target.#placeAndSecure(connection, hello));
  }

  // --- ticket and server

  #placeAndSecure(connection: ClientConnection, hello: ClientHello): void {
    const { virtualService, record } = connection;
    const { snapshot, pool, secureServers } = virtualService.current;
    const { tls } = snapshot;
    if (tls === undefined || secureServers === undefined) {
      // The configuration changed between accept and ClientHello.
      this.#fail(connection, 'HELLO_NOT_TLS', 'TLS is not configured any more');
      return;
    }
    record.serverName = hello.serverName ?? '';
    record.stage = 'select_server';
    const nowS = Math.floor(this.#services.clock.unixMs() / 1000);
    const ticket = tlsTicket.decide(hello, tls, virtualService.ring, nowS);
    this.#countTicket(connection, ticket);
    const selection = selectForConnection(pool, {
      mapping: ticket.kind === 'opened' ? ticket.mapping : undefined,
      bindConnection: !snapshot.http.connectionMultiplexing,
      clientIp: connection.client.ip,
      clientPort: connection.client.port,
      hello,
      affinitySecret: virtualService.ring.affinitySecret,
    });
    for (const code of selection.significance) connection.addSignificance(code);
    if (pool.snapshot.persistence.kind === 'tls') countSelection(virtualService.metrics, 'tls', selection);
    else if (pool.snapshot.persistence.kind === 'http-cookie') connection.fingerprint = fingerprintOf(hello);
    if (selection.kind === 'abort') {
      this.#reset(connection, selection);
      return;
    }
    connection.place(selection.placement);
    record.stage = 'handshake';
    const planned = planTickets(ticket, selection, hello, tls, nowS);
    const session = judgeSession(planned, ticket, secureServers.clientCertificates, nowS);
    const plan = session === undefined || isLetIn(session.admission) ? planned : withoutResumption(planned);
    const serverId = selection.placement.bound ? (selection.placement.server?.id ?? 0) : 0;
    const secureServer = secureServers.get(
      serverId,
      matchCertificateName(tls.certificates, hello.serverName),
    );
    this.#secure(connection, secureServer, plan, session);
  }

  #countTicket(connection: ClientConnection, ticket: TicketDecision): void {
    const { metrics } = connection.virtualService;
    metrics.add(ticket.presented ? metric.received : metric.missing);
    if (ticket.kind === 'opened') {
      connection.record.ticket = 'opened';
      metrics.add(metricOffset('limpet_tickets_opened_total', ticket.key.role));
    } else if (ticket.kind === 'not-opened') {
      connection.record.ticket = ticket.reason;
      metrics.add(metricOffset('limpet_tickets_not_opened_total', ticket.reason));
    }
  }

  // --- handshake

  #secure(
    connection: ClientConnection,
    secureServer: SecureServer,
    plan: TicketPlan,
    session: JudgedSession | undefined,
  ): void {
    const { rawSocket } = connection;
    this.#handshakes.set(rawSocket, { connection, secureServer, session });
    secureServer.tickets.expect(rawSocket, plan);
    connection.deadline.restart(HANDSHAKE_TIMEOUT_MS);
    // A client that ends now will never finish: left half open, it would hold the connection until the deadline, and nothing of its own.
    rawSocket.allowHalfOpen = false;
    // The TLSSocket closes with it, and tells of it only if the handshake had begun. What it tells comes in the same turn, and may know more: Node
    // closes who shows a bad certificate where one is required.
    rawSocket.once('close', () =>
      setImmediate(() => this.#handshakeOver(rawSocket, 'CLIENT_GONE', 'closed during the handshake')),
    );
    secureServer.tlsServer.emit('connection', rawSocket);
  }

  onSecure(socket: TLSSocket): void {
    const rawSocket = rawSocketOf(socket);
    const handshake = rawSocket === undefined ? undefined : this.#handshakes.get(rawSocket);
    if (rawSocket === undefined || handshake === undefined) {
      socket.destroy();
      return;
    }
    this.#services.onGreeted(rawSocket);
    this.#handshakes.delete(rawSocket);
    handshake.secureServer.tickets.forget(rawSocket);
    const { connection, secureServer, session } = handshake;
    // HTTP/1.1 answers clients that have said all that they had to say.
    rawSocket.allowHalfOpen = true;
    socket.allowHalfOpen = true;
    this.#guard(connection, () => {
      // By the configuration now: another one may have come during the handshake.
      const policy = connection.virtualService.current.secureServers?.clientCertificates;
      if (policy !== undefined) {
        const ofSession = session?.policy === policy ? session.admission : undefined;
        const nowS = Math.floor(this.#services.clock.unixMs() / 1000);
        const admission = admitClient(policy, socket, secureServer.clientCertificates, ofSession, nowS);
        noteAdmission(connection, socket, admission, this.#services.accessLog.enabled);
        if (!isLetIn(admission)) {
          secureServer.tickets.withhold();
          this.#turnAway(connection, socket);
          return;
        }
      }
      this.#noteTls(connection, socket);
      this.#serve(connection, socket);
    });
  }

  onHandshakeError(error: Error, socket: TLSSocket): void {
    const rawSocket = rawSocketOf(socket);
    if (rawSocket !== undefined) {
      const code = 'code' in error && typeof error.code === 'string' ? error.code : error.message;
      const connection = this.#handshakes.get(rawSocket)?.connection;
      const admission = refusalOf(code, socket);
      if (connection !== undefined && admission !== undefined)
        noteAdmission(connection, socket, admission, this.#services.accessLog.enabled);
      this.#handshakeOver(rawSocket, code === 'ECONNRESET' ? 'CLIENT_GONE' : 'HANDSHAKE_FAILED', code);
    }
    socket.destroy();
  }

  /** The handshake is done, so there is no alert to say why: the record tells, and the client sees the connection closed, not broken. */
  #turnAway(connection: ClientConnection, socket: TLSSocket): void {
    const { rawSocket } = connection;
    const deadline = this.#services.deadlines.start(TURNED_AWAY_MS, () => rawSocket.destroy());
    rawSocket.once('close', () => deadline.cancel());
    socket.on('error', () => rawSocket.destroy());
    // What it has sent already would turn the close into a reset.
    socket.resume();
    socket.end();
  }

  onSeal(renewed: boolean): void {
    const { metrics } = this.#virtualService();
    metrics.add(metric.issued);
    if (renewed) metrics.add(metric.renewed);
  }

  /** A handshake that came to nothing. */
  #handshakeOver(rawSocket: Socket, error: ErrorCode, detail: string): void {
    const handshake = this.#handshakes.get(rawSocket);
    if (handshake === undefined) return;
    this.#handshakes.delete(rawSocket);
    handshake.secureServer.tickets.forget(rawSocket);
    handshake.connection.addSignificance('ADF_CLIENT_SSL_HANDSHAKE_FAILURE');
    handshake.connection.end(error, detail);
  }

  #noteTls(connection: ClientConnection, socket: TLSSocket): void {
    const reused = socket.isSessionReused();
    const version = socket.getProtocol() ?? '';
    connection.virtualService.metrics.add(
      metricOffset(
        reused ? 'limpet_handshakes_reused_total' : 'limpet_handshakes_new_total',
        version === 'TLSv1.3' ? '1.3' : '1.2',
      ),
    );
    if (!this.#services.accessLog.enabled) return;
    connection.record.tls = {
      version,
      cipher: socket.getCipher().standardName,
      reused,
      alpn: socket.alpnProtocol || 'http/1.1',
    };
  }

  // --- HTTP

  #serve(connection: ClientConnection, socket: TLSSocket): void {
    const owner = { onClosed: (error: ErrorCode | undefined) => connection.end(error) };
    if (socket.alpnProtocol === 'h2') {
      connection.serve(new Http2DownstreamConnection(socket, connection.rawSocket, connection, owner));
    } else {
      connection.serve(this.#http1(connection, socket, owner));
    }
  }

  #servePlain(connection: ClientConnection): void {
    const { pool, snapshot } = connection.virtualService.current;
    const selection = selectForConnection(pool, {
      mapping: undefined,
      bindConnection: !snapshot.http.connectionMultiplexing,
      clientIp: connection.client.ip,
      clientPort: connection.client.port,
      hello: undefined,
      affinitySecret: connection.virtualService.ring.affinitySecret,
    });
    if (selection.kind === 'abort') {
      this.#reset(connection, selection);
      return;
    }
    connection.place(selection.placement);
    const owner = { onClosed: (error: ErrorCode | undefined) => connection.end(error) };
    connection.serve(this.#http1(connection, connection.rawSocket, owner));
  }

  #http1(
    connection: ClientConnection,
    socket: Socket,
    owner: { onClosed(error: ErrorCode | undefined): void },
  ): Http1DownstreamConnection {
    const channel = createStreamChannel(socket, connection.rawSocket, this.#services.onException);
    return new Http1DownstreamConnection(channel, connection, owner);
  }

  // --- ends

  #onDeadline(connection: ClientConnection): void {
    const { rawSocket } = connection;
    if (this.#handshakes.has(rawSocket)) this.#handshakeOver(rawSocket, 'HANDSHAKE_TIMEOUT', '');
    else connection.end('HELLO_TIMEOUT');
    rawSocket.destroy();
  }

  #fail(connection: ClientConnection, error: ErrorCode, detail: string): void {
    connection.end(error, detail);
    connection.rawSocket.destroy();
  }

  #reset(connection: ClientConnection, { error }: ConnectionSelection & { kind: 'abort' }): void {
    connection.end(error);
    connection.rawSocket.resetAndDestroy();
  }

  #guard(connection: ClientConnection, stage: () => void): void {
    try {
      stage();
    } catch (error) {
      this.#services.onException(error);
      this.#fail(connection, 'INTERNAL', '');
    }
  }
}

/** What crosses from this connection's ticket to its new ones, and whether its session is resumed. */
function planTickets(
  ticket: TicketDecision,
  selection: ConnectionSelection & { kind: 'place' },
  hello: ClientHello,
  tls: TlsSnapshot,
  nowS: number,
): TicketPlan {
  const { placement } = selection;
  const { tls13 } = ticket;
  const expectsTls13Tickets = tls13 && hello.offersPskDheKe;
  if (ticket.kind !== 'opened') return { affinityKey: placement.affinityKey, expectsTls13Tickets };
  const { mapping, key, keyName } = ticket;
  const chainStartS = mapping.issuedAtS - mapping.chainAgeS;
  const serverId = placement.bound ? (placement.server?.id ?? 0) : 0;
  const code = decideResumption({
    tls13,
    sameServer: serverId === mapping.serverId,
    underCurrentKey: key.role === 'current',
    ticketAgeS: nowS - mapping.issuedAtS,
    chainAgeS: nowS - chainStartS,
    lifetimeS: tls.sessionTimeoutS,
    expiring: selection.expiring,
  });
  return {
    ...(code === 0 ? {} : { resume: { keyName, code, key } }),
    affinityKey: placement.affinityKey,
    chainStartS,
    ...(selection.expiring ? { keptIssuedAtS: mapping.issuedAtS } : {}),
    expectsTls13Tickets,
  };
}
