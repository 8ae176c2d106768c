// The way of a connection: accept → PROXY header → ClientHello → ticket → server → handshake → HTTP. The only file that knows the order.

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ErrorCode } from '@limpet/model';
import { resetSocket } from '../channel/reset-socket.ts';
import type { ClientHello } from '../client-hello/client-hello.ts';
import { readClientHello } from '../client-hello/read-client-hello.ts';
import type { HttpServices } from '../http/proxied-connection.ts';
import type { Accepted } from '../listener/tcp-listener.ts';
import { readProxyHeader } from '../proxy-protocol/read-proxy-header.ts';
import type { TrustedProxies } from '../proxy-protocol/trusted-proxies.ts';
import { rawSocketOf } from '../session-ticket/ticket-binding.ts';
import { metricOffset } from '../telemetry/metrics-table.ts';
import { admitClient } from '../tls/admit-client.ts';
import type { SecureServerListener } from '../tls/secure-servers.ts';
import { matchCertificateName } from '../tls/tls-policy.ts';
import {
  isLetIn,
  judgeSession,
  noteAdmission,
  refusalOf,
  turnAway,
  withoutResumption,
} from './client-admission.ts';
import { ClientConnection } from './client-connection.ts';
import { ConnectionRecord } from './connection-record.ts';
import { type Handshake, Handshakes, noteHandshake } from './handshakes.ts';
import { openTicket, selectByAddress, selectByTicket } from './place-connection.ts';
import { answerPlainHttp } from './plain-http-answer.ts';
import { serveHttp } from './serve-http.ts';
import { planTickets, serverIdOf } from './ticket-plan.ts';
import { HANDSHAKE_TIMEOUT_MS, type VirtualService } from './virtual-service.ts';

/** What a proxy says of a connection has to arrive in this time; its specification asks for 3 s at least. */
const PROXY_HEADER_TIMEOUT_MS = 5000;
/** A complete ClientHello has to arrive in this time. */
export const HELLO_TIMEOUT_MS = 5000;

const CAPACITY = metricOffset('limpet_connections_failed_total', 'capacity');
const ISSUED = metricOffset('limpet_tickets_issued_total');
const RENEWED = metricOffset('limpet_tickets_renewed_total');

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

/**
 * Makes a connection of an accepted socket and takes it through the stages. Nothing it throws leaves it: an exception ends this
 * connection alone.
 */
export class ConnectionPipeline implements SecureServerListener {
  readonly #services: PipelineServices;
  readonly #virtualService: () => VirtualService;
  readonly #handshakes = new Handshakes();

  /** @param virtualService read at each use: the pipeline is made before the virtual service that it serves. */
  constructor(services: PipelineServices, virtualService: () => VirtualService) {
    this.#services = services;
    this.#virtualService = virtualService;
  }

  /** @param proxies whose connections begin with a PROXY protocol header, if anybody's do. */
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

  /** A connection was reset since the engine holds as many as it may. */
  countRefused(): void {
    this.#virtualService().metrics.add(CAPACITY);
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

  #begin(connection: ClientConnection): void {
    if (connection.secure) this.#readHello(connection);
    else this.#servePlain(connection);
  }

  // --- ClientHello

