// Forwarding one request: the only way, whatever codec it came by: a place at a server, an attempt there, another where that is safe, the relay of the answer, the record.

import type { ErrorCode, FailAction } from '@limpet/model';
import type { Deadline } from '../lifecycle/deadlines.ts';
import { throwApart } from '../lifecycle/throw-apart.ts';
import { limitActionOf } from '../pool/backup-pools.ts';
import type { ServerRuntime } from '../pool/server-runtime.ts';
import { type AnswerListener, ClientAnswer } from './client-answer.ts';
import { withoutClientCertificateFields } from './client-certificate-fields.ts';
import { CONTINUE, createRedirect } from './error-response.ts';
import type {
  DownstreamExchange,
  ExchangeListener,
  UpstreamCarrier,
  UpstreamExchange,
  UpstreamFailure,
} from './exchange.ts';
import { upstreamRequest } from './forwarded-fields.ts';
import type { BodyFraming, ResponseHead } from './message.ts';
import { ownAnswerTo } from './own-answer.ts';
import type { ProxiedConnection } from './proxied-connection.ts';
import type { StayOutcome } from './queue-stay.ts';
import { RequestBody } from './request-body.ts';
import { type PlaceListener, RequestPlace } from './request-place.ts';
import { RequestRecord } from './request-record.ts';
import { type Recoverable, RequestRecovery } from './request-recovery.ts';
import { responseLimitBroken, rewriteResponse } from './response-rewrite.ts';
import { isIdempotent } from './retry.ts';
import { type AttemptListener, ServerAttempt } from './server-attempt.ts';
import { malformed, neverConnected, significanceOf, timedOut } from './server-outcome.ts';
import { tunnelSilenceLimitMs } from './tunnel.ts';

/** Starts forwarding; the returned listener is what the codec reports the request's body and end to. */
export function forwardRequest(
  exchange: DownstreamExchange,
  connection: ProxiedConnection,
  requestId: string,
): ExchangeListener {
  const forwarding = new Forwarding(exchange, connection, requestId);
  try {
    forwarding.start();
  } catch (error) {
    // Nobody has the listener yet that would be told of the end.
    forwarding.abandon();
    throw error;
  }
  return forwarding;
}

type State = 'opening' | 'queued' | 'sent' | 'responding' | 'done';

class Forwarding implements ExchangeListener, PlaceListener, AttemptListener, AnswerListener, Recoverable {
  readonly #connection: ProxiedConnection;
  readonly #record: RequestRecord;
  readonly #place: RequestPlace;
  readonly #body: RequestBody;
  readonly #answer: ClientAnswer;
  readonly #recovery: RequestRecovery;
  #state: State = 'opening';
  #attempt: ServerAttempt | undefined;
  #deadline: Deadline | undefined;
  /** Directions of a tunnel that are open; 0 where there is none. */
  #tunnelWays = 0;
  #responsePaused = false;
  /** The server does not take what was sent. */
  #requestPaused = false;

  constructor(exchange: DownstreamExchange, connection: ProxiedConnection, requestId: string) {
    this.#connection = connection;
    this.#record = new RequestRecord(requestId, connection);
    this.#place = new RequestPlace(connection, this.#record, this);
    this.#body = new RequestBody(exchange.head.body);
    this.#answer = new ClientAnswer(exchange, connection, this.#record, this.#place, this);
    this.#recovery = new RequestRecovery(this.#place, this.#record, this.#answer, this);
  }

