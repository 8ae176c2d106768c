// An HTTP/2 connection of a client: node:http2's core session with caps, each stream handed to forward-request.

import {
  constants,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ErrorCode } from '@limpet/model';
import { resetSocket } from '../../channel/reset-socket.ts';
import type { Deadline } from '../../lifecycle/deadlines.ts';
import { throwApart } from '../../lifecycle/throw-apart.ts';
import { metricOffset } from '../../telemetry/metrics-table.ts';
import { createErrorResponse } from '../error-response.ts';
import { forwardRequest } from '../forward-request.ts';
import type { DownstreamOwner } from '../http1/downstream-connection.ts';
import type { ProxiedConnection } from '../proxied-connection.ts';
import { recordRefusedRequest } from '../request-record.ts';
import { stallLimitMs } from '../stall-limit.ts';
import { cutStream } from './cut-stream.ts';
import { Http2Exchange } from './downstream-exchange.ts';
import { requestHeadOf } from './request-head.ts';

const REQUESTS = metricOffset('limpet_requests_total', '2');
const REFUSED = metricOffset('limpet_requests_refused_total');

/** What each field adds to the size of a head (RFC 9113 §6.5.2). */
const FIELD_OVERHEAD_BYTES = 32;
/** Fields whose overhead is allowed for. */
const FIELDS_COUNTED_MAX = 4096;
/** With stream windows of this size the connection's own, a byte less, will do. */
const CONNECTION_WINDOW_BYTES = 65_536;
/** Streams that a client may reset at once, and a second, before the session ends: rapid reset (CVE-2023-44487). */
const RESET_BURST = 200;
const RESETS_PER_SECOND = 33;
const PINGS_OUTSTANDING_MAX = 10;
const INVALID_FRAMES_MAX = 100;
const SETTINGS_ENTRIES_MAX = 32;
/** A session closes when its GOAWAY has left; a client that does not read, or is gone without our being told, gets no longer than this. */
const LINGER_MS = 2000;
/** Between the GOAWAY that announces the end and the one that refuses streams: a round trip to any client. */
const ANNOUNCED_MS = 1000;
const STREAM_ID_MAX = 2 ** 31 - 1;
/** From so many cancelled requests on, a new one is only looked at when the bytes that came with it are read: its cancellation may be among them. */
const RESETS_BEFORE_WAITING = 16;
/** Of nghttp2's own buffers for one session, in MB. */
const SESSION_MEMORY_MB = 8;
/**
 * node:http2 keeps what could not be sent of a stream that was reset, up to 64 kB, in its account of them for the life of the session, and refuses
 * streams with ENHANCE_YOUR_CALM once that is full: before, the client is told to connect anew.
 */
const RESETS_MAX = 100;

export class Http2DownstreamConnection {
  readonly #session: ServerHttp2Session;
  readonly #socket: TLSSocket;
  readonly #rawSocket: Socket;
  readonly #connection: ProxiedConnection;
  readonly #owner: DownstreamOwner;
  readonly #deadline: Deadline;
  /** Those that are open, and what is forwarded for them; undefined before and where a refusal is all they get. */
  readonly #streams = new Map<ServerHttp2Stream, Http2Exchange | undefined>();
  /** Of the engine, for streams beside the first. */
  #places = 0;
  #requests = 0;
  /** Requests that the client has cancelled. */
  #resets = 0;
  #error: ErrorCode | undefined;
  #announced = false;
  /** Our last GOAWAY has been said. */
  #closing = false;
  #givenUp = false;
  #closed = false;

