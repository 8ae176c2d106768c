// Forwarding one request: the only way, whatever codec it came by: choose a server, send, relay, retry where that is safe, record.

import type { ErrorCode, SignificanceCode } from '@limpet/model';
import type { Deadline } from '../lifecycle/deadlines.ts';
import { throwApart } from '../lifecycle/throw-apart.ts';
import { markConnectFailure } from '../pool/eligibility.ts';
import type { Placement } from '../pool/placement.ts';
import type { PoolRuntime } from '../pool/pool-runtime.ts';
import { noteResponse } from '../pool/response-time.ts';
import { type RequestChoice, selectForRequest } from '../pool/select-for-request.ts';
import type { ServerRuntime } from '../pool/server-runtime.ts';
import { givePlaceBack } from '../pool/take-place.ts';
import type { Waiter } from '../pool/wait-list.ts';
import { metricOffset } from '../telemetry/metrics-table.ts';
import { withoutClientCertificateFields } from './client-certificate-fields.ts';
import { DiscardedExchange } from './discarded-exchange.ts';
import { CONTINUE, createErrorResponse, createRedirect, type OwnResponse } from './error-response.ts';
import type {
  DownstreamExchange,
  ExchangeListener,
  UpstreamCarrier,
  UpstreamExchange,
  UpstreamFailure,
  UpstreamListener,
} from './exchange.ts';
import { failAnswerTo } from './fail-answer.ts';
import { upstreamRequest } from './forwarded-fields.ts';
import { type BodyFraming, isEmptyBody, type ResponseHead } from './message.ts';
import { openUpstream, type UpstreamOpening } from './open-upstream.ts';
import { ownAnswerTo } from './own-answer.ts';
import { CookieVisit } from './persistence-cookie.ts';
import type { HttpService, ProxiedConnection } from './proxied-connection.ts';
import { QueueStay, type StayOutcome } from './queue-stay.ts';
import { RequestRecord } from './request-record.ts';
import { RequestReplay } from './request-replay.ts';
import { addedResponseLines } from './response-fields.ts';
import { responseLimitBroken, rewriteResponse } from './response-rewrite.ts';
import { ATTEMPTS_MAX, isIdempotent, recoveryOf } from './retry.ts';
import {
  isServerFailure,
  malformed,
  neverConnected,
  significanceOf,
  statusClass,
  timedOut,
} from './server-outcome.ts';
import { tunnelSilenceLimitMs } from './tunnel.ts';

const SERVER_REQUESTS = metricOffset('limpet_server_requests_total');
const SERVER_FAILURES = metricOffset('limpet_server_failures_total');
const SERVER_UNAVAILABLE = metricOffset('limpet_server_unavailable_total');
const SERVER_OVER_LIMIT = metricOffset('limpet_server_over_limit_total');
const SERVER_CUT = metricOffset('limpet_server_requests_cut_total');
const SERVER_RESPONSES = metricOffset('limpet_server_responses_total', '1xx');
const REQUESTS_REFUSED = metricOffset('limpet_requests_refused_total');
const RESPONSES = metricOffset('limpet_responses_total', '1xx');

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

/** Beside the attempts on other servers. */
const SAME_SERVER_RETRIES_MAX = 2;

type State = 'opening' | 'queued' | 'sent' | 'responding' | 'done';

class Forwarding implements ExchangeListener, UpstreamListener, Waiter {
  /** The client's, until a client goes whose request goes on without it. */
  #exchange: DownstreamExchange;
  #clientGone = false;
  readonly #connection: ProxiedConnection;
  #service: HttpService;
  readonly #record: RequestRecord;
  #state: State = 'opening';
  /** Where the pool has HTTP cookie persistence. */
  #cookie: CookieVisit | undefined;
  #choice: (RequestChoice & { kind: 'server' }) | undefined;
  #opening: UpstreamOpening | undefined;
  #upstream: UpstreamExchange | undefined;
  #deadline: Deadline | undefined;
  #tried: ServerRuntime[] | undefined;
  /** While it waits for a place. */
  #stay: QueueStay | undefined;
  #lastFailure: UpstreamFailure | undefined;
  #sameServerRetries = 0;
  /** The body so far, where the server may still refuse to look at the request. */
  #replay: RequestReplay | undefined;
  #bodyStarted = false;
  #bodyEnded: boolean;
  /** Directions of a tunnel that are open; 0 where there is none. */
  #tunnelWays = 0;
  #moved = false;
  #responsePaused = false;
  #sentAtMs = 0;

