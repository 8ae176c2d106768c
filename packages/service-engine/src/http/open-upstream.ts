// Getting a connection to a server for one request: one that is there, a shared one on its way, or a new one.

import type { PoolRuntime } from '../pool/pool-runtime.ts';
import type { ServerRuntime } from '../pool/server-runtime.ts';
import type { UpstreamCarrier } from './exchange.ts';
import { Http1UpstreamConnection, type UpstreamConnectionOwner } from './http1/upstream-connection.ts';
import { SessionOpening } from './http2/session-opening.ts';
import type { Http2UpstreamSession } from './http2/upstream-session.ts';
import type { RequestHead } from './message.ts';
import { type ServerNames, serverNamesFor } from './server-names.ts';
import type { ConnectError } from './server-outcome.ts';
import {
  type Connected,
  type ConnectListener,
  type OfferedProtocol,
  UpstreamConnector,
  type UpstreamOpening,
  type UpstreamServices,
} from './upstream-connector.ts';

export type { UpstreamOpening } from './upstream-connector.ts';

export interface UpstreamOpenListener {
  onOpen(connection: UpstreamCarrier): void;
  onFailed(error: ConnectError, detail: string): void;
}

/** Calls the listener at once where a connection is there, else when a new one is open or has failed. */
export function openUpstream(
  server: ServerRuntime,
  pool: PoolRuntime,
  head: RequestHead,
  services: UpstreamServices,
  listener: UpstreamOpenListener,
): UpstreamOpening {
  const names = serverNamesFor(pool.snapshot.tls, head.authority);
  const request = new OpeningRequest({ server, pool, names, services }, head.asksForWebSocket, listener);
  request.start();
  return request;
}

interface OpeningTarget {
  readonly server: ServerRuntime;
  readonly pool: PoolRuntime;
  readonly names: ServerNames;
  readonly services: UpstreamServices;
}

class OpeningRequest implements UpstreamOpening, ConnectListener {
  readonly #target: OpeningTarget;
  readonly #forWebSocket: boolean;
  #listener: UpstreamOpenListener | undefined;
  /** What is waited for. */
  #pending: UpstreamOpening | undefined;

  constructor(target: OpeningTarget, forWebSocket: boolean, listener: UpstreamOpenListener) {
    this.#target = target;
    this.#forWebSocket = forWebSocket;
    this.#listener = listener;
  }

  start(): void {
    const { server, pool, names } = this.#target;
    if (pool.snapshot.http2 && this.#takeShared()) return;
    const idle = server.idle.take(names.key);
    // Every connection in the pool of a server was put there by this file.
    if (idle !== undefined) this.#open(idle as Http1UpstreamConnection);
    else if (!pool.snapshot.http2 || this.#needsHttp1()) this.#connect('http/1.1');
    else if (server.shared.protocol === 'http/1.1') this.#connect('h2');
    else this.#joinOpening();
  }

  cancel(): void {
    this.#listener = undefined;
    this.#pending?.cancel();
  }

  get timeoutError(): ConnectError {
    return this.#pending?.timeoutError ?? 'SERVER_UNREACHABLE';
  }

  onConnected(connected: Connected): void {
    const { server, names, services } = this.#target;
    this.#pending = undefined;
    if (connected.protocol === 'http/1.1') {
      this.#open(createHttp1(connected, server, names, services));
      return;
    }
    // It was found to speak HTTP/1.1 when it was last asked, and has learnt h2 since.
    const opening = this.#sessionOpening();
    this.#pending = this.#join(opening);
    opening.onConnected(connected);
  }

  onConnectFailed(error: ConnectError, detail: string): void {
    this.#pending = undefined;
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.onFailed(error, detail);
  }

  #takeShared(): boolean {
    const { server, names } = this.#target;
    const session = server.shared.find(names.key) as Http2UpstreamSession | undefined;
    if (session === undefined || (this.#forWebSocket && !session.takesWebSockets)) return false;
    this.#open(session);
    return true;
  }

  /** WebSocket over h2 is for the server to offer (RFC 8441 §3); one that does not is asked in HTTP/1.1. */
  #needsHttp1(): boolean {
    const { server, names } = this.#target;
    return this.#forWebSocket && server.shared.find(names.key) !== undefined;
  }

  #open(carrier: UpstreamCarrier): void {
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.onOpen(carrier);
  }

  #connect(offers: OfferedProtocol): void {
    const connector = new UpstreamConnector({ ...this.#target, offers }, this);
    this.#pending = connector;
    connector.start();
  }

  /** Requests that come while a session opens wait for it, up to as many as it will likely carry. */
  #joinOpening(): void {
    const { server, names } = this.#target;
    const known = server.shared.openings.get(names.key) as SessionOpening | undefined;
    const opening = known?.hasRoom === true ? known : this.#sessionOpening();
    this.#pending = this.#join(opening);
    if (opening !== known) opening.start();
  }

  #join(opening: SessionOpening): UpstreamOpening {
    return opening.join({
      onReady: () => {
        this.#pending = undefined;
        if (this.#listener !== undefined) this.start();
      },
      onFailed: (error, detail) => this.onConnectFailed(error, detail),
    });
  }

  #sessionOpening(): SessionOpening {
    const { server, pool, names, services } = this.#target;
    return new SessionOpening(server, pool, names, services, (connected) =>
      server.idle.put(createHttp1(connected, server, names, services)),
    );
  }
}

function createHttp1(
  { channel, tlsReused }: Connected & { protocol: 'http/1.1' },
  server: ServerRuntime,
  names: ServerNames,
  { clock }: UpstreamServices,
): Http1UpstreamConnection {
  const owner: UpstreamConnectionOwner = {
    onReusable: (connection) => server.idle.put(connection),
    onIdleClosed: (connection) => server.idle.remove(connection),
  };
  return new Http1UpstreamConnection(channel, names.key, tlsReused, owner, clock.monotonicMs());
}
