// One request on a client's HTTP/1.1 connection: its body decoded, its response framed and written.

import type { ErrorCode, HttpSnapshot } from '@limpet/model';
import type { Channel } from '../../channel/channel.ts';
import { createErrorResponse } from '../error-response.ts';
import type { DownstreamExchange, ExchangeListener } from '../exchange.ts';
import { isEmptyBody, type RequestHead, type ResponseHead } from '../message.ts';
import { WriteBatch } from '../write-batch.ts';
import { ChunkedDecoder, chunkHeader, lastChunk } from './chunked-body.ts';
import { informationalHeadText, responseHeadText } from './serialize.ts';

const CHUNKED_LIMITS = { trailerLimitBytes: 16_384, extensionLimitBytes: 4096 };

/** What an exchange asks of the connection that it is on. */
export interface ExchangeConnection {
  readonly channel: Channel;
  /** The exchange wants its body, now or again. */
  wantBody(): void;
  /** A tunnel's way to the client is over, its other way is not. */
  endWrites(): void;
  /** A write did not leave at once: the client must read within the body timeout. */
  waitForDrain(): void;
  /** The response is complete. */
  exchangeDone(exchange: Http1Exchange, keepAlive: boolean): void;
  /** The response was cut short. */
  abort(): void;
}

export class Http1Exchange implements DownstreamExchange {
  readonly head: RequestHead;
  readonly #connection: ExchangeConnection;
  readonly #bodyLimitBytes: number;
  readonly #keepAliveField: HttpSnapshot['keepAliveField'];
  #keepAliveTimeoutMs: number;
  readonly #batch = new WriteBatch();
  #listener: ExchangeListener | undefined;
  // The request.
  #requestComplete: boolean;
  #wantsBody = false;
  #bodyPaused = false;
  #bodyBytes = 0;
  #bodyLeft: number;
  #decoder: ChunkedDecoder | undefined;
  // The response.
  #last: boolean;
  #headSent = false;
  #continued = false;
  #responseComplete = false;
  #responseChunked = false;
  #tunnel = false;
  #draining = false;

  constructor(connection: ExchangeConnection, head: RequestHead, last: boolean, http: HttpSnapshot) {
    this.head = head;
    this.#connection = connection;
    this.#last = last;
    this.#bodyLimitBytes = http.bodyLimitBytes;
    this.#keepAliveField = http.keepAliveField;
    this.#keepAliveTimeoutMs = http.keepAliveTimeoutMs;
    this.#requestComplete = isEmptyBody(head.body);
    this.#bodyLeft = head.body.kind === 'length' ? head.body.bytes : 0;
    if (head.body.kind === 'chunked') this.#decoder = new ChunkedDecoder(CHUNKED_LIMITS);
  }

