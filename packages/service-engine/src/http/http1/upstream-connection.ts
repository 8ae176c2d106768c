// An HTTP/1.1 connection to a server: carries one request at a time, then goes back to the pool or closes.

import type { Address } from '@limpet/model';
import type { Channel } from '../../channel/channel.ts';
import { type ConnectListener, connectTcp } from '../../channel/tcp-client-channel.ts';
import type { PooledConnection } from '../../pool/idle-connections.ts';
import type { UpstreamExchange, UpstreamListener } from '../exchange.ts';
import { type BodyFraming, isEmptyBody, type RequestHead } from '../message.ts';
import { WriteBatch } from '../write-batch.ts';
import { ChunkedDecoder, chunkHeader, lastChunk } from './chunked-body.ts';
import type { HeadLimits } from './field-lines.ts';
import { parseResponseHead } from './response-head.ts';

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
  onConnected(connection: Http1UpstreamConnection): void;
  onConnectFailed(connection: Http1UpstreamConnection, error: Error | undefined): void;
  /** The exchange is over and the connection can carry another. */
  onReusable(connection: Http1UpstreamConnection): void;
  /** It closed while it was idle. */
  onIdleClosed(connection: Http1UpstreamConnection): void;
}

type ReadState = 'idle' | 'head' | 'body' | 'done';

export class Http1UpstreamConnection implements ConnectListener, PooledConnection, UpstreamExchange {
  readonly openedAtMs: number;
  owner: UpstreamConnectionOwner;
  readonly #channel: Channel;
  readonly #batch = new WriteBatch();
  #uses = 0;
  #connected = false;
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

  constructor(address: Address, owner: UpstreamConnectionOwner, nowMs: number) {
    this.openedAtMs = nowMs;
    this.owner = owner;
    this.#channel = connectTcp(address, this);
  }

  get uses(): number {
    return this.#uses;
  }

  get reused(): boolean {
    return this.#uses > 1;
  }

  /** Begins a request. Only when connected and idle; the head leaves with the next {@link flush}. */
  begin(
    headText: string,
    head: RequestHead,
    body: BodyFraming,
    listener: UpstreamListener,
  ): UpstreamExchange {
    this.#uses++;
    this.#listener = listener;
    this.#method = head.method;
    this.#asksForWebSocket = head.asksForWebSocket;
    this.#readState = 'head';
    this.#requestDone = isEmptyBody(body);
    this.#requestChunked = body.kind === 'chunked' || body.kind === 'stream';
    this.#anyBytes = false;
    this.#informational = 0;
    this.#batch.addText(headText);
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
    this.destroy();
  }

  destroy(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#batch.clear();
    this.#channel.destroy();
  }

  onConnect(): void {
    this.#connected = true;
    this.owner.onConnected(this);
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
    if (!this.#connected) {
      this.#closed = true;
      this.owner.onConnectFailed(this, error);
    } else if (this.#listener === undefined) {
      this.#closeIdle();
    } else if (this.#tunnel && this.#readState === 'done' && this.#requestDone) {
      this.#closed = true;
    } else {
      this.#lose(error === undefined ? 'the server closed the connection' : errorText(error));
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
      this.owner.onReusable(this);
    } else {
      this.destroy();
    }
    listener?.onResponseEnd(trailerLines);
  }

  #lose(detail: string): void {
    this.#fail('SERVER_CONNECTION_LOST', detail);
  }

  #fail(error: 'SERVER_CONNECTION_LOST' | 'RESPONSE_MALFORMED', detail: string): void {
    const listener = this.#listener;
    this.#listener = undefined;
    this.#readState = 'done';
    this.destroy();
    listener?.onResponseFailure({
      error,
      detail,
      neverSent: false,
      staleConnection: error === 'SERVER_CONNECTION_LOST' && this.reused && !this.#anyBytes,
    });
  }

  #closeIdle(): void {
    this.destroy();
    this.owner.onIdleClosed(this);
  }
}

/** What an operator may read of a socket error: its code, which names no address. */
export function errorText(error: Error | undefined): string {
  if (error === undefined) return 'closed';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
