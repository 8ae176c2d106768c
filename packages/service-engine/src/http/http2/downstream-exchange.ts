// One request on a client's HTTP/2 stream: its body read, its response written, in the terms of forward-request.

import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Deadline, Deadlines } from '../../lifecycle/deadlines.ts';
import type { DownstreamExchange, ExchangeListener } from '../exchange.ts';
import type { RequestHead, ResponseHead } from '../message.ts';
import { isEmptyBody } from '../message.ts';
import { stallLimitMs } from '../stall-limit.ts';
import { cutStream } from './cut-stream.ts';
import { addFieldPairs, fieldsOf, trailerLinesOf } from './fields.ts';

export interface StreamContext {
  readonly deadlines: Deadlines;
  /** Between two reads of the request's body, 0 for no limit, and for the client to take what was written. */
  readonly bodyTimeoutMs: number;
  /** 0: no limit. */
  readonly bodyLimitBytes: number;
  readonly drainConnection: () => void;
  readonly resetConnection: () => void;
  /** For a client that does not even take the end of a stream. */
  readonly giveUpConnection: () => void;
}

export class Http2Exchange implements DownstreamExchange {
  readonly head: RequestHead;
  readonly #stream: ServerHttp2Stream;
  readonly #context: StreamContext;
  #listener: ExchangeListener | undefined;
  #deadline: Deadline | undefined;
  #bodyBytes = 0;
  #requestComplete: boolean;
  #trailerLines = '';
  #bodyWanted = false;
  #headSent = false;
  #responseComplete = false;
  #lastOnConnection = false;
  #waitingForDrain = false;
  #mayHaveTrailers = false;
  #tunnel = false;
  #pending: Buffer[] = [];