  constructor(socket: TLSSocket, rawSocket: Socket, connection: ProxiedConnection, owner: DownstreamOwner) {
    this.#socket = socket;
    this.#rawSocket = rawSocket;
    this.#connection = connection;
    this.#owner = owner;
    const { http } = connection.service();
    // The accept path keeps half-open connections for HTTP/1.1; here the end of reading is the end of the session.
    socket.allowHalfOpen = false;
    rawSocket.allowHalfOpen = false;
    this.#session = performServerHandshake(socket, {
      // A head above the profile's limits is answered 431; what is far above ends its stream before it is in memory.
      maxHeaderListPairs: 2 * http.fieldCountLimit,
      maxOutstandingPings: PINGS_OUTSTANDING_MAX,
      maxSessionInvalidFrames: INVALID_FRAMES_MAX,
      maxSessionRejectedStreams: INVALID_FRAMES_MAX,
      maxSessionMemory: SESSION_MEMORY_MB,
      maxSettings: SETTINGS_ENTRIES_MAX,
      streamResetBurst: RESET_BURST,
      streamResetRate: RESETS_PER_SECOND,
      settings: {
        maxConcurrentStreams: http.http2.streamsMax,
        initialWindowSize: http.http2.initialWindowBytes,
        maxHeaderListSize:
          2 * http.headLimitBytes + FIELD_OVERHEAD_BYTES * Math.min(http.fieldCountLimit, FIELDS_COUNTED_MAX),
        enableConnectProtocol: http.webSockets,
        enablePush: false,
      },
    });
    this.#deadline = connection.services.deadlines.start(http.firstByteTimeoutMs, () => this.#onDeadline());
    const session = this.#session;
    // One stream must be able to fill its own window.
    if (http.http2.initialWindowBytes > CONNECTION_WINDOW_BYTES)
      session.setLocalWindowSize(http.http2.initialWindowBytes);
    session.on('stream', (stream, _headers, flags, rawHeaders) => this.#onStream(stream, flags, rawHeaders));
    session.on('error', (error) => {
      // ENHANCE_YOUR_CALM, flow-control and framing errors: nghttp2 has answered and closes.
      this.#error ??= 'code' in error && error.code === 'ECONNRESET' ? 'CLIENT_GONE' : 'REQUEST_MALFORMED';
      this.#giveUp();
    });
    session.on('close', () => this.#onClosed());
    // Whatever node:http2 makes of it: without a socket there is no session.
    socket.once('close', () => this.#onSocketClosed());
    rawSocket.once('close', () => this.#onSocketClosed());
  }

  start(): void {
    // The session reads by itself from the moment it is made.
  }

  /** GOAWAY: streams that are open finish, new ones go to a new connection. */
  drain(keepIdle = false): void {
    if (this.#closing) return;
    if (keepIdle) {
      this.#announce();
      return;
    }
    this.#closing = true;
    if (!this.#session.destroyed) this.#session.close();
    this.#wait();
  }

  /** Ends what is under way at a server whose time is over. */
  leaveServer(slot: number): void {
    for (const exchange of [...this.#streams.values()]) exchange?.leaveServer(slot);
  }

  /**
   * The first of two GOAWAYs (RFC 9113 §6.8): it refuses nothing yet, so that requests on their way when the client hears of it are served. The
   * second follows when they have had the time to arrive.
   */
  #announce(): void {
    if (this.#announced || this.#session.destroyed) return;
    this.#announced = true;
    this.#session.goaway(constants.NGHTTP2_NO_ERROR, STREAM_ID_MAX);
    this.#connection.services.deadlines.start(ANNOUNCED_MS, () => this.drain());
  }

  destroy(): void {
    this.#session.destroy();
    this.#rawSocket.destroy();
  }

  /** HM_DOWN_ABORT_CONNECTION: the client sees a TCP reset. */
  #reset(): void {
    this.#closing = true;
    resetSocket(this.#socket, this.#rawSocket);
  }

  #onStream(stream: ServerHttp2Stream, flags: number, rawHeaders: readonly string[] | undefined): void {
    this.#streams.set(stream, undefined);
    this.#deadline.cancel();
    const hasPlace = this.#hasPlace();
    stream.once('close', () => {
      // One that we refuse is none that the client has given up: that there is no room must not cost it the connection.
      if (hasPlace && stream.rstCode !== constants.NGHTTP2_NO_ERROR) this.#noteReset();
      this.#onStreamClosed(stream);
    });
    // An error of one stream ends that stream; node:http2 reports it here and would throw without a listener.
    stream.on('error', () => {});
    if (!hasPlace) {
      this.#connection.service().metrics.add(REFUSED);
      // Not looked at: the client may ask again, here or elsewhere (RFC 9113 §8.7).
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
      return;
    }
    const endOfStream = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    if (this.#resets < RESETS_BEFORE_WAITING) this.#serveOrClose(stream, endOfStream, rawHeaders ?? []);
    else setImmediate(() => this.#serveOrClose(stream, endOfStream, rawHeaders ?? []));
  }

  /** The first stream has its connection's. */
  #hasPlace(): boolean {
    if (this.#streams.size <= 1 + this.#places) return true;
    if (!this.#connection.services.streamPlaces.takeStream()) return false;
    this.#places++;
    return true;
  }

  #givePlacesBack(streamsLeft: number): void {
    for (; this.#places > Math.max(0, streamsLeft - 1); this.#places--)
      this.#connection.services.streamPlaces.giveStreamBack();
  }

  #serveOrClose(stream: ServerHttp2Stream, endOfStream: boolean, rawHeaders: readonly string[]): void {
    // Reset before anybody looked at it: nothing was asked.
    if (stream.closed || stream.destroyed || this.#rawSocket.destroyed) return;
    try {
      this.#serve(stream, endOfStream, rawHeaders);
    } catch (error) {
      stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      throwApart(error);
    }
  }

  #serve(stream: ServerHttp2Stream, endOfStream: boolean, rawHeaders: readonly string[]): void {
    const service = this.#connection.service();
    const requestId = this.#connection.services.newRequestId();
    service.metrics.add(REQUESTS);
    const parsed = requestHeadOf(
      rawHeaders,
      endOfStream,
      service.headLimits,
      this.#connection.services.newWebSocketKey,
    );
    if (parsed.kind === 'refused') {
      this.#refuse(stream, requestId, parsed.error, parsed.detail);
      return;
    }
    const { head } = parsed;
    const { bodyLimitBytes } = service.http;
    if (head.body.kind === 'length' && bodyLimitBytes > 0 && head.body.bytes > bodyLimitBytes) {
      this.#refuse(stream, requestId, 'REQUEST_BODY_TOO_LARGE', 'content-length');
      return;
    }
    const exchange = new Http2Exchange(stream, head, {
      deadlines: this.#connection.services.deadlines,
      bodyTimeoutMs: service.http.bodyTimeoutMs,
      bodyLimitBytes,
      drainConnection: () => this.drain(),
      resetConnection: () => this.#reset(),
      giveUpConnection: () => this.#giveUp(),
    });
    this.#streams.set(stream, exchange);
    exchange.listen(forwardRequest(exchange, this.#connection, requestId));
    const { requestsMax } = service.http.http2;
    if (requestsMax > 0 && ++this.#requests >= requestsMax) this.drain();
  }

  #refuse(stream: ServerHttp2Stream, requestId: string, error: ErrorCode, detail: string): void {
    this.#connection.service().metrics.add(REFUSED);
    this.#connection.countRequest();
    this.#connection.addSignificance('ADF_REQUEST_REFUSED');
    recordRefusedRequest(this.#connection, requestId, error, detail);
    const { head, body } = createErrorResponse(error, requestId, 'GET');
    stream.respond({
      ':status': head.status,
      'content-type': 'text/plain; charset=utf-8',
      'content-length': body.length,
      'cache-control': 'no-store',
      'x-request-id': requestId,
    });
    stream.end(body);
    const { deadlines } = this.#connection.services;
    const timeoutMs = stallLimitMs(this.#connection.service().http.bodyTimeoutMs);
    const deadline = deadlines.start(timeoutMs, () =>
      cutStream(stream, constants.NGHTTP2_CANCEL, deadlines, () => this.#giveUp()),
    );
    stream.once('close', () => deadline.cancel());
  }

  #noteReset(): void {
    if (++this.#resets === RESETS_MAX) this.drain(true);
  }

  #onStreamClosed(stream: ServerHttp2Stream): void {
    this.#streams.delete(stream);
    this.#givePlacesBack(this.#streams.size);
    if (this.#streams.size > 0 || this.#closed) return;
    if (this.#session.destroyed) this.#giveUp();
    else if (this.#connection.isDraining()) this.drain(true);
    this.#wait();
  }

  // --- ends

  /** Sets the one deadline of the session, by what it waits for; streams keep their own time. */
  #wait(): void {
    if (this.#closed) return;
    if (this.#streams.size > 0 && !this.#givenUp) this.#deadline.cancel();
    else if (this.#closing) this.#deadline.restart(LINGER_MS);
    else this.#deadline.restart(this.#connection.service().http.keepAliveTimeoutMs);
  }

  #onDeadline(): void {
    if (this.#closing) this.destroy();
    else this.drain();
  }

  /**
   * For a session that failed, and for a client that takes nothing any more: GOAWAY, an end for each stream, and the socket closes, whether that has
   * left by then or not. Where a session fails while its client does not read, node:http2 waits for ever, and says nothing but that the streams are closed.
   */
  #giveUp(): void {
    if (this.#givenUp) return;
    this.#givenUp = true;
    this.drain();
    for (const stream of [...this.#streams.keys()]) stream.close(constants.NGHTTP2_CANCEL);
    this.#wait();
  }

  #onSocketClosed(): void {
    if (this.#closed) return;
    this.#session.destroy();
    this.#onClosed();
  }

  #onClosed(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#givePlacesBack(0);
    this.#deadline.cancel();
    if (!this.#rawSocket.destroyed) this.#rawSocket.destroySoon();
    this.#owner.onClosed(this.#error);
  }
}
