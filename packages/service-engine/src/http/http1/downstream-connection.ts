// An HTTP/1.1 connection of a client: reads one request after another, hands each to forward-request, and keeps the deadlines.

import type { ErrorCode } from '@limpet/model';
import type { Channel, ChannelListener } from '../../channel/channel.ts';
import type { Deadline } from '../../lifecycle/deadlines.ts';
import { metricOffset } from '../../telemetry/metrics-table.ts';
import { createErrorResponse } from '../error-response.ts';
import { forwardRequest } from '../forward-request.ts';
import type { RequestHead } from '../message.ts';
import type { ProxiedConnection } from '../proxied-connection.ts';
import { recordRefusedRequest } from '../request-record.ts';
import { stallLimitMs } from '../stall-limit.ts';
import { type ExchangeConnection, Http1Exchange } from './downstream-exchange.ts';
import { parseRequestHead } from './request-head.ts';
import { responseHeadText } from './serialize.ts';

/** What the owner of the connection wants to know. */
export interface DownstreamOwner {
  /** The connection is over; the last call. */
  onClosed(error: ErrorCode | undefined): void;
}

const REQUESTS = metricOffset('limpet_requests_total', '1');
const REFUSED = metricOffset('limpet_requests_refused_total');
const RESPONSES_4XX = metricOffset('limpet_responses_total', '4xx');
const RESPONSES_5XX = metricOffset('limpet_responses_total', '5xx');

/** What a client may send ahead while its request is being answered; beyond it we stop reading. */
const AHEAD_LIMIT_BYTES = 65_536;
/** A client that was refused gets this long to read why before the connection is cut (RFC 9112 §9.6). */
const LINGER_MS = 2000;

type WaitingFor = 'first byte' | 'head' | 'next request' | 'body' | 'drain' | 'linger';

export class Http1DownstreamConnection implements ChannelListener, ExchangeConnection {
  readonly #channel: Channel;
  readonly #connection: ProxiedConnection;
  readonly #owner: DownstreamOwner;
  readonly #deadline: Deadline;
  #waitingFor: WaitingFor = 'first byte';
  #exchange: Http1Exchange | undefined;
  /** Bytes not worked on yet; `#buffered` of them are valid. */
  #buffer: Buffer | undefined;
  #searched = 0;
  #requests = 0;
  #paused = false;
  #advancing = false;
  /** Bytes of ours wait for the client to read; onDrain will tell. */
  #unsent = false;
  /** For the next request, once they have left. */
  #keepAliveTimeoutMs = 0;
  #ended = false;
  #closing = false;
  #closed = false;
  #error: ErrorCode | undefined;

  constructor(channel: Channel, connection: ProxiedConnection, owner: DownstreamOwner) {
    this.#channel = channel;
    this.#connection = connection;
    this.#owner = owner;
    channel.listener = this;
    const { deadlines } = connection.services;
    this.#deadline = deadlines.start(connection.service().http.firstByteTimeoutMs, () => this.#onDeadline());
  }

  /** Begins to read. */
  start(): void {
    this.#channel.resume();
  }

