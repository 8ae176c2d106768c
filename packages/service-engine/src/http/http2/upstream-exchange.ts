// One request on an HTTP/2 stream to a server, in the terms of forward-request.

import { createHash } from 'node:crypto';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { throwApart } from '../../lifecycle/throw-apart.ts';
import type { UpstreamExchange, UpstreamFailure, UpstreamListener, UpstreamRequest } from '../exchange.ts';
import { eachFieldLine, type HeadLimits } from '../http1/field-lines.ts';
import { isEmptyBody, type RequestHead } from '../message.ts';
import { fieldsOf, trailerLinesOf } from './fields.ts';
import { responseHeadOf } from './response-head.ts';

const RESPONSE_LIMITS: HeadLimits = {
  headLimitBytes: 65_536,
  fieldLineLimitBytes: 32_768,
  fieldCountLimit: 256,
};
/** Informational responses before the final one; a server that sends more does not mean well. */
const INFORMATIONAL_MAX = 16;
/** What node:http2 throws where a session has ended, or is ending: nothing was sent. */
const SESSION_OVER: ReadonlySet<string> = new Set(['ERR_HTTP2_INVALID_SESSION', 'ERR_HTTP2_GOAWAY_SESSION']);

/** What an exchange asks of the session that it is on. */
export interface ExchangeSession {
  readonly scheme: 'http' | 'https';
  readonly reused: boolean;
  readonly heardAtMs: number;
  readonly nowMs: number;
  /** What ended the session, for an operator; undefined while it lives. */
  readonly failure: string | undefined;
  /** Whether the server ended it because it has had enough of what came over it, whoever sent that. */
  readonly wasTooMuch: boolean;
  wasNotProcessed(streamId: number): boolean;
  noteHeard(): void;
  streamEnded(): void;
  /** It can take no request any more. */
  retire(): void;
  /** We have reset one of its streams. */
  noteReset(): void;
  /** The server has reset one with ENHANCE_YOUR_CALM. */
  noteCalm(): void;
}

/** Begins a request; what node:http2 does not take fails in the next turn. */
export function beginExchange(
  session: ClientHttp2Session,
  request: UpstreamRequest,
  owner: ExchangeSession,
  listener: UpstreamListener,
): UpstreamExchange {
  return new Http2UpstreamExchange(session, request, owner, listener);
}

class Http2UpstreamExchange implements UpstreamExchange {
  readonly reused: boolean;
  readonly canBeRefused = true;
  readonly #session: ExchangeSession;
  readonly #head: RequestHead;
  readonly #startedAtMs: number;
  #stream: ClientHttp2Stream | undefined;
  #listener: UpstreamListener | undefined;
  #pending: Buffer[] = [];
  #requestTrailerLines = '';
  #informational = 0;
  #headReceived = false;
  /** By END_STREAM. */
  #endedByServer = false;
  /** What came before the head was told. */
  #early: Buffer[] = [];
  /** Of a body whose length was declared. */
  #bodyLeft: number | undefined;
  #trailerLines = '';
  #flushScheduled = false;

  constructor(
    session: ClientHttp2Session,
    request: UpstreamRequest,
    owner: ExchangeSession,
    listener: UpstreamListener,
  ) {
    this.#session = owner;
    this.#head = request.head;
    this.#listener = listener;
    this.#startedAtMs = owner.nowMs;
    this.reused = owner.reused;
    const isTunnel = request.head.asksForWebSocket;
    const endStream = isEmptyBody(request.body) && !isTunnel;
    // Fields may follow a body of unknown length only: one with a length came without chunks.
    const waitForTrailers = request.body.kind === 'chunked';
    try {
      this.#stream = session.request(requestFieldsOf(request, owner.scheme), { endStream, waitForTrailers });
      this.#listen(this.#stream);
    } catch (error) {
      queueMicrotask(() => {
        owner.streamEnded();
        const code = error instanceof Error && 'code' in error ? String(error.code) : 'request';
        this.#guard(() => this.#fail('SERVER_STREAM_RESET', code, SESSION_OVER.has(code)));
      });
    }
  }

  sendBody(chunk: Buffer): void {
    // The chunk is only valid during the call, and the stream keeps what it cannot send yet.
    if (chunk.length > 0) this.#pending.push(Buffer.from(chunk));
  }

