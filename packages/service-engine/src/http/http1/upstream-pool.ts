// Getting an HTTP/1.1 connection to a server: an idle one if there is one, else a new one.

import type { Clock } from '../../lifecycle/clock.ts';
import type { ServerRuntime } from '../../pool/server-runtime.ts';
import { metricOffset } from '../../telemetry/metrics-table.ts';
import type { UpstreamExchange, UpstreamListener } from '../exchange.ts';
import type { BodyFraming, RequestHead } from '../message.ts';
import { errorText, Http1UpstreamConnection, type UpstreamConnectionOwner } from './upstream-connection.ts';

const CONNECTIONS = metricOffset('limpet_server_connections_total');
const CONNECT_FAILURES = metricOffset('limpet_server_connect_failures_total');

/** A connection that is open and idle, whatever protocol it speaks. */
export interface UpstreamRequestCarrier {
  begin(headText: string, head: RequestHead, body: BodyFraming, listener: UpstreamListener): UpstreamExchange;
}

export interface UpstreamOpenListener {
  onOpen(connection: UpstreamRequestCarrier): void;
  onFailed(detail: string): void;
}

/** A connection on its way. */
export interface UpstreamOpening {
  /** Neither onOpen nor onFailed follows. */
  cancel(): void;
}

const ALREADY_OPEN: UpstreamOpening = { cancel() {} };

/** Calls the listener at once where an idle connection is there, else when the new one is open or has failed. */
export function openUpstream(
  server: ServerRuntime,
  services: { readonly clock: Clock },
  listener: UpstreamOpenListener,
): UpstreamOpening {
  const idle = server.idle.take();
  if (idle !== undefined) {
    // Every connection in the pool of a server was put there by this file.
    listener.onOpen(idle as Http1UpstreamConnection);
    return ALREADY_OPEN;
  }
  const opening = new Opening(server, listener);
  opening.connection = new Http1UpstreamConnection(
    server.snapshot.address,
    opening,
    services.clock.monotonicMs(),
  );
  return opening;
}

class Opening implements UpstreamOpening, UpstreamConnectionOwner {
  connection: Http1UpstreamConnection | undefined;
  readonly #server: ServerRuntime;
  #listener: UpstreamOpenListener | undefined;

  constructor(server: ServerRuntime, listener: UpstreamOpenListener) {
    this.#server = server;
    this.#listener = listener;
  }

  cancel(): void {
    this.#listener = undefined;
    this.connection?.destroy();
  }

  onConnected(connection: Http1UpstreamConnection): void {
    const listener = this.#listener;
    if (listener === undefined) return;
    this.#listener = undefined;
    this.#server.metrics.add(CONNECTIONS);
    this.#server.table.clearSuspect(this.#server.slot);
    listener.onOpen(connection);
  }

  onConnectFailed(_connection: Http1UpstreamConnection, error: Error | undefined): void {
    const listener = this.#listener;
    if (listener === undefined) return;
    this.#listener = undefined;
    this.#server.metrics.add(CONNECT_FAILURES);
    listener.onFailed(errorText(error));
  }

  onReusable(connection: Http1UpstreamConnection): void {
    this.#server.idle.put(connection);
  }

  onIdleClosed(connection: Http1UpstreamConnection): void {
    this.#server.idle.remove(connection);
  }
}
