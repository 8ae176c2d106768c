// An HTTP/2 session to a server: carries many requests at once, each on a stream, until it is idle, old, or told to go away.

import { type ClientHttp2Session, connect, constants } from 'node:http2';
import type { Socket } from 'node:net';
import type { PoolSnapshot } from '@limpet/model';
import type { Deadline } from '../../lifecycle/deadlines.ts';
import { ResetBudget, type ResetLimits } from '../../pool/reset-budget.ts';
import type { SharedConnection } from '../../pool/shared-connections.ts';
import type { UpstreamCarrier, UpstreamExchange, UpstreamListener, UpstreamRequest } from '../exchange.ts';
import { socketErrorText } from '../server-outcome.ts';
import type { UpstreamServices } from '../upstream-connector.ts';
import { beginExchange, nameOfCode } from './upstream-exchange.ts';

/** Streams at a time, however many the server allows: more would wait for each other at one TCP connection. */
export const STREAMS_MAX = 128;
const FIELD_COUNT_LIMIT = 256;
const HEAD_LIMIT_BYTES = 65_536;
/** Above client_max_request_size at its largest. */
const REQUEST_HEAD_LIMIT_BYTES = 300_000;
const SETTINGS_ENTRIES_MAX = 32;
const SESSION_MEMORY_MIB = 32;
/** Of the session; each stream has 64 kB, which is what a slow client can make us hold. */
const WINDOW_BYTES = 1 << 20;
/** A session that has been silent for so long is asked whether it lives, beside the request that is put on it. */
const SILENCE_MS = 10_000;
const PING_TIMEOUT_MS = 5000;
/** Of TCP: finds a server that is gone while streams wait, without pings that gRPC servers count against us. */
const KEEP_ALIVE_MS = 30_000;
/** A session ends when its GOAWAY has left; a server that does not read gets no longer than this. */
const LINGER_MS = 2000;
/**
 * Of streams that we reset, because clients give up: well below what servers take for an attack (docs/decisions/0027-resets-to-servers.md).
 */
const RESETS: ResetLimits = { burst: 50, regainMs: 2000, most: 200 };
/** What a server says in GOAWAY that has had enough of resets, refused streams or whatever else it counts; nghttp2 calls it INTERNAL_ERROR. */
const TOO_MUCH: ReadonlySet<number> = new Set([
  constants.NGHTTP2_ENHANCE_YOUR_CALM,
  constants.NGHTTP2_INTERNAL_ERROR,
]);

export interface SessionOptions {
  readonly names: string;
  readonly tlsReused: boolean | undefined;
  readonly scheme: 'http' | 'https';
  readonly limits: PoolSnapshot['upstreamConnections'];
  readonly services: UpstreamServices;
}

export interface SessionOwner {
  /** The server's SETTINGS have come. */
  onReady(session: Http2UpstreamSession): void;
  /** It ended before. */
  onFailed(detail: string): void;
  /** Its last stream is over. */
  onIdle(): void;
  /** It takes no new request any more. */
  onRetired(session: Http2UpstreamSession): void;
  /** We reset one of its streams. */
  onReset(): void;
  /** The server has reset a stream with ENHANCE_YOUR_CALM: whether the session is to be retired for that. */
  onCalm(): boolean;
  /** It is retired for what was done on it: we reset as many as it may bear, or its server has had enough. */
  onWornOut(cause: 'resets' | 'server'): void;
}

export class Http2UpstreamSession implements SharedConnection, UpstreamCarrier {
  readonly names: string;
  readonly tlsReused: boolean | undefined;
  readonly http2 = true;
  readonly scheme: 'http' | 'https';
  readonly #session: ClientHttp2Session;
  readonly #options: SessionOptions;
  readonly #owner: SessionOwner;
  #idleDeadline: Deadline | undefined;
  #lifeDeadline: Deadline | undefined;
  #pingDeadline: Deadline | undefined;
  #ready = false;
  #retired = false;
  #streamsAllowed = 0;
  #uses = 0;
  #openRequests = 0;
  #heardAtMs: number;
  /** Made at the first reset. */
  #resets: ResetBudget | undefined;
  #wasTooMuch = false;
  /** Streams above it were not looked at (RFC 9113 §6.8). */
  #lastProcessedStream = Number.POSITIVE_INFINITY;
  #error: Error | undefined;