  constructor(stream: ServerHttp2Stream, head: RequestHead, context: StreamContext) {
    this.head = head;
    this.#stream = stream;
    this.#context = context;
    this.#requestComplete = isEmptyBody(head.body);
    stream.on('close', () => this.#onClose());
    stream.on('drain', () => this.#onDrain());
  }

  listen(listener: ExchangeListener): void {
    this.#listener = listener;
    if (this.#bodyWanted) this.#readBody();
  }

  leaveServer(slot: number): void {
    this.#listener?.onServerDrained(slot);
  }

  // --- the request body

  startBody(): void {
    this.#bodyWanted = true;
    if (this.#listener !== undefined) this.#readBody();
  }

  pauseBody(): void {
    this.#endBodyWait();
    this.#stream.pause();
  }

  resumeBody(): void {
    this.#wait();
    this.#stream.resume();
  }

  #readBody(): void {
    const stream = this.#stream;
    this.#wait();
    stream.on('trailers', (_trailers, _flags, rawTrailers?: readonly string[]) => {
      this.#trailerLines = trailerLinesOf(rawTrailers ?? []);
    });
    stream.on('data', (chunk: Buffer) => this.#onData(chunk));
    let endedByClient = false;
    if (this.#tunnel) {
      // Once the server's way is over, node:http2 does not call a stream that is reset aborted; it only counts it as closed before it ends it.
      const push = stream.push;
      stream.push = (chunk: unknown, encoding?: BufferEncoding) => {
        if (chunk === null && !stream.closed) endedByClient = true;
        return push.call(stream, chunk, encoding);
      };
    }
    stream.on('end', () => {
      // node:http2 ends a stream that the client resets, too: half a body must not reach the server as a whole one. Its close follows.
      if (this.#requestComplete || stream.aborted || (this.#tunnel && !endedByClient)) return;
      this.#requestComplete = true;
      this.#endBodyWait();
      this.#listener?.onRequestEnd(this.#trailerLines);
      this.#listener?.onRequestFlush();
      // The last bytes of a tunnel may still have to be taken.
      if (this.#tunnel && this.#responseComplete && !this.#waitingForDrain) this.#waitForClient();
    });
  }

  #onData(chunk: Buffer): void {
    if (this.#requestComplete || (this.#responseComplete && !this.#tunnel)) return;
    this.#bodyBytes += chunk.length;
    const { bodyLimitBytes } = this.#context;
    if (bodyLimitBytes > 0 && !this.#tunnel && this.#bodyBytes > bodyLimitBytes) {
      this.#requestComplete = true;
      this.#listener?.onRequestRefused('REQUEST_BODY_TOO_LARGE', 'stream');
      return;
    }
    this.#wait();
    this.#listener?.onRequestBody(chunk);
    this.#listener?.onRequestFlush();
  }

  // --- the response

  sendInformational(head: ResponseHead): void {
    if (this.#stream.headersSent || this.#stream.closed) return;
    this.#stream.additionalHeaders({ ...fieldsOf(head.fieldLines), ':status': head.status });
  }

  sendHead(head: ResponseHead, extraLines: string, lastOnConnection: boolean): void {
    if (this.#stream.closed || this.#stream.headersSent) return;
    if (lastOnConnection) this.#lastOnConnection = true;
    if (head.body.kind === 'tunnel') {
      this.#startTunnel(fieldsOf(head.fieldLines + extraLines));
      return;
    }
    this.#headSent = true;
    this.#endBodyWait();
    const fields = [':status', head.status.toString()];
    const length = head.body.kind === 'length' ? head.body.bytes : head.declaredLength;
    if (length !== undefined) fields.push('content-length', length.toString());
    addFieldPairs(fields, head.fieldLines + extraLines);
    const endStream = isEmptyBody(head.body);
    this.#mayHaveTrailers = head.body.kind === 'chunked' || head.body.kind === 'stream';
    this.#stream.respond(fields, { endStream, waitForTrailers: this.#mayHaveTrailers });
  }

  /** RFC 8441 §5: 200 in place of 101, and no proof of the handshake. */
  #startTunnel(fields: OutgoingHttpHeaders): void {
    this.#tunnel = true;
    this.#requestComplete = false;
    fields[':status'] = 200;
    delete fields['sec-websocket-accept'];
    this.#stream.respond(fields);
  }

  sendBody(chunk: Buffer): void {
    // The chunk is shared memory of the server's connection, and the stream keeps what it cannot send yet.
    if (chunk.length > 0 && !this.#responseComplete) this.#pending.push(Buffer.from(chunk));
  }

  sendEnd(trailerLines: string): void {
    if (this.#responseComplete) return;
    this.#responseComplete = true;
    const stream = this.#stream;
    // A stream that has its end does not drain, it finishes; a tunnel may go on the other way long after.
    if (this.#tunnel && this.#waitingForDrain) stream.once('finish', () => this.#onDrain());
    else this.#waitingForDrain = false;
    this.#endBodyWait();
    if (!stream.closed && !stream.writableEnded) {
      if (this.#mayHaveTrailers) {
        // Without any it is an empty frame that ends the stream.
        stream.once('wantTrailers', () => stream.sendTrailers(fieldsOf(trailerLines)));
      }
      if (this.#pending.length > 0) stream.end(this.#takePending());
      else stream.end();
    }
    // A client that still sends a body nobody reads is told to stop (RFC 9113 §8.1).
    const tunnelRefused = this.head.asksForWebSocket && !this.#tunnel;
    if (tunnelRefused || (!this.#requestComplete && !this.#tunnel)) stream.close(constants.NGHTTP2_NO_ERROR);
    // What is written leaves when the client makes room for it, which one that leaves its window at zero never does.
    if (!this.#waitingForDrain && (!this.#tunnel || this.#requestComplete)) this.#waitForClient();
    if (this.#lastOnConnection) this.#context.drainConnection();
  }

  flush(): boolean {
    if (this.#pending.length === 0 || this.#stream.closed) return true;
    if (this.#stream.write(this.#takePending())) return true;
    if (this.#waitingForDrain) return false;
    this.#waitingForDrain = true;
    this.#waitForClient();
    return false;
  }

  abort(): void {
    this.#responseComplete = true;
    this.#cut(constants.NGHTTP2_INTERNAL_ERROR);
    if (this.#lastOnConnection) this.#context.drainConnection();
  }

  resetConnection(): void {
    this.#responseComplete = true;
    this.#deadline?.cancel();
    this.#context.resetConnection();
  }

  #takePending(): Buffer {
    const [only] = this.#pending;
    const whole = this.#pending.length === 1 ? (only as Buffer) : Buffer.concat(this.#pending);
    this.#pending = [];
    return whole;
  }

  // --- events and deadlines

  #onDrain(): void {
    if (!this.#waitingForDrain) return;
    this.#waitingForDrain = false;
    this.#deadline?.cancel();
    this.#listener?.onResponseDrain();
  }

  #onClose(): void {
    this.#deadline?.cancel();
    if (this.#responseComplete && (!this.#tunnel || this.#requestComplete)) return;
    this.#responseComplete = true;
    this.#requestComplete = true;
    this.#listener?.onClientGone();
  }

  #wait(): void {
    // What it sends gives a client no more time to take what was written.
    if (this.#waitingForDrain) return;
    const { bodyTimeoutMs } = this.#context;
    // A tunnel may be silent, and so may a client that has the head of its answer before it has said all, as in a call of gRPC;
    // forward-request keeps its own time.
    if (bodyTimeoutMs > 0 && !this.#tunnel && !this.#headSent) this.#startDeadline(bodyTimeoutMs);
  }

  /** The client's time to take what was written goes on. */
  #endBodyWait(): void {
    if (!this.#waitingForDrain) this.#deadline?.cancel();
  }

  #waitForClient(): void {
    if (!this.#stream.destroyed) this.#startDeadline(stallLimitMs(this.#context.bodyTimeoutMs));
  }

  #startDeadline(afterMs: number): void {
    if (this.#deadline === undefined)
      this.#deadline = this.#context.deadlines.start(afterMs, () => this.#onDeadline());
    else this.#deadline.restart(afterMs);
  }

  #cut(code: number): void {
    this.#deadline?.cancel();
    const { deadlines, giveUpConnection } = this.#context;
    cutStream(this.#stream, code, deadlines, giveUpConnection);
  }

  #onDeadline(): void {
    if (this.#responseComplete || this.#waitingForDrain) {
      this.#cut(constants.NGHTTP2_CANCEL);
    } else if (!this.#requestComplete) {
      this.#requestComplete = true;
      this.#listener?.onRequestRefused('REQUEST_TIMEOUT', 'body');
    }
  }
}
