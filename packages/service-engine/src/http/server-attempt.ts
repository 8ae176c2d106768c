// One attempt of a request at a server: a connection to it, the request on that, and what is counted of how it went.

import { markConnectFailure } from '../pool/eligibility.ts';
import type { PoolRuntime } from '../pool/pool-runtime.ts';
import { noteResponse } from '../pool/response-time.ts';
import type { ServerRuntime } from '../pool/server-runtime.ts';
import { metricOffset } from '../telemetry/metrics-table.ts';
import type {
  UpstreamCarrier,
  UpstreamExchange,
  UpstreamFailure,
  UpstreamListener,
  UpstreamRequest,
} from './exchange.ts';
import type { RequestHead } from './message.ts';
import { openUpstream, type UpstreamOpening, type UpstreamOpenListener } from './open-upstream.ts';
import type { ProxiedConnection } from './proxied-connection.ts';
import type { RequestRecord } from './request-record.ts';
import { type ConnectError, isServerFailure, neverConnected, statusClass } from './server-outcome.ts';

const SERVER_REQUESTS = metricOffset('limpet_server_requests_total');
const SERVER_FAILURES = metricOffset('limpet_server_failures_total');
const SERVER_UNAVAILABLE = metricOffset('limpet_server_unavailable_total');
const SERVER_CUT = metricOffset('limpet_server_requests_cut_total');
const SERVER_RESPONSES = metricOffset('limpet_server_responses_total', '1xx');

export interface AttemptListener extends UpstreamListener {
  /** A connection is there: the request can be sent with {@link ServerAttempt.send}. */
  onConnection(attempt: ServerAttempt, connection: UpstreamCarrier): void;
  /** An exception of the listener's own, where it would have hit others that waited for the same connection. */
  onBroken(error: unknown): void;
}

export class ServerAttempt implements UpstreamOpenListener {
  readonly server: ServerRuntime;
  readonly #pool: PoolRuntime;
  readonly #listener: AttemptListener;
  #opening: UpstreamOpening | undefined;
  #opened = false;
  #upstream: UpstreamExchange | undefined;
  #sentAtMs = 0;

  constructor(server: ServerRuntime, pool: PoolRuntime, listener: AttemptListener) {
    this.server = server;
    this.#pool = pool;
    this.#listener = listener;
  }

  /** Undefined until the request is sent. */
  get upstream(): UpstreamExchange | undefined {
    return this.#upstream;
  }

  /** Whether it is a stream on a connection that carries other requests, too. */
  get isStream(): boolean {
    return this.#upstream?.canBeRefused === true;
  }

  /** The listener hears of it before this returns, where a connection is there already. */
  open(head: RequestHead, connection: ProxiedConnection): void {
    const from = connection.connectionsAt(this.server, this.#pool);
    const opening = openUpstream(from, this.#pool, head, connection.services, this);
    if (!this.#opened) this.#opening = opening;
  }

  onOpen(connection: UpstreamCarrier): void {
    const isLate = this.#endOpening();
    if (isLate) this.#guard(() => this.#listener.onConnection(this, connection));
    else this.#listener.onConnection(this, connection);
  }

  onFailed(error: ConnectError, detail: string): void {
    const isLate = this.#endOpening();
    const failure = neverConnected(error, detail);
    if (isLate) this.#guard(() => this.#listener.onResponseFailure(failure));
    else this.#listener.onResponseFailure(failure);
  }

  /** Whether {@link open} has returned meanwhile. */
  #endOpening(): boolean {
    const isLate = this.#opening !== undefined;
    this.#opened = true;
    this.#opening = undefined;
    return isLate;
  }

  #guard(tell: () => void): void {
    try {
      tell();
    } catch (error) {
      this.#listener.onBroken(error);
    }
  }

  send(
    connection: UpstreamCarrier,
    request: UpstreamRequest,
    record: RequestRecord,
    nowMs: number,
  ): UpstreamExchange {
    this.#sentAtMs = nowMs;
    this.server.metrics.add(SERVER_REQUESTS);
    const upstream = connection.begin(request, this.#listener);
    this.#upstream = upstream;
    record.serverConnectionReused = upstream.reused;
    record.serverTlsReused = connection.tlsReused;
    record.serverHttp2 = connection.http2;
    return upstream;
  }

  /** The server's time begins here; before, it was the client's. */
  noteRequestEnd(nowMs: number): void {
    this.#sentAtMs = nowMs;
  }

  /** Returns how long the server took. */
  noteResponseHead(status: number, nowMs: number): number {
    const { metrics } = this.server;
    const responseMs = nowMs - this.#sentAtMs;
    metrics.add(SERVER_RESPONSES + statusClass(status));
    const failed = isServerFailure(status);
    if (failed) metrics.add(SERVER_UNAVAILABLE);
    noteResponse(this.#pool, this.server, responseMs, failed);
    return responseMs;
  }

  noteFailure({ neverSent }: UpstreamFailure): void {
    if (neverSent) markConnectFailure(this.server, this.#pool);
    this.server.metrics.add(SERVER_FAILURES);
    noteResponse(this.#pool, this.server, 0, true);
  }

  /** What it means that it has taken too long to open. */
  get timeoutError(): ConnectError {
    return this.#opening?.timeoutError ?? 'SERVER_UNREACHABLE';
  }

  /** Gives it up, however far it has come; the listener hears nothing more. */
  abort(): void {
    this.#opening?.cancel();
    this.#upstream?.abort();
  }

  /** Gives it up because the server is disabled and its time is over. */
  cut(): void {
    this.abort();
    this.server.metrics.add(SERVER_CUT);
  }
}