  /** @param socket connected, and from now on this session's. */
  constructor(socket: Socket, options: SessionOptions, owner: SessionOwner) {
    this.names = options.names;
    this.tlsReused = options.tlsReused;
    this.scheme = options.scheme;
    this.#options = options;
    this.#owner = owner;
    this.#heardAtMs = options.services.clock.monotonicMs();
    socket.allowHalfOpen = false;
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    // The authority is never used: every request brings its own.
    const session = connect(`${options.scheme}://server.invalid`, {
      createConnection: () => socket,
      maxHeaderListPairs: FIELD_COUNT_LIMIT,
      maxSendHeaderBlockLength: REQUEST_HEAD_LIMIT_BYTES,
      maxSessionMemory: SESSION_MEMORY_MIB,
      maxSettings: SETTINGS_ENTRIES_MAX,
      settings: { enablePush: false, maxHeaderListSize: HEAD_LIMIT_BYTES },
    });
    this.#session = session;
    session.once('connect', () => session.setLocalWindowSize(WINDOW_BYTES));
    session.on('remoteSettings', ({ maxConcurrentStreams = STREAMS_MAX }) => {
      this.#streamsAllowed = Math.min(maxConcurrentStreams, STREAMS_MAX);
      this.#onSettings();
    });
    session.on('goaway', (code: number, lastStreamId = 0) => {
      this.#lastProcessedStream = Math.min(this.#lastProcessedStream, lastStreamId);
      if (TOO_MUCH.has(code)) {
        this.#wasTooMuch = true;
        this.#error = Object.assign(new Error('GOAWAY'), { code: `GOAWAY ${nameOfCode(code)}` });
        this.#wearOut('server');
      } else this.retire();
    });
    session.on('error', (error) => {
      // That of a GOAWAY says less than the GOAWAY.
      if (!this.#wasTooMuch) this.#error = error;
    });
    session.on('close', () => this.#onClosed());
  }

  get hasRoom(): boolean {
    // A session is over before it says so: 'close' comes when its socket has closed.
    const { destroyed, closed } = this.#session;
    return !this.#retired && !destroyed && !closed && this.#openRequests < this.#streamsAllowed;
  }

  get openRequests(): number {
    return this.#openRequests;
  }

  /** RFC 8441 §3. */
  get takesWebSockets(): boolean {
    return this.#session.remoteSettings.enableConnectProtocol === true;
  }

  begin(request: UpstreamRequest, listener: UpstreamListener): UpstreamExchange {
    const { maxReuse } = this.#options.limits;
    this.#uses++;
    this.#openRequests++;
    this.#idleDeadline?.cancel();
    const exchange = beginExchange(this.#session, request, this, listener);
    this.#pingIfSilent();
    if (maxReuse > 0 && this.#uses > maxReuse) this.retire();
    return exchange;
  }

  get reused(): boolean {
    return this.#uses > 1;
  }

  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  get nowMs(): number {
    return this.#options.services.clock.monotonicMs();
  }

  /** What ended the session, for an operator; undefined while it lives. */
  get failure(): string | undefined {
    return this.#session.destroyed ? socketErrorText(this.#error) : undefined;
  }

  /** Whether the server has said that it did not look at the stream. */
  wasNotProcessed(streamId: number): boolean {
    return streamId > this.#lastProcessedStream;
  }

  get wasTooMuch(): boolean {
    return this.#wasTooMuch;
  }

  noteReset(): void {
    this.#resets ??= new ResetBudget(RESETS, this.nowMs);
    this.#owner.onReset();
    if (!this.#resets.take(this.nowMs)) this.#wearOut('resets');
  }

  noteCalm(): void {
    if (!this.#retired && this.#owner.onCalm()) this.#wearOut('server');
  }

  /** Something came on one of its streams. */
  noteHeard(): void {
    this.#heardAtMs = this.nowMs;
  }

  streamEnded(): void {
    this.#openRequests--;
    if (this.#openRequests > 0) return;
    if (this.#retired) {
      this.#close();
      return;
    }
    this.#owner.onIdle();
    // It may have been one too many.
    if (!this.#retired) this.#waitIdle();
  }

  retire(): void {
    if (this.#leave() && this.#openRequests === 0) this.#close();
  }

  destroy(): void {
    this.#leave();
    this.#session.destroy();
  }

  /** Not before the last request has ended: a GOAWAY overtakes requests that have just begun, and nghttp2 does not send those any more. */
  #close(): void {
    this.#session.close();
    this.#waitIdle();
  }

  #wearOut(cause: 'resets' | 'server'): void {
    if (!this.#retired) this.#owner.onWornOut(cause);
    this.retire();
  }

  /** False: it takes no request already. */
  #leave(): boolean {
    if (this.#retired) return false;
    this.#retired = true;
    this.#owner.onRetired(this);
    return true;
  }

  #onSettings(): void {
    if (this.#ready) return;
    this.#ready = true;
    const { limits, services } = this.#options;
    if (limits.lifeTimeoutMs > 0)
      this.#lifeDeadline = services.deadlines.start(limits.lifeTimeoutMs, () => this.retire());
    this.#owner.onReady(this);
    if (this.#openRequests === 0) this.#waitIdle();
  }

  #waitIdle(): void {
    const { limits, services } = this.#options;
    if (this.#session.destroyed) return;
    const waitMs = this.#retired ? LINGER_MS : limits.idleTimeoutMs;
    if (waitMs === 0) return;
    if (this.#idleDeadline === undefined)
      this.#idleDeadline = services.deadlines.start(waitMs, () => this.#onIdle());
    else this.#idleDeadline.restart(waitMs);
  }

  #onIdle(): void {
    if (this.#openRequests > 0) return;
    if (this.#retired) this.destroy();
    else this.retire();
  }

  #pingIfSilent(): void {
    if (this.#pingDeadline !== undefined || this.nowMs - this.#heardAtMs < SILENCE_MS) return;
    if (this.#session.destroyed) return;
    this.#pingDeadline = this.#options.services.deadlines.start(PING_TIMEOUT_MS, () => {
      this.#error = Object.assign(new Error('no answer to a ping'), { code: 'ETIMEDOUT' });
      this.destroy();
    });
    this.#session.ping((error) => {
      if (error !== null) return;
      this.#pingDeadline?.cancel();
      this.#pingDeadline = undefined;
      this.noteHeard();
    });
  }

  #onClosed(): void {
    for (const deadline of [this.#idleDeadline, this.#lifeDeadline, this.#pingDeadline]) deadline?.cancel();
    this.#leave();
    if (!this.#ready) this.#owner.onFailed(socketErrorText(this.#error));
  }
}
