// An HTTP/1.1 connection to a server: carries one request at a time, then goes back to the pool or closes.

import type { Channel, ChannelListener } from '../../channel/channel.ts';
import type { PooledConnection } from '../../pool/idle-connections.ts';
import type { UpstreamCarrier, UpstreamExchange, UpstreamListener, UpstreamRequest } from '../exchange.ts';
import { type BodyFraming, isEmptyBody } from '../message.ts';
import { socketErrorText } from '../server-outcome.ts';
import { WriteBatch } from '../write-batch.ts';
import { ChunkedDecoder, chunkHeader, lastChunk } from './chunked-body.ts';
import type { HeadLimits } from './field-lines.ts';
import { parseResponseHead } from './response-head.ts';
import { requestHeadText } from './serialize.ts';

/** The largest that a profile can allow; forward-request holds each response to its own. */
const RESPONSE_LIMITS: HeadLimits = {
  headLimitBytes: 262_144,
  fieldLineLimitBytes: 65_536,
  fieldCountLimit: 65_536,
};
const CHUNKED_LIMITS = { trailerLimitBytes: 16_384, extensionLimitBytes: 4096 };
/** Informational responses before the final one; a server that sends more does not mean well. */
const INFORMATIONAL_MAX = 16;

/** Told when the connection is free again, or gone, outside any request. */
export interface UpstreamConnectionOwner {
  /** The exchange is over and the connection can carry another. */
  onReusable(connection: Http1UpstreamConnection): void;
  /** It closed while it was idle. */
  onIdleClosed(connection: Http1UpstreamConnection): void;
}

type ReadState = 'idle' | 'head' | 'body' | 'done';