  #readHello(connection: ClientConnection): void {
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
    target.#guard(connection, () => target.#secure(connection, hello));
  }

  // --- ticket, server, handshake

  #secure(connection: ClientConnection, hello: ClientHello): void {
    const { record } = connection;
    const { snapshot, secureServers } = connection.virtualService.current;
    const { tls } = snapshot;
    if (tls === undefined || secureServers === undefined) {
      // The configuration changed between accept and ClientHello.
      this.#fail(connection, 'HELLO_NOT_TLS', 'TLS is not configured any more');
      return;
    }
    record.serverName = hello.serverName ?? '';
    record.stage = 'select_server';
    const nowS = this.#nowS();
    const ticket = openTicket(connection, hello, tls, nowS);
    const selection = selectByTicket(connection, hello, ticket);
    if (selection.kind === 'abort') {
      this.#reset(connection, selection.error);
      return;
    }
    connection.place(selection.placement);
    record.stage = 'handshake';
    const planned = planTickets(ticket, selection, hello, tls, nowS);
    const session = judgeSession(planned, ticket, secureServers.clientCertificates, nowS);
    const plan = session === undefined || isLetIn(session.admission) ? planned : withoutResumption(planned);
    const certificateName = matchCertificateName(tls.certificates, hello.serverName);
    const secureServer = secureServers.get(serverIdOf(selection.placement), certificateName);
    this.#handshakes.start({ connection, secureServer, session }, plan);
  }

  onSeal(renewed: boolean): void {
    const { metrics } = this.#virtualService();
    metrics.add(ISSUED);
    if (renewed) metrics.add(RENEWED);
  }

  onHandshakeError(error: Error, socket: TLSSocket): void {
    const rawSocket = rawSocketOf(socket);
    if (rawSocket !== undefined) {
      const code = 'code' in error && typeof error.code === 'string' ? error.code : error.message;
      const connection = this.#handshakes.find(rawSocket)?.connection;
      const admission = refusalOf(code, socket);
      if (connection !== undefined && admission !== undefined)
        noteAdmission(connection, socket, admission, this.#services.accessLog.enabled);
      this.#handshakes.fail(rawSocket, code === 'ECONNRESET' ? 'CLIENT_GONE' : 'HANDSHAKE_FAILED', code);
    }
    socket.destroy();
  }

  onSecure(socket: TLSSocket): void {
    const rawSocket = rawSocketOf(socket);
    const handshake = rawSocket === undefined ? undefined : this.#handshakes.finish(rawSocket);
    if (handshake === undefined) {
      socket.destroy();
      return;
    }
    const { connection } = handshake;
    this.#services.onGreeted(connection.rawSocket);
    // HTTP/1.1 answers clients that have said all that they had to say.
    connection.rawSocket.allowHalfOpen = true;
    socket.allowHalfOpen = true;
    this.#guard(connection, () => {
      if (!this.#admit(handshake, socket)) return;
      noteHandshake(connection, socket);
      serveHttp(connection, socket, this.#services.onException);
    });
  }

  /** Whether the client's certificate, or that it shows none, lets it in: by the configuration now, since another one may have come during the handshake. */
  #admit({ connection, secureServer, session }: Handshake, socket: TLSSocket): boolean {
    const policy = connection.virtualService.current.secureServers?.clientCertificates;
    if (policy === undefined) return true;
    const ofSession = session?.policy === policy ? session.admission : undefined;
    const admission = admitClient(policy, socket, secureServer.clientCertificates, ofSession, this.#nowS());
    noteAdmission(connection, socket, admission, this.#services.accessLog.enabled);
    if (isLetIn(admission)) return true;
    secureServer.tickets.withhold();
    turnAway(connection.rawSocket, socket, this.#services.deadlines);
    return false;
  }

  // --- without TLS

  #servePlain(connection: ClientConnection): void {
    this.#services.onGreeted(connection.rawSocket);
    const selection = selectByAddress(connection);
    if (selection.kind === 'abort') {
      this.#reset(connection, selection.error);
      return;
    }
    connection.place(selection.placement);
    serveHttp(connection, connection.rawSocket, this.#services.onException);
  }

  // --- ends

  #onDeadline(connection: ClientConnection): void {
    const { rawSocket } = connection;
    if (!this.#handshakes.fail(rawSocket, 'HANDSHAKE_TIMEOUT', '')) connection.end('HELLO_TIMEOUT');
    rawSocket.destroy();
  }

  #fail(connection: ClientConnection, error: ErrorCode, detail: string): void {
    connection.end(error, detail);
    connection.rawSocket.destroy();
  }

  #reset(connection: ClientConnection, error: ErrorCode): void {
    connection.end(error);
    resetSocket(connection.rawSocket, connection.rawSocket);
  }

  #guard(connection: ClientConnection, stage: () => void): void {
    try {
      stage();
    } catch (error) {
      this.#fail(connection, 'INTERNAL', '');
      this.#services.onException(error);
    }
  }

  #nowS(): number {
    return Math.floor(this.#services.clock.unixMs() / 1000);
  }
}