  constructor(exchange: DownstreamExchange, connection: ProxiedConnection, requestId: string) {
    this.#exchange = exchange;
    this.#connection = connection;
    // One try sees one configuration, whatever is applied meanwhile.
    this.#service = connection.service();
    this.#record = new RequestRecord(requestId, connection.services.clock.monotonicMs());
    this.#bodyEnded = isEmptyBody(exchange.head.body);
  }

  start(): void {
    this.#connection.countRequest();
    const answer = ownAnswerTo(this.#exchange.head, this.#connection, this.#service);
    if (answer === undefined) this.#place();
    else if (answer.kind === 'refuse') this.#refuse(answer.error, answer.lastOnConnection);
    else
      this.#answer(
        createRedirect(answer.status, answer.location, this.#exchange.head.method),
        false,
        undefined,
      );
  }

  // --- choosing

  /** A request belongs where its connection does, or where its own cookie says. */
  #place(): void {
    const { persistence } = this.#service.pool.snapshot;
    if (persistence.kind === 'http-cookie') {
      const visit = new CookieVisit(this.#exchange.head, this.#connection, this.#service, persistence.cookie);
      this.#cookie = visit;
      const { result, selection } = visit;
      this.#record.cookie = result.kind === 'not-opened' ? result.reason : result.kind;
      for (const code of visit.significance) this.#note(code);
      if (selection.kind === 'abort') {
        this.#finish(selection.error);
        this.#exchange.resetConnection();
        return;
      }
      this.#record.placement = selection.placement;
    }
    this.#attempt();
  }

  #attempt(): void {
    if (this.#record.serversTried++ > 0) this.#service = this.#connection.service();
    this.#follow(selectForRequest(this.#service.pool, this.#placement, this.#tried ?? []));
  }

  get #placement(): Placement {
    return this.#record.placement ?? this.#connection.placement;
  }