  sendEnd(trailerLines: string): void {
    this.#requestTrailerLines = trailerLines;
    const stream = this.#stream;
    if (stream === undefined || stream.destroyed || stream.writableEnded) return;
    if (this.#pending.length > 0) stream.end(this.#takePending());
    else stream.end();
  }

  flush(): boolean {
    const stream = this.#stream;
    if (this.#pending.length === 0 || stream === undefined || stream.destroyed || stream.writableEnded)
      return true;
    return stream.write(this.#takePending());
  }

  pauseResponse(): void {
    this.#stream?.pause();
  }

  resumeResponse(): void {
    this.#stream?.resume();
  }

  abort(): void {
    this.#listener = undefined;
    this.#pending = [];
    this.#early = [];
    this.#reset(constants.NGHTTP2_CANCEL);
  }

  #reset(code: number): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    const isOpen = !stream.closed && !stream.destroyed;
    stream.close(code);
    // One that is paused, with data in it, else never comes to its close, and its session waits for that.
    stream.resume();
    if (isOpen) this.#session.noteReset();
  }

  #listen(stream: ClientHttp2Stream): void {
    // node:http2 ends a stream that was reset with NO_ERROR like one that has come to its end; it only counts it as closed before.
    const push = stream.push;
    stream.push = (chunk: unknown, encoding?: BufferEncoding) => {
      if (chunk === null && !stream.closed) this.#endedByServer = true;
      return push.call(stream, chunk, encoding);
    };
    stream.on('headers', (_headers, _flags, rawHeaders) =>
      this.#guard(() => this.#onInformational(rawHeaders ?? [])),
    );
    stream.on('response', (_headers, flags, rawHeaders) =>
      this.#guard(() => this.#onHead(flags, rawHeaders ?? [])),
    );
    stream.on('data', (chunk: Buffer) => this.#guard(() => this.#onData(chunk)));
    stream.on('trailers', (_trailers, _flags, rawTrailers?: readonly string[]) => {
      this.#trailerLines = trailerLinesOf(rawTrailers ?? []);
    });
    stream.on('end', () => this.#guard(() => this.#onEnd()));
    stream.on('drain', () => this.#guard(() => this.#listener?.onRequestDrain()));
    stream.on('wantTrailers', () =>
      this.#guard(() => stream.sendTrailers(fieldsOf(this.#requestTrailerLines))),
    );
    // What it was is told by the close that follows.
    stream.on('error', () => {});
    stream.on('close', () => this.#guard(() => this.#onClose(stream)));
  }

  /** An exception ends this stream, and so the request on it; the session goes on with the others. */
  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      throwApart(error);
      this.#reset(constants.NGHTTP2_INTERNAL_ERROR);
      try {
        // Now: whoever threw is not to be asked for more in the meantime.
        this.#fail('SERVER_STREAM_RESET', nameOfCode(constants.NGHTTP2_INTERNAL_ERROR));
      } catch (another) {
        throwApart(another);
      }
    }
  }

  #onInformational(rawHeaders: readonly string[]): void {
    this.#session.noteHeard();
    if (++this.#informational > INFORMATIONAL_MAX) {
      this.#refuse('too many informational responses');
      return;
    }
    const response = responseHeadOf(rawHeaders, false, this.#head.method, undefined, RESPONSE_LIMITS);
    if (response.kind === 'refused') {
      this.#refuse(response.detail);
      return;
    }
    this.#listener?.onResponseInformational(response.head);
    this.#scheduleFlush();
  }

  #onHead(flags: number, rawHeaders: readonly string[]): void {
    this.#session.noteHeard();
    const endOfStream = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    const { method, asksForWebSocket, fieldLines } = this.#head;
    const accept = asksForWebSocket ? webSocketAcceptOf(fieldLines) : undefined;
    const response = responseHeadOf(rawHeaders, endOfStream, method, accept, RESPONSE_LIMITS);
    if (response.kind === 'refused') {
      this.#refuse(response.detail);
      return;
    }
    this.#headReceived = true;
    if (response.head.body.kind === 'length') this.#bodyLeft = response.head.body.bytes;
    this.#listener?.onResponseHead(response.head);
    for (const chunk of this.#early.splice(0)) this.#onData(chunk);
    this.#scheduleFlush();
  }

  #onData(chunk: Buffer): void {
    this.#session.noteHeard();
    // node:http2 tells of a head one tick later, and of data at once: where both came in one read with other streams, data is first.
    if (!this.#headReceived) {
      if (this.#listener !== undefined) this.#early.push(chunk);
      return;
    }
    if (this.#bodyLeft !== undefined) {
      this.#bodyLeft -= chunk.length;
      // A length that was declared is held to by nghttp2; that a 205 has no content is not.
      if (this.#bodyLeft < 0) {
        this.#refuse('more body than its head allows');
        return;
      }
    }
    this.#listener?.onResponseBody(chunk);
    this.#scheduleFlush();
  }

  #onEnd(): void {
    const isTunnel = this.#head.asksForWebSocket;
    // A stream that is reset ends, too; its close says that it was.
    const isReset =
      (this.#stream?.rstCode ?? 0) !== constants.NGHTTP2_NO_ERROR || (!this.#endedByServer && !isTunnel);
    if (!this.#headReceived || isReset || (this.#bodyLeft ?? 0) > 0) return;
    const listener = this.#listener;
    if (!isTunnel) this.#listener = undefined;
    listener?.onResponseEnd(this.#trailerLines);
    // RFC 9113 §8.1: an answer may be complete before its request is; the rest of that is of no use to the server.
    if (!isTunnel && this.#stream?.writableEnded === false) this.#reset(constants.NGHTTP2_CANCEL);
  }

  #onClose(stream: ClientHttp2Stream): void {
    const code = stream.rstCode ?? 0;
    const { failure } = this.#session;
    // Without an id it was never sent: the session was over, or has no number left (RFC 9113 §5.1.1).
    if (stream.id === undefined) this.#session.retire();
    const notProcessed =
      code === constants.NGHTTP2_REFUSED_STREAM ||
      stream.id === undefined ||
      this.#session.wasNotProcessed(stream.id);
    // While the session lives: one that ends takes its streams with it under its own code.
    if (code === constants.NGHTTP2_ENHANCE_YOUR_CALM && failure === undefined) this.#session.noteCalm();
    this.#session.streamEnded();
    if (failure !== undefined && !notProcessed) this.#fail('SERVER_CONNECTION_LOST', failure);
    else this.#fail('SERVER_STREAM_RESET', nameOfCode(code), notProcessed && !this.#headReceived);
  }

  #refuse(detail: string): void {
    this.#fail('RESPONSE_MALFORMED', detail);
    this.#reset(constants.NGHTTP2_PROTOCOL_ERROR);
  }

  #fail(error: UpstreamFailure['error'], detail: string, notProcessed = false): void {
    const listener = this.#listener;
    this.#listener = undefined;
    this.#pending = [];
    listener?.onResponseFailure({
      error,
      detail,
      neverSent: false,
      staleConnection: this.#isAboutSession(error),
      notProcessed,
    });
  }

  /** Whether it failed of what had become of the session, not of its own. */
  #isAboutSession(error: UpstreamFailure['error']): boolean {
    if (this.#headReceived) return false;
    if (error === 'SERVER_STREAM_RESET') return this.#stream?.rstCode === constants.NGHTTP2_ENHANCE_YOUR_CALM;
    if (error !== 'SERVER_CONNECTION_LOST') return false;
    // The server had closed it while it was idle, and we had not heard of it yet; or it had enough of it.
    const wasClosed = this.reused && this.#session.heardAtMs < this.#startedAtMs;
    return wasClosed || this.#session.wasTooMuch;
  }

  /** In one go with what else came in this turn: head, body and end are one write to the client. */
  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    queueMicrotask(() => {
      this.#flushScheduled = false;
      this.#guard(() => this.#listener?.onResponseFlush());
    });
  }

  #takePending(): Buffer {
    const [only] = this.#pending;
    const whole = this.#pending.length === 1 ? (only as Buffer) : Buffer.concat(this.#pending);
    this.#pending = [];
    return whole;
  }
}

function requestFieldsOf(
  { head, authority, fieldLines, body }: UpstreamRequest,
  scheme: 'http' | 'https',
): OutgoingHttpHeaders {
  const fields = fieldsOf(fieldLines);
  fields[':method'] = head.method;
  fields[':scheme'] = scheme;
  fields[':authority'] = authority;
  fields[':path'] = head.target;
  if (head.acceptsTrailers) fields.te = 'trailers';
  if (body.kind === 'length') fields['content-length'] = body.bytes;
  if (head.asksForWebSocket) {
    // RFC 8441 §4, §5: the frames of HTTP/2 make the key unnecessary.
    fields[':method'] = 'CONNECT';
    fields[':protocol'] = 'websocket';
    delete fields['sec-websocket-key'];
  }
  return fields;
}

/** RFC 6455 §4.2.2: what a client of HTTP/1.1 expects for its key. */
function webSocketAcceptOf(fieldLines: string): string {
  let key = '';
  eachFieldLine(fieldLines, (name, value) => {
    if (name.toLowerCase() === 'sec-websocket-key') key = value;
  });
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

const CODE_NAMES: readonly string[] = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
];

/** RFC 9113 §7. */
export function nameOfCode(code: number): string {
  return CODE_NAMES[code] ?? `code ${code}`;
}