  /** Closes at once when idle, unless idle ones are kept; else after the response under way (whose head says so if it has not left yet). */
  drain(keepIdle: boolean): void {
    if (keepIdle) return;
    if (this.#exchange === undefined && this.#waitingFor !== 'head' && !this.#closing) this.#close();
  }

  /** Ends what is under way at a server whose time is over. */
  leaveServer(slot: number): void {
    this.#exchange?.leaveServer(slot);
  }

  /** Ends the connection now, whatever is under way. */
  destroy(): void {
    if (!this.#closed) this.#channel.destroy();
  }

  // --- the channel

  onData(chunk: Buffer): void {
    if (this.#closing) return;
    this.#buffer = this.#buffer === undefined ? chunk : Buffer.concat([this.#buffer, chunk]);
    this.#advance();
  }

  onEnd(): void {
    this.#ended = true;
    if (this.#exchange === undefined) {
      if (!this.#closing) this.#closeAfterClient();
    } else if (this.#exchange.isTunnel) {
      this.#exchange.endTunnel();
    } else if (!this.#exchange.requestComplete) {
      // The rest of the body will never come.
      this.#fail('CLIENT_GONE');
    } else {
      // A half-closed client that waits for its answer, as HTTP allows.
      this.#exchange.clientEnded();
    }
  }

  onDrain(): void {
    this.#unsent = false;
    if (this.#waitingFor === 'drain') this.#deadline.cancel();
    if (this.#closing) {
      this.#end();
      return;
    }
    if (this.#exchange === undefined) {
      this.#next(this.#keepAliveTimeoutMs);
      return;
    }
    this.#waitForBody();
    this.#exchange.onDrain();
  }

  onClose(_error: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#deadline.cancel();
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#buffer = undefined;
    exchange?.onClientGone();
    this.#owner.onClosed(this.#error);
  }

  // --- what an exchange asks for

  get channel(): Channel {
    return this.#channel;
  }

  wantBody(): void {
    this.#waitForBody();
    this.#advance();
  }

  endWrites(): void {
    this.#channel.end();
  }

  waitForDrain(): void {
    if (this.#unsent && this.#waitingFor === 'drain') return;
    this.#unsent = true;
    this.#wait('drain', stallLimitMs(this.#connection.service().http.bodyTimeoutMs));
  }

  exchangeDone(exchange: Http1Exchange, keepAlive: boolean): void {
    if (this.#exchange !== exchange) return;
    if (!keepAlive) {
      this.#exchange = undefined;
      this.#closeGently();
    } else if (exchange.requestComplete) {
      this.#exchange = undefined;
      this.#next(exchange.keepAliveTimeoutMs);
    }
    // The request's body is still coming: it is read to its end and thrown away, within the body timeout.
    else this.wantBody();
  }

  abort(): void {
    this.#exchange = undefined;
    this.#reset();
  }

  // --- reading

  #advance(): void {
    // An exchange may finish while we are inside; the outer loop goes on from there.
    if (this.#advancing) return;
    this.#advancing = true;
    try {
      while (this.#step()) {}
    } finally {
      this.#advancing = false;
    }
  }

  /** One piece of work on the buffered bytes; false when there is nothing to do until something happens. */
  #step(): boolean {
    if (this.#closed || this.#closing) return false;
    const exchange = this.#exchange;
    const buffer = this.#buffer;
    if (exchange === undefined) {
      if (!this.#unsent) return buffer !== undefined && this.#readHead(buffer);
      this.#setPaused(buffer !== undefined && buffer.length > AHEAD_LIMIT_BYTES);
      return false;
    }
    if (buffer === undefined) {
      this.#setPaused(exchange.bodyPaused);
      return false;
    }
    if (exchange.requestComplete || !exchange.wantsBody) {
      this.#setPaused(exchange.bodyPaused || buffer.length > AHEAD_LIMIT_BYTES);
      return false;
    }
    const used = exchange.receiveBody(buffer);
    this.#keepFrom(used);
    if (this.#exchange === exchange) this.#waitForBody();
    else if (this.#waitingFor === 'body') this.#deadline.cancel();
    if (exchange.requestComplete && exchange.responseComplete && this.#exchange === exchange) {
      this.#exchange = undefined;
      this.#next(exchange.keepAliveTimeoutMs);
    }
    return true;
  }

  /** While the client has to take what was written, nothing that it sends gives it more time: a client that does not read would go on for ever. */
  #waitForBody(): void {
    if (this.#unsent || this.#closing) return;
    const exchange = this.#exchange;
    // A tunnel may be silent, and while the server does not read the time is the server's: forward-request keeps its own.
    if (exchange !== undefined && !exchange.isTunnel && !exchange.requestComplete && exchange.wantsBody)
      this.#wait('body', this.#connection.service().http.bodyTimeoutMs);
    else if (this.#waitingFor === 'body') this.#deadline.cancel();
  }

  #readHead(buffer: Buffer): boolean {
    const { http, headLimits } = this.#connection.service();
    const parsed = parseRequestHead(buffer, 0, buffer.length, headLimits, this.#searched);
    if (parsed.kind === 'incomplete') {
      this.#searched = Math.max(0, buffer.length - 3);
      if (this.#waitingFor !== 'head') this.#wait('head', http.headTimeoutMs);
      this.#setPaused(false);
      return false;
    }
    this.#searched = 0;
    if (parsed.kind === 'refused') {
      this.#refuse(parsed.error, parsed.detail);
      return false;
    }
    this.#keepFrom(parsed.headBytes);
    this.#begin(parsed.head);
    return true;
  }

  #begin(head: RequestHead): void {
    this.#deadline.cancel();
    this.#waitingFor = 'next request';
    this.#requests++;
    const service = this.#connection.service();
    service.metrics.add(REQUESTS);
    const { keepAliveRequests, bodyLimitBytes } = service.http;
    const last = !head.keepAlive || (keepAliveRequests > 0 && this.#requests >= keepAliveRequests);
    const exchange = new Http1Exchange(this, head, last, service.http);
    this.#exchange = exchange;
    const requestId = this.#connection.services.newRequestId();
    if (head.body.kind === 'length' && bodyLimitBytes > 0 && head.body.bytes > bodyLimitBytes) {
      exchange.refuse('REQUEST_BODY_TOO_LARGE', requestId);
      recordRefusedRequest(this.#connection, requestId, 'REQUEST_BODY_TOO_LARGE', 'content-length');
      return;
    }
    exchange.listen(forwardRequest(exchange, this.#connection, requestId));
  }

  #next(keepAliveTimeoutMs: number): void {
    if (this.#connection.isDraining() || this.#ended) {
      this.#closeGently();
      return;
    }
    if (this.#unsent) {
      // Who asks for more without taking what was answered would fill the memory.
      this.#keepAliveTimeoutMs = keepAliveTimeoutMs;
      this.#setPaused(false);
      return;
    }
    if (this.#buffer === undefined) {
      this.#wait('next request', keepAliveTimeoutMs);
      this.#setPaused(false);
    } else {
      this.#wait('head', this.#connection.service().http.headTimeoutMs);
      this.#advance();
    }
  }

  #keepFrom(used: number): void {
    const buffer = this.#buffer;
    this.#buffer = buffer === undefined || used >= buffer.length ? undefined : buffer.subarray(used);
  }

  #setPaused(paused: boolean): void {
    if (paused === this.#paused || this.#closed) return;
    this.#paused = paused;
    if (paused) this.#channel.pause();
    else this.#channel.resume();
  }

  // --- ends

  /** Answers something that is no request, and closes. It is never forwarded. */
  #refuse(error: ErrorCode, detail: string): void {
    const { services } = this.#connection;
    const requestId = services.newRequestId();
    const { head, body } = createErrorResponse(error, requestId, 'GET');
    const service = this.#connection.service();
    service.metrics.add(REFUSED);
    service.metrics.add(head.status < 500 ? RESPONSES_4XX : RESPONSES_5XX);
    this.#connection.countRequest();
    this.#connection.addSignificance('ADF_REQUEST_REFUSED');
    recordRefusedRequest(this.#connection, requestId, error, detail);
    this.#error = error;
    const text = responseHeadText(
      head,
      { keepAlive: false, version: '1.1' },
      `X-Request-Id: ${requestId}\r\n`,
    );
    this.#channel.write(text + body.toString('latin1'));
    this.#closeGently();
  }

  #onDeadline(): void {
    switch (this.#waitingFor) {
      case 'head':
        this.#refuse('REQUEST_TIMEOUT', 'head');
        break;
      case 'body':
        if (this.#exchange === undefined || this.#exchange.responseComplete) this.#close();
        else this.#exchange.bodyTimedOut();
        break;
      case 'drain':
        this.#fail('REQUEST_TIMEOUT');
        break;
      case 'linger':
        this.#channel.destroy();
        break;
      default:
        // Nothing was asked, so nothing is answered (RFC 9112 §9.5).
        this.#close();
    }
  }

  #fail(error: ErrorCode): void {
    this.#error = error;
    this.#reset();
  }

  #reset(): void {
    // What the client has sent ahead is not looked at any more: nobody could be told what came of it.
    this.#closing = true;
    this.#buffer = undefined;
    this.#channel.reset();
  }

  #close(): void {
    this.#closing = true;
    this.#buffer = undefined;
    // A slow client has the same time for the last bytes as for all before them; lingering would cut them off.
    if (this.#unsent) this.waitForDrain();
    else this.#end();
  }

  /** The client has closed, and nothing is owed to it: a TLS close_notify and a shutdown would only cost, as nobody reads them. */
  #closeAfterClient(): void {
    if (this.#unsent) this.#close();
    else this.#channel.destroy();
  }

  #end(): void {
    this.#channel.end();
    this.#wait('linger', LINGER_MS);
  }

  /** Sends what was written and the end, then reads on and drops for a while: a reset would take our answer with it. */
  #closeGently(): void {
    this.#close();
    this.#setPaused(false);
  }

  #wait(what: WaitingFor, timeoutMs: number): void {
    this.#waitingFor = what;
    if (timeoutMs > 0) this.#deadline.restart(timeoutMs);
    else this.#deadline.cancel();
  }
}
