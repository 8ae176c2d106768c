// One attempt to connect to a server, with TLS where the pool has it: when it is open, what the handshake agreed on; or why it failed.

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Address } from '@limpet/model';
import type { Channel } from '../channel/channel.ts';
import { ClientChannel, connectTcp } from '../channel/client-channel.ts';
import { isLocalShortage } from '../channel/local-shortage.ts';
import { createStreamChannel } from '../channel/stream-channel.ts';
import {
  connectTls,
  type TlsConnectEvents,
  type TlsFailure,
  type TlsTarget,
  tlsFailureOf,
} from '../channel/tls-client.ts';
import type { Clock } from '../lifecycle/clock.ts';
import type { Deadlines } from '../lifecycle/deadlines.ts';
import { throwApart } from '../lifecycle/throw-apart.ts';
import type { PoolRuntime } from '../pool/pool-runtime.ts';
import type { ServerRuntime } from '../pool/server-runtime.ts';
import type { ResumableSession } from '../pool/tls-sessions.ts';
import { metricOffset } from '../telemetry/metrics-table.ts';
import type { ServerNames } from './server-names.ts';
import { type ConnectError, socketErrorText } from './server-outcome.ts';

const CONNECTIONS = metricOffset('limpet_server_connections_total');
const CONNECT_FAILURES = metricOffset('limpet_server_connect_failures_total');
const HANDSHAKES_NEW = metricOffset('limpet_server_handshakes_new_total');
const HANDSHAKES_REUSED = metricOffset('limpet_server_handshakes_reused_total');
const HANDSHAKES_FAILED: Readonly<Record<TlsFailure, number>> = {
  handshake: metricOffset('limpet_server_handshakes_failed_total', 'handshake'),
  certificate: metricOffset('limpet_server_handshakes_failed_total', 'certificate'),
};

/** `h2`: the server must speak it, where there is no TLS to ask it in. */
export type OfferedProtocol = 'http/1.1' | 'h2';

/** Open, and what both sides speak from now on. */
export type Connected = { readonly tlsReused: boolean | undefined } & (
  | { readonly protocol: 'h2'; readonly socket: Socket }
  | { readonly protocol: 'http/1.1'; readonly channel: Channel }
);

/** A connection on its way. */
export interface UpstreamOpening {
  /** Neither onOpen nor onFailed follows. */
  cancel(): void;
  /** What it means that it has taken too long. */
  readonly timeoutError: ConnectError;
}

export interface UpstreamServices {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
}

export interface ConnectListener {
  onConnected(connected: Connected): void;
  onConnectFailed(error: ConnectError, detail: string): void;
}

/** Where to, by which rules. */
export interface ConnectTarget {
  readonly server: ServerRuntime;
  readonly pool: PoolRuntime;
  readonly names: ServerNames;
  readonly offers: OfferedProtocol;
}

// RFC 9113 §3.2: a server that does not know h2 takes the other.
const OFFER_HTTP2 = ['h2', 'http/1.1'];
const OFFER_HTTP1 = ['http/1.1'];

export class UpstreamConnector implements UpstreamOpening {
  readonly #target: ConnectTarget;
  #listener: ConnectListener | undefined;
  #socket: Socket | undefined;
  #tcpOpen = false;

  constructor(target: ConnectTarget, listener: ConnectListener) {
    this.#target = target;
    this.#listener = listener;
  }