  get #exchange(): DownstreamExchange {
    return this.#answer.exchange;
  }

  start(): void {
    this.#connection.countRequest();
    const { head } = this.#exchange;
    const answer = ownAnswerTo(head, this.#connection, this.#place.service);
    if (answer === undefined) this.#place.find(head);
    else if (answer.kind === 'refuse') this.#refuse(answer.error, answer.lastOnConnection);
    else this.#answer.send(createRedirect(answer.status, answer.location, head.method), false, undefined);
  }

  // --- a place at a server, or none

  onPlace(server: ServerRuntime): void {
    this.#tryAt(server);
  }

  onWait(timeoutMs: number): void {
    this.#state = 'queued';
    this.#holdBody();
    this.#setDeadline(timeoutMs);
  }

  onQueueFull(): void {
    this.#giveUpWaiting('overflow', 'REQUEST_QUEUE_FULL');
  }

  #giveUpWaiting(outcome: StayOutcome, error: ErrorCode): void {
    this.#place.endWait(outcome);
    this.#record.note('ADF_LOAD_BALANCING_FAILED');
    this.onNoServer(error, limitActionOf(this.#place.service.pool));
  }

  onNoServer(error: ErrorCode, failAction: FailAction): void {
    this.#recovery.endWithoutServer(error, failAction);
  }

  onReset(error: ErrorCode): void {
    this.#answer.settle(error);
    this.#exchange.resetConnection();
  }

  // --- the attempt

  #tryAt(server: ServerRuntime): void {
    const { pool } = this.#place.service;
    this.#state = 'opening';
    this.#holdBody();
    const attempt = new ServerAttempt(server, pool, this);
    this.#attempt = attempt;
    attempt.open(this.#exchange.head, this.#connection);
    // Most find a connection that is there.
    if (this.#state === 'opening' && this.#attempt === attempt)
      this.#setDeadline(pool.snapshot.connectTimeoutMs);
  }

  onConnection(attempt: ServerAttempt, connection: UpstreamCarrier): void {
    const { cookie, service } = this.#place;
    const { http } = service;
    const head = cookie?.head ?? this.#exchange.head;
    this.#state = 'sent';
    this.#requestPaused = false;
    // An HTTP/2 body of unknown length is chunked to the server; so is one that was chunked to us.
    const framing: BodyFraming = head.body.kind === 'stream' ? { kind: 'chunked' } : head.body;
    const { authority } = attempt.server.snapshot;
    const request = upstreamRequest(head, framing, this.#connection, http, this.#record.id, authority);
    const upstream = attempt.send(connection, request, this.#record, this.#nowMs());
    if (this.#body.isKept) {
      this.#sendBodyAgain(upstream);
      return;
    }
    if (this.#body.ended) {
      upstream.flush();
      this.#setDeadline(service.pool.snapshot.serverTimeoutMs);
      return;
    }
    this.#body.start(upstream.canBeRefused && !head.asksForWebSocket);
    this.#deadline?.cancel();
    if (head.expectContinue && http.respondWith100Continue) {
      this.#exchange.sendInformational(CONTINUE);
      this.#exchange.flush();
    }
    this.#exchange.startBody();
    this.#upstream()?.flush();
  }

  /** What was sent to one server already waits for the next with the rest behind it, at the client; {@link #sendBodyAgain} lets it come. */
  #holdBody(): void {
    if (this.#body.isKept && !this.#body.ended) this.#exchange.pauseBody();
  }

  #sendBodyAgain(upstream: UpstreamExchange): void {
    this.#body.sendAgain(upstream);
    const ready = upstream.flush();
    this.#requestPaused = !ready;
    if (this.#body.ended || !ready) this.#setDeadline(this.#place.service.pool.snapshot.serverTimeoutMs);
    else this.#deadline?.cancel();
    if (ready) this.#exchange.resumeBody();
  }

  /** Absent while nothing is sent, or all is over. */
  #upstream(): UpstreamExchange | undefined {
    return this.#attempt?.upstream;
  }

  // --- the request body

  onRequestBody(chunk: Buffer): void {
    this.#record.requestBytes += chunk.length;
    // Not the client's fault: the stream was reset, and no server can have the whole of the request any more.
    if (!this.#body.send(chunk, this.#upstream()))
      this.#giveUpRequest('SERVER_STREAM_RESET', 'more of the body came than is kept');
  }

  onRequestEnd(trailerLines: string): void {
    this.#body.end(withoutClientCertificateFields(trailerLines, this.#place.service.http), this.#upstream());
    if (this.#tunnelWays > 0) this.#endTunnelWay();
    if (this.#state !== 'sent') return;
    this.#attempt?.noteRequestEnd(this.#nowMs());
    this.#setDeadline(this.#place.service.pool.snapshot.serverTimeoutMs);
  }

  onRequestFlush(): void {
    if (this.#upstream()?.flush() === false) {
      this.#exchange.pauseBody();
      this.#waitForServerToRead();
    }
    // A server that has begun to answer may wait for what the client says next, as in a call of gRPC.
    if (this.#state === 'responding' && !this.#responsePaused) this.#deadline?.restart();
  }

  /** While the server is the slow one, its deadline runs, not that of the client's codec. */
  #waitForServerToRead(): void {
    if (this.#requestPaused) return;
    this.#requestPaused = true;
    if (this.#state === 'sent') this.#setDeadline(this.#place.service.pool.snapshot.serverTimeoutMs);
  }

  onRequestDrain(): void {
    this.#requestPaused = false;
    if (this.#state === 'sent' && !this.#body.ended) this.#deadline?.cancel();
    this.#exchange.resumeBody();
  }

  onRequestRefused(error: ErrorCode, detail: string): void {
    if (this.#state === 'done') return;
    this.#record.note('ADF_REQUEST_REFUSED');
    this.#giveUpRequest(error, detail);
  }

  /** It cannot be completed: what is left of it, here or at a server, is of no use. */
  #giveUpRequest(error: ErrorCode, detail: string): void {
    if (this.#state === 'done') return;
    this.#place.endWait('client_gone');
    this.#attempt?.abort();
    if (this.#state === 'responding') this.#cutShort(error);
    else this.#refuse(error, true, detail);
  }

  // --- the response

  onResponseInformational(head: ResponseHead): void {
    // A 100 is the server's to send only where the client's expectation was passed on.
    if (head.status === 100 && this.#place.service.http.respondWith100Continue) return;
    if (!this.#failsForSize(head)) this.#exchange.sendInformational(head);
  }

  /** Where the head is beyond the limits of the profile: the server has failed with it. */
  #failsForSize(head: ResponseHead): boolean {
    const broken = responseLimitBroken(head, this.#place.service.http);
    if (broken === undefined) return false;
    this.#attempt?.abort();
    this.onResponseFailure(malformed(broken));
    return true;
  }

  onResponseHead(head: ResponseHead): void {
    if (this.#failsForSize(head)) return;
    const attempt = this.#attempt as ServerAttempt;
    const { cookie, service } = this.#place;
    this.#state = 'responding';
    this.#body.forget();
    this.#record.status = head.status;
    this.#record.serverResponseMs = attempt.noteResponseHead(head.status, this.#nowMs());
    const isTunnel = head.body.kind === 'tunnel';
    if (isTunnel) this.#tunnelWays = 2;
    // The deadline is set anew by onResponseFlush: often the whole answer came with the head.
    const { authority } = this.#exchange.head;
    const rewritten = rewriteResponse(head, service.http, authority, this.#connection.secure);
    this.#answer.sendHead(cookie?.answer(rewritten, attempt.server) ?? rewritten, false);
    if (!isTunnel) return;
    this.#body.start(false);
    this.#exchange.flush();
    this.#exchange.startBody();
  }

  onResponseBody(chunk: Buffer): void {
    this.#record.responseBytes += chunk.length;
    this.#exchange.sendBody(chunk);
  }

  onResponseEnd(trailerLines: string): void {
    if (this.#tunnelWays > 0) {
      this.#exchange.sendEnd('');
      this.#endTunnelWay();
      return;
    }
    this.#attempt = undefined;
    // Settled before the end is sent: the codec may go on to the next request at once.
    this.#answer.settle(undefined);
    this.#exchange.sendEnd(trailerLines);
    this.#exchange.flush();
  }

  onResponseFlush(): void {
    if (this.#state === 'done') return;
    if (this.#state === 'responding') this.#setDeadline(this.#silenceLimitMs());
    if (!this.#exchange.flush()) {
      this.#responsePaused = true;
      this.#upstream()?.pauseResponse();
      // While the client is the slow one, its codec's deadline runs, not the server's.
      this.#deadline?.cancel();
    }
  }

  onResponseDrain(): void {
    if (this.#state !== 'responding') return;
    this.#responsePaused = false;
    this.#setDeadline(this.#silenceLimitMs());
    this.#upstream()?.resumeResponse();
  }

  /** One direction of the tunnel is over; it is done when both are. */
  #endTunnelWay(): void {
    if (--this.#tunnelWays > 0) {
      this.#setDeadline(this.#silenceLimitMs());
      return;
    }
    this.#attempt = undefined;
    this.#answer.settle(undefined);
  }

  // --- a server that fails

  onResponseFailure(failure: UpstreamFailure): void {
    if (this.#state === 'done') return;
    const attempt = this.#attempt as ServerAttempt;
    this.#attempt = undefined;
    if (this.#recovery.asksAgain(failure)) {
      this.#tryAt(attempt.server);
      return;
    }
    if (failure.error === 'RESOURCES_SHORT') {
      // Nothing is known of the server: it is not suspected, and its clients are not moved.
      this.#connection.services.onShortage(failure.detail);
      this.#place.giveBack();
      this.#refuse(failure.error, false, failure.detail);
      return;
    }
    attempt.noteFailure(failure);
    this.#record.note(significanceOf(failure));
    if (this.#state === 'responding') this.#cutShort(failure.error);
    else this.#recovery.goOn(failure, attempt.server);
  }

  onServerDrained(slot: number): void {
    const { choice } = this.#place;
    if (this.#state === 'done' || choice?.server.slot !== slot) return;
    const neverSent = this.#state === 'opening';
    this.#attempt?.cut();
    this.#attempt = undefined;
    this.#record.note('ADF_SERVER_DISABLED');
    if (this.#state === 'responding') {
      this.#cutShort('SERVER_DISABLED');
      return;
    }
    this.#recovery.goOnAfterDrain(neverSent ? !this.#body.started : this.mayResend, choice.bound);
  }

  get mayResend(): boolean {
    return this.#body.isWhole && isIdempotent(this.#exchange.head.method);
  }

  get isWhole(): boolean {
    return this.#body.isWhole;
  }

  // --- a client that goes

  onClientEnd(): void {
    // A client may wait for its answer with its own side closed; one that still has to wait for a server has most likely gone.
    if (this.#state !== 'queued' || this.#place.service.http.fireAndForget) return;
    this.abandon();
    this.#exchange.abort();
  }

  onClientGone(): void {
    if (this.#state === 'done') return;
    if (!this.#place.service.http.fireAndForget || !this.#body.ended || this.#tunnelWays > 0) {
      this.abandon();
      return;
    }
    this.#record.note('ADF_CLIENT_ABORTED');
    this.#answer.discard();
    // It may have waited for the client to read.
    if (this.#state === 'responding') this.onResponseDrain();
  }

  /** Gives the request up, wherever it is. */
  abandon(): void {
    if (this.#state === 'done') return;
    this.#place.endWait('client_gone');
    if (this.#attempt?.isStream === true) this.#connection.noteAbandoned();
    this.#attempt?.abort();
    this.#record.note('ADF_CLIENT_ABORTED');
    this.#answer.settle('CLIENT_GONE');
  }

  /** An exception in the middle: it ends this request alone, and is reported. */
  onBroken(error: unknown): void {
    this.abandon();
    this.#exchange.abort();
    throwApart(error);
  }

  // --- time

  #nowMs(): number {
    return this.#connection.services.clock.monotonicMs();
  }

  /** How long nothing may come from the server, and in a tunnel from anybody. */
  #silenceLimitMs(): number {
    if (this.#tunnelWays > 0) return tunnelSilenceLimitMs(this.#tunnelWays);
    return this.#place.service.pool.snapshot.serverTimeoutMs;
  }

  #setDeadline(afterMs: number): void {
    if (this.#deadline === undefined) {
      this.#deadline = this.#connection.services.deadlines.start(afterMs, () => this.#onDeadline());
    } else {
      this.#deadline.restart(afterMs);
    }
  }

  #onDeadline(): void {
    switch (this.#state) {
      case 'done':
        return;
      case 'queued':
        this.#giveUpWaiting('expired', 'REQUEST_QUEUE_TIMEOUT');
        return;
      case 'opening': {
        const error = this.#attempt?.timeoutError ?? 'SERVER_UNREACHABLE';
        this.#attempt?.abort();
        this.onResponseFailure(neverConnected(error, 'ETIMEDOUT'));
        return;
      }
      case 'sent':
      case 'responding':
        this.#attempt?.abort();
        if (this.#tunnelWays > 0) this.#cutShort('TUNNEL_IDLE');
        else this.onResponseFailure(timedOut(this.#stallOf(this.#state)));
    }
  }

  #stallOf(state: 'sent' | 'responding'): string {
    if (state === 'responding') return 'response stalled';
    return this.#requestPaused ? 'request not read' : 'no response head';
  }

  // --- ends

  #refuse(error: ErrorCode, lastOnConnection: boolean, detail = ''): void {
    this.#answer.refuse(error, lastOnConnection, detail);
  }

  /** A response has begun and cannot be completed. */
  #cutShort(error: ErrorCode): void {
    this.#answer.settle(error);
    this.#exchange.abort();
  }

  onSettled(): void {
    this.#state = 'done';
    this.#deadline?.cancel();
    this.#place.giveBack();
  }
}