export class Http1UpstreamConnection
  implements ChannelListener, PooledConnection, UpstreamCarrier, UpstreamExchange
{
  readonly names: string;
  readonly openedAtMs: number;
  readonly tlsReused: boolean | undefined;
  readonly http2 = false;
  readonly canBeRefused = false;
  readonly #owner: UpstreamConnectionOwner;
  readonly #channel: Channel;
  readonly #batch = new WriteBatch();
  #uses = 0;
  #closed = false;
  // The exchange under way.
  #listener: UpstreamListener | undefined;
  #method = 'GET';
  #readState: ReadState = 'idle';
  #requestDone = true;
  #requestChunked = false;
  #framing: BodyFraming = { kind: 'none' };
  #keepAlive = true;
  #bodyLeft = 0;
  #decoder: ChunkedDecoder | undefined;
  #anyBytes = false;
  #informational = 0;
  #asksForWebSocket = false;
  /** After a 101: bytes as they are, both ways, each until its end. */
  #tunnel = false;
  /** Bytes of an incomplete response head. */
  #pending: Buffer | undefined;

  /**
   * @param channel open, and from now on this connection's.
   * @param names what it was opened for.
   */
  constructor(
    channel: Channel,
    names: string,
    tlsReused: boolean | undefined,
    owner: UpstreamConnectionOwner,
    nowMs: number,
  ) {
    this.names = names;
    this.tlsReused = tlsReused;
    this.openedAtMs = nowMs;
    this.#owner = owner;
    this.#channel = channel;
    channel.listener = this;
  }

  get uses(): number {
    return this.#uses;
  }

  get reused(): boolean {
    return this.#uses > 1;
  }

  /** Only when it is idle. */
  begin(request: UpstreamRequest, listener: UpstreamListener): UpstreamExchange {
    const { head, body } = request;
    this.#uses++;
    this.#listener = listener;
    this.#method = head.method;
    this.#asksForWebSocket = head.asksForWebSocket;
    this.#readState = 'head';
    this.#requestDone = isEmptyBody(body);
    this.#requestChunked = body.kind === 'chunked' || body.kind === 'stream';
    this.#anyBytes = false;
    this.#informational = 0;
    this.#batch.addText(requestHeadText(request));
    return this;
  }

  sendBody(chunk: Buffer): void {
    if (this.#closed || chunk.length === 0) return;
    if (this.#requestChunked) {
      this.#batch.addText(chunkHeader(chunk.length));
      this.#batch.addBytes(chunk);
      this.#batch.addText('\r\n');
    } else {
      this.#batch.addBytes(chunk);
    }
  }

  sendEnd(trailerLines: string): void {
    if (this.#requestChunked && !this.#closed) this.#batch.addText(lastChunk(trailerLines));
    this.#requestDone = true;
    if (!this.#tunnel || this.#closed) return;
    this.flush();
    // Closes the socket once the server has ended, too.
    this.#channel.end();
  }

  flush(): boolean {
    if (this.#closed || this.#batch.isEmpty) return true;
    return this.#batch.writeTo(this.#channel);
  }

  pauseResponse(): void {
    this.#channel.pause();
  }

  resumeResponse(): void {
    this.#channel.resume();
  }

  abort(): void {
    this.#listener = undefined;
    // What passes through a tunnel has no end of its own: an end in order would make what was given up look whole.
    if (this.#tunnel && !this.#closed) {
      this.#closed = true;
      this.#batch.clear();
      this.#channel.reset();
      return;
    }
    this.destroy();
  }

  destroy(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#batch.clear();
    this.#channel.destroy();
  }

  onData(chunk: Buffer): void {
    if (this.#closed) return;
    const listener = this.#listener;
    if (listener === undefined) {
      // Bytes that nobody asked for: an early 408, or an answer that is not ours to give to the next client.
      this.#closeIdle();
      return;
    }
    this.#anyBytes = true;
    this.#read(chunk);
    listener.onResponseFlush();
  }

  onEnd(): void {
    if (this.#closed) return;
    if (this.#listener === undefined) {
      this.#closeIdle();
    } else if (this.#tunnel && this.#readState === 'body') {
      // What the client still sends goes on.
      this.#readState = 'done';
      this.#listener.onResponseEnd('');
    } else if (this.#readState === 'body' && this.#framing.kind === 'until-close') {
      this.#finish('');
    } else {
      this.#lose('the server ended the connection');
    }
  }

  onDrain(): void {
    this.#listener?.onRequestDrain();
  }

  onClose(error: Error | undefined): void {
    if (this.#closed) return;
    if (this.#listener === undefined) {
      this.#closeIdle();
    } else if (this.#tunnel && this.#readState === 'done' && this.#requestDone) {
      this.#closed = true;
    } else {
      const detail = error === undefined ? 'the server closed the connection' : socketErrorText(error);
      // In TLS 1.3 a server can refuse our certificate, or the lack of one, only when our handshake is over.
      const isRefusal = !this.#anyBytes && this.#uses === 1 && detail.includes('_ALERT_');
      this.#fail(isRefusal ? 'SERVER_HANDSHAKE_FAILED' : 'SERVER_CONNECTION_LOST', detail);
    }
  }

  #read(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#pending !== undefined) {
      bytes = Buffer.concat([this.#pending, chunk]);
      this.#pending = undefined;
    }
    let offset = 0;
    while (offset < bytes.length && !this.#closed && this.#readState !== 'done') {
      if (this.#readState === 'head') {
        const parsed = parseResponseHead(
          bytes,
          offset,
          bytes.length,
          RESPONSE_LIMITS,
          this.#method,
          this.#asksForWebSocket,
        );
        if (parsed.kind === 'incomplete') {
          // The read buffer is shared with every other upstream connection.
          this.#pending = Buffer.from(bytes.subarray(offset));
          return;
        }
        if (parsed.kind === 'refused') {
          this.#fail('RESPONSE_MALFORMED', parsed.detail);
          return;
        }
        offset += parsed.headBytes;
        if (parsed.head.status < 200 && parsed.head.status !== 101) {
          if (++this.#informational > INFORMATIONAL_MAX) {
            this.#fail('RESPONSE_MALFORMED', 'too many informational responses');
            return;
          }
          this.#listener?.onResponseInformational(parsed.head);
          continue;
        }
        this.#keepAlive = parsed.head.keepAlive;
        this.#framing = parsed.head.body;
        this.#readState = 'body';
        if (parsed.head.body.kind === 'length') this.#bodyLeft = parsed.head.body.bytes;
        if (parsed.head.body.kind === 'chunked') this.#decoder = new ChunkedDecoder(CHUNKED_LIMITS);
        if (this.#framing.kind === 'tunnel') {
          this.#tunnel = true;
          this.#keepAlive = false;
          this.#requestDone = false;
        }
        this.#listener?.onResponseHead(parsed.head);
        // The head may have been too much for whoever asked: the connection is given up, not kept.
        if (this.#closed) return;
        if (this.#framing.kind === 'none' || (this.#framing.kind === 'length' && this.#bodyLeft === 0)) {
          this.#endOfResponse('', offset === bytes.length);
          return;
        }
      } else {
        offset = this.#readBody(bytes, offset);
      }
    }
  }

  /** Returns the offset of the first byte that is not of the body. */
  #readBody(bytes: Buffer, offset: number): number {
    const rest = offset === 0 ? bytes : bytes.subarray(offset);
    switch (this.#framing.kind) {
      case 'length': {
        const part = rest.length > this.#bodyLeft ? rest.subarray(0, this.#bodyLeft) : rest;
        this.#bodyLeft -= part.length;
        this.#listener?.onResponseBody(part);
        if (this.#bodyLeft === 0) this.#endOfResponse('', part.length === rest.length);
        return offset + part.length;
      }
      case 'chunked': {
        const listener = this.#listener as UpstreamListener;
        const result = (this.#decoder as ChunkedDecoder).decode(rest, {
          onData: (part) => listener.onResponseBody(part),
        });
        if (result.kind === 'refused') this.#fail('RESPONSE_MALFORMED', result.detail);
        if (result.kind === 'end') this.#endOfResponse(result.trailerLines, result.rest === rest.length);
        return bytes.length;
      }
      default:
        this.#listener?.onResponseBody(rest);
        return bytes.length;
    }
  }

  /** @param clean no byte follows the response, as it has to be where no second request was sent. */
  #endOfResponse(trailerLines: string, clean: boolean): void {
    if (!clean) this.#keepAlive = false;
    this.#finish(trailerLines);
  }

  #finish(trailerLines: string): void {
    const listener = this.#listener;
    const reusable = this.#keepAlive && this.#requestDone && this.#framing.kind !== 'until-close';
    this.#listener = undefined;
    this.#readState = 'done';
    this.#decoder = undefined;
    if (reusable) {
      this.#readState = 'idle';
      this.#channel.resume();
      this.#owner.onReusable(this);
    } else {
      this.destroy();
    }
    listener?.onResponseEnd(trailerLines);
  }

  #lose(detail: string): void {
    this.#fail('SERVER_CONNECTION_LOST', detail);
  }

  #fail(
    error: 'SERVER_CONNECTION_LOST' | 'RESPONSE_MALFORMED' | 'SERVER_HANDSHAKE_FAILED',
    detail: string,
  ): void {
    const listener = this.#listener;
    this.#listener = undefined;
    this.#readState = 'done';
    this.destroy();
    listener?.onResponseFailure({
      error,
      detail,
      neverSent: false,
      staleConnection: error === 'SERVER_CONNECTION_LOST' && this.reused && !this.#anyBytes,
      notProcessed: false,
    });
  }

  #closeIdle(): void {
    this.destroy();
    this.#owner.onIdleClosed(this);
  }
}