  #follow(choice: RequestChoice): void {
    if (choice.kind === 'wait') {
      this.#wait(choice.pool, choice.server);
      return;
    }
    if (choice.kind === 'reset') {
      this.#note(
        choice.error === 'PERSISTENT_SERVER_DOWN'
          ? 'ADF_PERSISTENCE_FAILURE_SERVER_DOWN'
          : 'ADF_LOAD_BALANCING_FAILED',
      );
      this.#finish(choice.error);
      this.#exchange.resetConnection();
      return;
    }
    if (choice.kind === 'refuse') {
      this.#note('ADF_LOAD_BALANCING_FAILED');
      const answer = failAnswerTo(this.#exchange.head, choice.failAction);
      if (answer === undefined) {
        // Every server was tried: what the last one failed with says more than that there is none left.
        const { error = choice.error, detail = '' } = this.#lastFailure ?? {};
        this.#refuse(error, false, detail);
      } else {
        this.#service.metrics.add(REQUESTS_REFUSED);
        this.#answer(answer, false, choice.error);
      }
      return;
    }
    // A backup pool has its own times and its own profile.
    if (choice.pool !== this.#service.pool) this.#service = { ...this.#service, pool: choice.pool };
    this.#choice = choice;
    this.#cookie?.settle(choice);
    if (choice.moved) {
      // A ticket is switched by the next handshake alone; a cookie by the answer to this request.
      this.#moved = this.#cookie === undefined;
      this.#note('ADF_PERSISTENT_SERVER_CHANGE');
      for (const code of choice.significance) this.#note(code);
    }
    if (choice.overLimit) {
      choice.server.metrics.add(SERVER_OVER_LIMIT);
      this.#note('ADF_CONNECTION_LIMIT_EXCEEDED');
    }
    this.#open(choice.server);
  }

  // --- waiting for a place

  #wait(pool: PoolRuntime, server: ServerRuntime | undefined): void {
    this.#state = 'queued';
    if (this.#stay === undefined) {
      const { clock } = this.#connection.services;
      this.#stay = new QueueStay(this.#service.metrics, clock.monotonicMs());
      this.#setDeadline(pool.snapshot.requestQueue?.timeoutMs ?? 0);
    }
    if (!this.#stay.waitFor(pool, server, this)) this.#giveUp('overflow', 'REQUEST_QUEUE_FULL');
  }

  takeTurn(): boolean {
    const stay = this.#stay;
    if (stay === undefined) return true;
    try {
      // What is in effect now, not what was when it began to wait.
      this.#service = this.#connection.service();
      const ticketIn = (pool: PoolRuntime): number => stay.ticketIn(pool);
      const choice = selectForRequest(this.#service.pool, this.#placement, [], ticketIn);
      if (choice.kind === 'wait' && stay.isFor(choice.pool, choice.server)) return false;
      if (choice.kind !== 'wait') this.#endStay(choice.kind === 'server' ? 'served' : 'no_server');
      this.#follow(choice);
    } catch (error) {
      // The queue belongs to others, too.
      this.abandon();
      this.#exchange.abort();
      throwApart(error);
    }
    return true;
  }

  #giveUp(outcome: StayOutcome, error: ErrorCode): void {
    this.#endStay(outcome);
    this.#note('ADF_LOAD_BALANCING_FAILED');
    this.#refuse(error, false);
  }

  #endStay(outcome: StayOutcome): void {
    const stay = this.#stay;
    this.#stay = undefined;
    if (stay === undefined) return;
    this.#record.queuedMs = stay.end(outcome, this.#connection.services.clock.monotonicMs());
  }

  // --- opening

  #open(server: ServerRuntime): void {
    this.#state = 'opening';
    this.#setDeadline(this.#service.pool.snapshot.connectTimeoutMs);
    let done = false;
    const { pool } = this.#service;
    const from = this.#connection.connectionsAt(server, pool);
    const opening = openUpstream(from, pool, this.#exchange.head, this.#connection.services, {
      onOpen: (connection) => {
        done = true;
        this.#opening = undefined;
        this.#send(server, connection);
      },
      onFailed: (error, detail) => {
        done = true;
        this.#opening = undefined;
        this.onResponseFailure(neverConnected(error, detail));
      },
    });
    if (!done) this.#opening = opening;
  }

  #send(server: ServerRuntime, connection: UpstreamCarrier): void {
    const head = this.#cookie?.head ?? this.#exchange.head;
    this.#state = 'sent';
    this.#sentAtMs = this.#connection.services.clock.monotonicMs();
    server.metrics.add(SERVER_REQUESTS);
    // An HTTP/2 body of unknown length is chunked to the server; so is one that was chunked to us.
    const body: BodyFraming = head.body.kind === 'stream' ? { kind: 'chunked' } : head.body;
    const request = upstreamRequest(
      head,
      body,
      this.#connection,
      this.#service.http,
      this.#record.id,
      server.snapshot.authority,
    );
    this.#upstream = connection.begin(request, this);
    this.#record.serverConnectionReused = this.#upstream.reused;
    this.#record.serverTlsReused = connection.tlsReused;
    this.#record.serverHttp2 = connection.http2;
    if (this.#replay !== undefined) {
      this.#sendAgain(this.#upstream, this.#replay);
      return;
    }
    if (this.#bodyEnded) {
      this.#upstream.flush();
      this.#setDeadline(this.#service.pool.snapshot.serverTimeoutMs);
      return;
    }
    this.#bodyStarted = true;
    if (this.#upstream.canBeRefused && !head.asksForWebSocket) this.#replay = new RequestReplay();
    this.#deadline?.cancel();
    if (head.expectContinue && this.#service.http.respondWith100Continue) {
      this.#exchange.sendInformational(CONTINUE);
      this.#exchange.flush();
    }
    this.#exchange.startBody();
    this.#upstream?.flush();
  }

  /** What came of the body before the server refused to look at it; the rest follows. */
  #sendAgain(upstream: UpstreamExchange, replay: RequestReplay): void {
    for (const chunk of replay.chunks) upstream.sendBody(chunk);
    if (this.#bodyEnded) upstream.sendEnd(replay.trailerLines);
    if (!upstream.canBeRefused) this.#replay = undefined;
    const ready = upstream.flush();
    if (this.#bodyEnded) this.#setDeadline(this.#service.pool.snapshot.serverTimeoutMs);
    else this.#deadline?.cancel();
    if (ready) this.#exchange.resumeBody();
  }

  // --- the request body

  onRequestBody(chunk: Buffer): void {
    this.#record.requestBytes += chunk.length;
    // While the next connection opens nothing is lost: what still comes is what had been read before the pause.
    if (this.#replay?.add(chunk) === false && this.#upstream !== undefined) this.#replay = undefined;
    this.#upstream?.sendBody(chunk);
  }

  onRequestEnd(trailerLines: string): void {
    this.#bodyEnded = true;
    const kept = withoutClientCertificateFields(trailerLines, this.#service.http);
    this.#replay?.end(kept);
    this.#upstream?.sendEnd(kept);
    if (this.#tunnelWays > 0) this.#endTunnelWay();
    if (this.#state !== 'sent') return;
    // The server's time begins here; before, it was the client's.
    this.#sentAtMs = this.#connection.services.clock.monotonicMs();
    this.#setDeadline(this.#service.pool.snapshot.serverTimeoutMs);
  }

  onRequestFlush(): void {
    if (this.#upstream?.flush() === false) this.#exchange.pauseBody();
    // A server that has begun to answer may wait for what the client says next, as in a call of gRPC.
    if (this.#state === 'responding' && !this.#responsePaused) this.#deadline?.restart();
  }

  onRequestRefused(error: ErrorCode, detail: string): void {
    if (this.#state === 'done') return;
    this.#upstream?.abort();
    this.#note('ADF_REQUEST_REFUSED');
    if (this.#state === 'responding') this.#cutShort(error);
    else this.#refuse(error, true, detail);
  }

  // --- the response

  onResponseInformational(head: ResponseHead): void {
    // A 100 is the server's to send only where the client's expectation was passed on.
    if (head.status === 100 && this.#service.http.respondWith100Continue) return;
    this.#exchange.sendInformational(head);
  }

  onResponseHead(head: ResponseHead): void {
    const { server } = this.#choice as { server: ServerRuntime };
    const { http } = this.#service;
    const broken = responseLimitBroken(head, http);
    if (broken !== undefined) {
      this.#upstream?.abort();
      this.onResponseFailure(malformed(broken));
      return;
    }
    this.#state = 'responding';
    this.#replay = undefined;
    this.#record.status = head.status;
    this.#record.serverResponseMs = this.#connection.services.clock.monotonicMs() - this.#sentAtMs;
    server.metrics.add(SERVER_RESPONSES + statusClass(head.status));
    const failed = isServerFailure(head.status);
    if (failed) server.metrics.add(SERVER_UNAVAILABLE);
    noteResponse(this.#service.pool, server, this.#record.serverResponseMs, failed);
    const isTunnel = head.body.kind === 'tunnel';
    if (isTunnel) this.#tunnelWays = 2;
    this.#setDeadline(this.#silenceLimitMs);
    const { authority } = this.#exchange.head;
    const rewritten = rewriteResponse(head, http, authority, this.#connection.secure);
    this.#sendHead(this.#cookie?.answer(rewritten, server) ?? rewritten, false);
    if (!isTunnel) return;
    this.#bodyStarted = true;
    this.#exchange.flush();
    this.#exchange.startBody();
  }

  #sendHead(head: ResponseHead, lastOnConnection: boolean): void {
    const added = addedResponseLines(head, this.#record.id, this.#service, this.#connection.secure);
    const last = lastOnConnection || this.#moved || this.#connection.isDraining();
    this.#exchange.sendHead(head, added, last);
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
    this.#upstream = undefined;
    // Settled before the end is sent: the codec may go on to the next request at once.
    this.#finish(undefined);
    this.#exchange.sendEnd(trailerLines);
    this.#exchange.flush();
  }

  onResponseFlush(): void {
    if (this.#state === 'done') return;
    if (this.#state === 'responding') this.#deadline?.restart();
    if (!this.#exchange.flush()) {
      this.#responsePaused = true;
      this.#upstream?.pauseResponse();
      // While the client is the slow one, its codec's deadline runs, not the server's.
      this.#deadline?.cancel();
    }
  }

  onResponseFailure(failure: UpstreamFailure): void {
    if (this.#state === 'done') return;
    this.#upstream = undefined;
    const { server } = this.#choice as { server: ServerRuntime };
    const isUnharmed = failure.staleConnection ? this.#mayResend() : failure.notProcessed && this.#isWhole;
    if (isUnharmed && this.#sameServerRetries++ < SAME_SERVER_RETRIES_MAX) {
      // The server closed a connection that we kept, or goes away in order: it is as well as it was, so the same server is asked again.
      if (!this.#bodyEnded && this.#replay !== undefined) this.#exchange.pauseBody();
      this.#open(server);
      return;
    }
    if (failure.error === 'RESOURCES_SHORT') {
      // Nothing is known of the server: it is not suspected, and its clients are not moved.
      this.#connection.services.onShortage(failure.detail);
      this.#release();
      this.#refuse(failure.error, false, failure.detail);
      return;
    }
    if (failure.neverSent) markConnectFailure(server, this.#service.pool);
    server.metrics.add(SERVER_FAILURES);
    noteResponse(this.#service.pool, server, 0, true);
    this.#note(significanceOf(failure));
    if (this.#state === 'responding') {
      this.#cutShort(failure.error);
      return;
    }
    const unreachable = failure.neverSent || failure.error === 'SERVER_CONNECTION_LOST';
    const safe = failure.neverSent ? this.#isWhole : this.#mayResend();
    this.#serverFailed(server, failure, unreachable, safe);
  }

  /** The row "unreachable during a request" of the table in docs/tls-persistence.md. */
  #serverFailed(server: ServerRuntime, failure: UpstreamFailure, unreachable: boolean, safe: boolean): void {
    const isHeld = this.#choice?.bound === true && this.#record.placement?.mayMove !== true;
    const recovery = recoveryOf(this.#service.pool.snapshot.persistence, isHeld);
    this.#release();
    this.#lastFailure = failure;
    if (unreachable && recovery === 'abort') {
      this.#note('ADF_PERSISTENCE_FAILURE_SERVER_DOWN');
      this.#finish('PERSISTENT_SERVER_UNREACHABLE');
      this.#exchange.resetConnection();
    } else if (unreachable && recovery === 'never') {
      this.#note('ADF_PERSISTENCE_FAILURE_SERVER_DOWN');
      this.#refuse('PERSISTENT_SERVER_UNREACHABLE', false, failure.detail);
    } else if (unreachable && safe && this.#record.serversTried < ATTEMPTS_MAX) {
      if (recovery === 'immediate') this.#note('ADF_PERSISTENCE_FAILURE_SERVER_DOWN');
      this.#tried = [...(this.#tried ?? []), server];
      this.#attempt();
    } else {
      this.#refuse(failure.error, recovery === 'immediate' && this.#cookie === undefined, failure.detail);
    }
  }

  // --- the client

  onRequestDrain(): void {
    this.#exchange.resumeBody();
  }

  onResponseDrain(): void {
    if (this.#state !== 'responding') return;
    this.#responsePaused = false;
    this.#setDeadline(this.#silenceLimitMs);
    this.#upstream?.resumeResponse();
  }

  onClientEnd(): void {
    // A client may wait for its answer with its own side closed; one that still has to wait for a server has most likely gone.
    if (this.#state !== 'queued' || this.#service.http.fireAndForget) return;
    this.abandon();
    this.#exchange.abort();
  }

  onClientGone(): void {
    if (this.#state === 'done') return;
    if (!this.#service.http.fireAndForget || !this.#bodyEnded || this.#tunnelWays > 0) {
      this.abandon();
      return;
    }
    this.#note('ADF_CLIENT_ABORTED');
    this.#clientGone = true;
    this.#exchange = new DiscardedExchange(this.#exchange.head);
    // It may have waited for the client to read.
    if (this.#state === 'responding') this.onResponseDrain();
  }

  /** Gives the request up, wherever it is. */
  abandon(): void {
    if (this.#state === 'done') return;
    this.#endStay('client_gone');
    this.#opening?.cancel();
    this.#upstream?.abort();
    this.#note('ADF_CLIENT_ABORTED');
    this.#finish('CLIENT_GONE');
  }

  onServerDrained(slot: number): void {
    const choice = this.#choice;
    if (this.#state === 'done' || choice?.server.slot !== slot) return;
    const neverSent = this.#state === 'opening';
    this.#opening?.cancel();
    this.#upstream?.abort();
    this.#upstream = undefined;
    choice.server.metrics.add(SERVER_CUT);
    this.#note('ADF_SERVER_DISABLED');
    if (this.#state === 'responding') {
      this.#cutShort('SERVER_DISABLED');
      return;
    }
    this.#release();
    const safe = neverSent ? !this.#bodyStarted : this.#mayResend();
    // The configuration that is read now does not lead to this server any more.
    if (safe && this.#record.serversTried < ATTEMPTS_MAX) this.#attempt();
    else this.#refuse('SERVER_DISABLED', choice.bound);
  }

  // --- ends

  /** One direction of the tunnel is over; it is done when both are. */
  #endTunnelWay(): void {
    if (--this.#tunnelWays > 0) {
      this.#setDeadline(this.#silenceLimitMs);
      return;
    }
    this.#upstream = undefined;
    this.#finish(undefined);
  }

  /** Whether the request can be sent a second time: it has no effect that adds up, and nothing of its body is gone. */
  #mayResend(): boolean {
    return !this.#bodyStarted && isIdempotent(this.#exchange.head.method);
  }

  /** Whether the request is still there as it came: nothing of its body is gone. */
  get #isWhole(): boolean {
    return !this.#bodyStarted || this.#replay !== undefined;
  }

  /** How long nothing may come from the server, and in a tunnel from anybody. */
  get #silenceLimitMs(): number {
    if (this.#tunnelWays > 0) return tunnelSilenceLimitMs(this.#tunnelWays);
    return this.#service.pool.snapshot.serverTimeoutMs;
  }

  #setDeadline(afterMs: number): void {
    if (this.#deadline === undefined) {
      this.#deadline = this.#connection.services.deadlines.start(afterMs, () => this.#onDeadline());
    } else {
      this.#deadline.restart(afterMs);
    }
  }

  #onDeadline(): void {
    if (this.#state === 'done') return;
    if (this.#state === 'queued') {
      this.#giveUp('expired', 'REQUEST_QUEUE_TIMEOUT');
      return;
    }
    if (this.#state === 'opening') {
      const error = this.#opening?.timeoutError ?? 'SERVER_UNREACHABLE';
      this.#opening?.cancel();
      this.#opening = undefined;
      this.onResponseFailure(neverConnected(error, 'ETIMEDOUT'));
      return;
    }
    this.#upstream?.abort();
    if (this.#tunnelWays > 0) {
      this.#cutShort('TUNNEL_IDLE');
      return;
    }
    this.onResponseFailure(timedOut(this.#state === 'sent' ? 'no response head' : 'response stalled'));
  }

  #refuse(error: ErrorCode, lastOnConnection: boolean, detail = ''): void {
    this.#service.metrics.add(REQUESTS_REFUSED);
    this.#record.errorDetail = detail;
    const { method } = this.#exchange.head;
    this.#answer(createErrorResponse(error, this.#record.id, method), lastOnConnection, error);
  }

  /** Answers without a server. */
  #answer({ head, body }: OwnResponse, lastOnConnection: boolean, error: ErrorCode | undefined): void {
    this.#record.status = head.status;
    this.#sendHead(head, lastOnConnection);
    this.#exchange.sendBody(body);
    this.#record.responseBytes = body.length;
    this.#finish(error);
    this.#exchange.sendEnd('');
    this.#exchange.flush();
  }

  /** A response has begun and cannot be completed. */
  #cutShort(error: ErrorCode): void {
    this.#finish(error);
    this.#exchange.abort();
  }

  #release(): void {
    const choice = this.#choice;
    this.#choice = undefined;
    if (choice !== undefined) givePlaceBack(choice.pool, choice.server);
  }

  #note(code: SignificanceCode): void {
    this.#record.addSignificance(code);
    this.#connection.addSignificance(code);
  }

  #finish(error: ErrorCode | undefined): void {
    this.#state = 'done';
    this.#deadline?.cancel();
    const record = this.#record;
    record.error = error ?? (this.#clientGone ? 'CLIENT_GONE' : undefined);
    record.server = this.#choice?.server;
    record.serverReason = this.#choice?.why ?? '';
    this.#release();
    if (record.status >= 100) this.#service.metrics.add(RESPONSES + statusClass(record.status));
    record.write(this.#exchange.head, this.#connection, this.#service);
  }
}