  start(): void {
    const { pool, server, names, offers } = this.#target;
    const { tls } = pool.snapshot;
    if (tls === undefined || pool.tlsClient === undefined) {
      this.#startPlain(server.snapshot.address, offers);
      return;
    }
    const earlier = server.tlsSessions.take(names.key);
    const target: TlsTarget = {
      address: server.snapshot.address,
      client: pool.tlsClient,
      serverName: names.serverName,
      verifiedNames: names.verifiedNames,
      protocols: offers === 'h2' ? OFFER_HTTP2 : OFFER_HTTP1,
      session: earlier?.session,
    };
    if (offers === 'h2') {
      // node:http2 reads by itself, so there is no static buffer; should it come to HTTP/1.1, the channel is one over a stream.
      this.#watch(
        connectTls(
          target,
          this.#tlsEvents(earlier, () => undefined),
        ),
      );
      return;
    }
    const channel: Channel = new ClientChannel((onread) =>
      this.#watch(
        connectTls(
          target,
          this.#tlsEvents(earlier, () => channel),
          onread,
        ),
      ),
    );
  }

  /** Nothing is told any more. */
  cancel(): void {
    this.#listener = undefined;
    this.#socket?.destroy();
  }

  /** What it means that it has taken too long. */
  get timeoutError(): ConnectError {
    return this.#tcpOpen && this.#target.pool.snapshot.tls !== undefined
      ? 'SERVER_HANDSHAKE_FAILED'
      : 'SERVER_UNREACHABLE';
  }

  #startPlain(address: Address, offers: OfferedProtocol): void {
    if (offers === 'h2') {
      const socket = this.#watch(connectTcp(address));
      socket.once('connect', () => this.#succeed({ protocol: 'h2', tlsReused: undefined, socket }));
      return;
    }
    const channel: Channel = new ClientChannel((onread) => {
      const socket = this.#watch(connectTcp(address, onread));
      socket.once('connect', () => this.#succeed({ protocol: 'http/1.1', tlsReused: undefined, channel }));
      return socket;
    });
  }

  #watch<S extends Socket>(socket: S): S {
    this.#socket = socket;
    let failure: Error | undefined;
    socket.once('connect', () => {
      this.#tcpOpen = true;
    });
    socket.on('error', (error) => {
      failure = error;
    });
    socket.once('close', () => this.#fail(failure));
    return socket;
  }

  /**
   * @param earlier what it may resume.
   * @param channel that the socket was opened with; undefined where it reads as streams do.
   */
  #tlsEvents(earlier: ResumableSession | undefined, channel: () => Channel | undefined): TlsConnectEvents {
    const { server, names, pool } = this.#target;
    const { tlsSessions } = server;
    let untilMs = 0;
    return {
      onSecure: (socket) => {
        const tlsReused = socket.isSessionReused();
        server.metrics.add(tlsReused ? HANDSHAKES_REUSED : HANDSHAKES_NEW);
        // What comes of a resumed session ends with it: a certificate is looked at in full handshakes only.
        if (tlsReused && earlier !== undefined) untilMs = earlier.untilMs;
        else untilMs = Math.min(tlsSessions.endOfNew(), certificateEndMs(socket));
        if (socket.alpnProtocol === 'h2') this.#succeed({ protocol: 'h2', tlsReused, socket });
        else
          this.#succeed({
            protocol: 'http/1.1',
            tlsReused,
            channel: channel() ?? createStreamChannel(socket, socket, throwApart),
          });
      },
      ...(pool.snapshot.tls?.client.sessionReuse === true
        ? {
            onSession: (session, socket) =>
              tlsSessions.put(names.key, { session, untilMs }, socket.getProtocol() === 'TLSv1.3'),
          }
        : {}),
    };
  }

  #succeed(connected: Connected): void {
    const listener = this.#listener;
    if (listener === undefined) return;
    this.#listener = undefined;
    // It is the listener's from now on: a cancel that comes late must not destroy it.
    this.#socket = undefined;
    const { server } = this.#target;
    server.metrics.add(CONNECTIONS);
    server.table.clearSuspect(server.slot);
    listener.onConnected(connected);
  }

  #fail(error: Error | undefined): void {
    const listener = this.#listener;
    if (listener === undefined) return;
    this.#listener = undefined;
    const { metrics } = this.#target.server;
    // What we are short of is no failure of the server.
    if (!isLocalShortage(socketErrorText(error))) metrics.add(CONNECT_FAILURES);
    if (this.timeoutError === 'SERVER_UNREACHABLE') {
      listener.onConnectFailed('SERVER_UNREACHABLE', socketErrorText(error));
      return;
    }
    const failure = tlsFailureOf(error);
    metrics.add(HANDSHAKES_FAILED[failure]);
    listener.onConnectFailed(
      failure === 'certificate' ? 'SERVER_CERTIFICATE_INVALID' : 'SERVER_HANDSHAKE_FAILED',
      socketErrorText(error),
    );
  }
}

/** When the certificate that was verified expires; never, where any certificate is taken. */
function certificateEndMs(socket: TLSSocket): number {
  if (!socket.authorized) return Number.POSITIVE_INFINITY;
  return socket.getPeerX509Certificate()?.validToDate.getTime() ?? Number.POSITIVE_INFINITY;
}