  /** Sets who is told; until then nothing is, since forward-request has not returned yet. */
  listen(listener: ExchangeListener): void {
    this.#listener = listener;
    if (this.#wantsBody) this.#connection.wantBody();
  }

  get isTunnel(): boolean {
    return this.#tunnel;
  }

  /** How long the client may think before its next request. */
  get keepAliveTimeoutMs(): number {
    return this.#keepAliveTimeoutMs;
  }

  get requestComplete(): boolean {
    return this.#requestComplete;
  }

  get responseComplete(): boolean {
    return this.#responseComplete;
  }

  get bodyPaused(): boolean {
    return this.#bodyPaused;
  }

  /** Whether body bytes can be taken now: somebody asked for them, or the response is complete and they are thrown away. */
  get wantsBody(): boolean {
    return (
      (this.#responseComplete && !this.#tunnel) ||
      (this.#wantsBody && !this.#bodyPaused && this.#listener !== undefined)
    );
  }

  /** Takes body bytes; returns how many. */
  receiveBody(bytes: Buffer): number {
    let used: number;
    if (this.#decoder === undefined) {
      used = Math.min(bytes.length, this.#bodyLeft);
      this.#bodyLeft -= used;
      this.#deliver(used === bytes.length ? bytes : bytes.subarray(0, used));
      if (this.#bodyLeft === 0) this.#endBody('');
    } else {
      used = bytes.length;
      const result = this.#decoder.decode(bytes, { onData: (part) => this.#deliver(part) });
      if (result.kind === 'end') {
        used = result.rest;
        this.#endBody(result.trailerLines);
      } else if (result.kind === 'refused') {
        this.#refuseBody('REQUEST_MALFORMED', result.detail);
      }
    }
    if (this.#listens) this.#listener?.onRequestFlush();
    return used;
  }

  /** The client has sent the last of a tunnel. */
  endTunnel(): void {
    if (this.#requestComplete) return;
    this.#endBody('');
    this.#listener?.onRequestFlush();
    if (this.#responseComplete) this.#connection.exchangeDone(this, false);
  }

  bodyTimedOut(): void {
    this.#refuseBody('REQUEST_TIMEOUT', 'body');
  }

  onDrain(): void {
    if (!this.#draining) return;
    this.#draining = false;
    this.#listener?.onResponseDrain();
  }

  onClientGone(): void {
    if (this.#responseComplete && (!this.#tunnel || this.#requestComplete)) return;
    this.#responseComplete = true;
    this.#listener?.onClientGone();
  }

  /** The client will send nothing more, though it may still read. */
  clientEnded(): void {
    if (!this.#responseComplete) this.#listener?.onClientEnd();
  }

  leaveServer(slot: number): void {
    this.#listener?.onServerDrained(slot);
  }

  /** Answers with an error without forwarding; the connection ends, since the body is not read. */
  refuse(error: ErrorCode, requestId: string): void {
    const { head, body } = createErrorResponse(error, requestId, this.head.method);
    this.sendHead(head, `X-Request-Id: ${requestId}\r\n`, true);
    this.sendBody(body);
    this.sendEnd('');
  }

  /**
   * RFC 9110 §10.1.1: a client that gets a final status instead of 100 may leave its body out, so that what it sends next is either the
   * body or a request. Nobody can tell (request smuggling), so nothing more is read.
   */
  #bodyMayBeKeptBack(): boolean {
    return this.head.expectContinue && !this.#continued && !this.#requestComplete && this.#bodyBytes === 0;
  }

  /** Whether anybody takes the request's bytes: in a tunnel also after the server has ended its own. */
  get #listens(): boolean {
    return !this.#responseComplete || this.#tunnel;
  }

  #deliver(part: Buffer): void {
    this.#bodyBytes += part.length;
    if (!this.#listens || part.length === 0) return;
    if (this.#bodyLimitBytes > 0 && !this.#tunnel && this.#bodyBytes > this.#bodyLimitBytes) {
      this.#refuseBody('REQUEST_BODY_TOO_LARGE', 'chunked');
      return;
    }
    this.#listener?.onRequestBody(part);
  }

  #endBody(trailerLines: string): void {
    if (this.#requestComplete) return;
    this.#requestComplete = true;
    if (this.#listens) this.#listener?.onRequestEnd(trailerLines);
  }

  #refuseBody(error: ErrorCode, detail: string): void {
    // What follows on this connection cannot be told from a body: it is the last exchange.
    this.#last = true;
    this.#requestComplete = true;
    if (!this.#responseComplete) this.#listener?.onRequestRefused(error, detail);
  }

  // --- as forward-request drives it

  startBody(): void {
    this.#wantsBody = true;
    if (this.#listener !== undefined) this.#connection.wantBody();
  }

  pauseBody(): void {
    this.#bodyPaused = true;
    this.#connection.wantBody();
  }

  resumeBody(): void {
    if (!this.#bodyPaused) return;
    this.#bodyPaused = false;
    this.#connection.wantBody();
  }

  sendInformational(head: ResponseHead): void {
    if (head.status === 100) this.#continued = true;
    // RFC 9110 §15.2: HTTP/1.0 knows no 1xx.
    if (this.head.version === '1.1') this.#batch.addText(informationalHeadText(head));
  }

  sendHead(head: ResponseHead, extraLines: string, lastOnConnection: boolean): void {
    this.#headSent = true;
    if (head.body.kind === 'tunnel') {
      this.#tunnel = true;
      this.#last = true;
      this.#requestComplete = false;
      this.#bodyLeft = Number.POSITIVE_INFINITY;
    }
    if (lastOnConnection || this.#bodyMayBeKeptBack()) this.#last = true;
    const unknownLength =
      head.body.kind === 'chunked' || head.body.kind === 'stream' || head.body.kind === 'until-close';
    // HTTP/1.0 has no chunks: there the end of the connection is the end of the body.
    this.#responseChunked = unknownLength && this.head.version === '1.1';
    if (unknownLength && !this.#responseChunked) this.#last = true;
    const framed: ResponseHead = unknownLength
      ? { ...head, body: { kind: this.#responseChunked ? 'chunked' : 'until-close' } }
      : head;
    // use_app_keepalive_timeout: the server knows how long its clients think.
    if (this.#keepAliveField === 'server' && head.keepAliveS !== undefined)
      this.#keepAliveTimeoutMs = head.keepAliveS * 1000;
    const connection = {
      keepAlive: !this.#last,
      version: this.head.version === '1.0' ? '1.0' : '1.1',
      keepAliveS: this.#keepAliveField === 'none' ? undefined : Math.floor(this.#keepAliveTimeoutMs / 1000),
    } as const;
    this.#batch.addText(responseHeadText(framed, connection, extraLines));
  }

  sendBody(chunk: Buffer): void {
    if (chunk.length === 0 || this.#responseComplete) return;
    if (this.#responseChunked) {
      this.#batch.addText(chunkHeader(chunk.length));
      this.#batch.addBytes(chunk);
      this.#batch.addText('\r\n');
    } else {
      this.#batch.addBytes(chunk);
    }
  }

  sendEnd(trailerLines: string): void {
    if (this.#responseComplete) return;
    if (this.#responseChunked) this.#batch.addText(lastChunk(trailerLines));
    this.flush();
    this.#responseComplete = true;
    if (!this.#tunnel) this.#bodyPaused = false;
    if (this.#tunnel && !this.#requestComplete) this.#connection.endWrites();
    else this.#connection.exchangeDone(this, !this.#last);
  }

  flush(): boolean {
    if (this.#batch.isEmpty) return true;
    if (this.#batch.writeTo(this.#connection.channel)) return true;
    this.#draining = true;
    this.#connection.waitForDrain();
    return false;
  }

  abort(): void {
    this.#responseComplete = true;
    if (this.#headSent) this.flush();
    this.#connection.abort();
  }

  resetConnection(): void {
    this.#responseComplete = true;
    this.#connection.abort();
  }
}
