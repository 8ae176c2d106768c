// The seam between codecs and forwarding: one request of a client, and one request to a server, as forward-request sees them.

import type { ErrorCode } from '@limpet/model';
import type { BodyFraming, RequestHead, ResponseHead } from './message.ts';

/**
 * The client's side of one request. A codec makes it; forward-request answers it with any number of informational heads, then
 * exactly one of: a head, body parts and an end; or an abort.
 *
 * After a head whose body is a tunnel both directions carry bytes as they are; each ends by itself, with onRequestEnd and with {@link sendEnd}.
 *
 * Nothing need leave before {@link flush}: a codec gathers what came in one batch and writes it at once.
 */
export interface DownstreamExchange {
  readonly head: RequestHead;
  /** Asks for the request body; it comes to the listener from now on. Not called for a request without one. */
  startBody(): void;
  /** Stops the body; what was already read may still come. */
  pauseBody(): void;
  resumeBody(): void;
  /** Sends a 1xx head; codecs and versions that cannot carry it leave it out. */
  sendInformational(head: ResponseHead): void;
  /**
   * @param extraLines fields that the engine adds, each `name: value\r\n`.
   * @param lastOnConnection the client is told to open a new connection for its next request.
   */
  sendHead(head: ResponseHead, extraLines: string, lastOnConnection: boolean): void;
  /** The chunk is only valid during the call. */
  sendBody(chunk: Buffer): void;
  /** @param trailerLines each `name: value\r\n`, or ''. */
  sendEnd(trailerLines: string): void;
  /** Writes what was gathered. False: the client is slow; onResponseDrain will follow. */
  flush(): boolean;
  /** The response cannot be completed: the client must see that it is cut short. */
  abort(): void;
  /** Ends the whole connection with a TCP reset (HM_DOWN_ABORT_CONNECTION). */
  resetConnection(): void;
}

/** What a codec tells about its request. Implemented by forward-request. */
export interface ExchangeListener {
  /** The chunk is only valid during the call. */
  onRequestBody(chunk: Buffer): void;
  onRequestEnd(trailerLines: string): void;
  /** The end of one batch of {@link onRequestBody} calls. */
  onRequestFlush(): void;
  /** The request cannot be completed (malformed body, too large, too late): it must be answered with this error, if it can still be. */
  onRequestRefused(error: ErrorCode, detail: string): void;
  /** What was sent has left. */
  onResponseDrain(): void;
  /** The client has sent the last of the request, and of the connection. */
  onClientEnd(): void;
  /** The client is gone; nothing can be sent any more. */
  onClientGone(): void;
  /** The server of this slot was disabled and its time is over: a request that is under way at it ends there. */
  onServerDrained(slot: number): void;
}

/** What a server is asked, not yet in the words of a codec. */
export interface UpstreamRequest {
  readonly head: RequestHead;
  /** Host, or :authority. */
  readonly authority: string;
  /** The client's end-to-end fields and what the engine says itself, each `name: value\r\n`. */
  readonly fieldLines: string;
  readonly body: BodyFraming;
}

/** A connection that can take a request now, whatever protocol it speaks. */
export interface UpstreamCarrier {
  /** Whether its TLS session was a resumed one; undefined where there is no TLS. */
  readonly tlsReused: boolean | undefined;
  readonly http2: boolean;
  /** Begins a request; its head leaves with the next {@link UpstreamExchange.flush}. */
  begin(request: UpstreamRequest, listener: UpstreamListener): UpstreamExchange;
}

/** How a request to a server failed, and how far it had come. */
export interface UpstreamFailure {
  readonly error: ErrorCode;
  readonly detail: string;
  /** The request cannot have been acted upon: the connection was never open. */
  readonly neverSent: boolean;
  /**
   * Without a byte of response, by a fault of the connection: the server had closed it meanwhile, or has had enough of what was done on it, maybe by
   * others (ENHANCE_YOUR_CALM). Says nothing about the server.
   */
  readonly staleConnection: boolean;
  /** The server has said that it did not look at the request (RFC 9113 §8.7): it may be sent again, whatever its method. */
  readonly notProcessed: boolean;
}

/** Told about the response to one request. */
export interface UpstreamListener {
  onResponseInformational(head: ResponseHead): void;
  onResponseHead(head: ResponseHead): void;
  /** The chunk is only valid during the call. */
  onResponseBody(chunk: Buffer): void;
  onResponseEnd(trailerLines: string): void;
  /** The end of one batch of the calls above. */
  onResponseFlush(): void;
  /** The request body may go on. */
  onRequestDrain(): void;
  /** Instead of onResponseEnd; the last call. */
  onResponseFailure(failure: UpstreamFailure): void;
}

/** The server's side of one request: its head is on the way; the rest follows by these. */
export interface UpstreamExchange {
  /** Whether a pooled connection carries it. */
  readonly reused: boolean;
  /** Whether it may fail as {@link UpstreamFailure.notProcessed}. */
  readonly canBeRefused: boolean;
  /** The chunk is only valid during the call. */
  sendBody(chunk: Buffer): void;
  /** In a tunnel: the server sees the end of what the client sends, and may go on. */
  sendEnd(trailerLines: string): void;
  /** False: the server is slow; onRequestDrain will follow. */
  flush(): boolean;
  pauseResponse(): void;
  resumeResponse(): void;
  /** Gives the request up; no call follows. */
  abort(): void;
}
