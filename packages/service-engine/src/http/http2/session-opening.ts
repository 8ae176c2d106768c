// An HTTP/2 session to a server on its way, and the requests that wait for it.

import type { Deadline } from '../../lifecycle/deadlines.ts';
import type { PoolRuntime } from '../../pool/pool-runtime.ts';
import { ResetBudget, type ResetLimits } from '../../pool/reset-budget.ts';
import type { ServerRuntime } from '../../pool/server-runtime.ts';
import { metricOffset } from '../../telemetry/metrics-table.ts';
import type { ServerNames } from '../server-names.ts';
import type { ConnectError } from '../server-outcome.ts';
import {
  type Connected,
  type ConnectListener,
  UpstreamConnector,
  type UpstreamOpening,
  type UpstreamServices,
} from '../upstream-connector.ts';
import { Http2UpstreamSession, STREAMS_MAX } from './upstream-session.ts';

const STREAMS_RESET = metricOffset('limpet_server_streams_reset_total');
const SESSIONS_WORN_OUT = {
  resets: metricOffset('limpet_server_sessions_worn_out_total', 'resets'),
  server: metricOffset('limpet_server_sessions_worn_out_total', 'server'),
};

/**
 * Of sessions that are retired because a stream met ENHANCE_YOUR_CALM: a server may say that of the one request, too (node:http2 does of one with more fields than it
 * takes), and who knows that must not make us open a session for each.
 */
const CALMS: ResetLimits = { burst: 16, regainMs: 1000, most: Number.POSITIVE_INFINITY };

/** A request that waits. */
interface Waiter {
  /** Look again: there is a session, or the server has turned out not to speak h2. */
  readonly onReady: () => void;
  readonly onFailed: (error: ConnectError, detail: string) => void;
}

/**
 * Open means that the server's SETTINGS are here: before, nobody knows how many streams it takes, and without TLS not even whether it speaks
 * HTTP/2. No request is sent before, so that a failure until then is one of connecting, and safe to try elsewhere.
 */
export class SessionOpening implements ConnectListener {
  readonly #server: ServerRuntime;
  readonly #pool: PoolRuntime;
  readonly #names: ServerNames;
  readonly #services: UpstreamServices;
  readonly #onHttp1: (connected: Connected & { protocol: 'http/1.1' }) => void;
  readonly #waiters = new Set<Waiter>();
  readonly #connector: UpstreamConnector;
  #session: Http2UpstreamSession | undefined;
  #deadline: Deadline | undefined;

  /** @param onHttp1 takes the connection of a server that chose HTTP/1.1. */
  constructor(
    server: ServerRuntime,
    pool: PoolRuntime,
    names: ServerNames,
    services: UpstreamServices,
    onHttp1: (connected: Connected & { protocol: 'http/1.1' }) => void,
  ) {
    this.#server = server;
    this.#pool = pool;
    this.#names = names;
    this.#services = services;
    this.#onHttp1 = onHttp1;
    this.#connector = new UpstreamConnector({ server, pool, names, offers: 'h2' }, this);
  }

  get hasRoom(): boolean {
    return this.#waiters.size < STREAMS_MAX;
  }

  join(waiter: Waiter): UpstreamOpening {
    this.#waiters.add(waiter);
    const opening = this;
    return {
      cancel() {
        opening.#waiters.delete(waiter);
        if (opening.#waiters.size === 0) opening.#giveUp();
      },
      get timeoutError() {
        return opening.#timeoutError;
      },
    };
  }

  start(): void {
    this.#server.shared.openings.set(this.#names.key, this);
    // Of its own: those who join late must not keep one going that comes to nothing.
    this.#deadline = this.#services.deadlines.start(this.#pool.snapshot.connectTimeoutMs, () => {
      const error = this.#timeoutError;
      this.#giveUp();
      this.onConnectFailed(error, 'ETIMEDOUT');
    });
    this.#connector.start();
  }

  onConnected(connected: Connected): void {
    this.#server.shared.protocol = connected.protocol;
    if (connected.protocol === 'http/1.1') {
      this.#onHttp1(connected);
      this.#wake();
      return;
    }
    const { shared, metrics } = this.#server;
    const { tls, upstreamConnections } = this.#pool.snapshot;
    this.#session = new Http2UpstreamSession(
      connected.socket,
      {
        names: this.#names.key,
        tlsReused: connected.tlsReused,
        scheme: tls === undefined ? 'http' : 'https',
        limits: upstreamConnections,
        services: this.#services,
      },
      {
        onReady: (session) => {
          this.#session = undefined;
          if (!session.hasRoom) {
            // Those who wait would open one after the other.
            session.destroy();
            this.onConnectFailed('SERVER_UNREACHABLE', 'no streams allowed');
            return;
          }
          shared.add(session);
          this.#wake();
          shared.settle(session);
        },
        onFailed: (detail) => this.onConnectFailed('SERVER_UNREACHABLE', detail),
        onIdle: () => shared.trim(),
        onRetired: (session) => shared.remove(session),
        onCalm: () => {
          const nowMs = this.#services.clock.monotonicMs();
          shared.calms ??= new ResetBudget(CALMS, nowMs);
          return shared.calms.take(nowMs);
        },
        onReset: () => metrics.add(STREAMS_RESET),
        onWornOut: (cause) => metrics.add(SESSIONS_WORN_OUT[cause]),
      },
    );
  }

  onConnectFailed(error: ConnectError, detail: string): void {
    for (const { onFailed } of this.#end()) onFailed(error, detail);
  }

  get #timeoutError(): ConnectError {
    return this.#session === undefined ? this.#connector.timeoutError : 'SERVER_UNREACHABLE';
  }

  #wake(): void {
    for (const { onReady } of this.#end()) onReady();
  }

  #giveUp(): void {
    this.#connector.cancel();
    this.#session?.destroy();
    if (this.#waiters.size === 0) this.#end();
  }

  /** Nobody joins any more; returns who waited. */
  #end(): readonly Waiter[] {
    this.#deadline?.cancel();
    const { openings } = this.#server.shared;
    if (openings.get(this.#names.key) === this) openings.delete(this.#names.key);
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    return waiters;
  }
}
