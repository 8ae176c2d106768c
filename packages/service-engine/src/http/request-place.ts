// The place of one request at a server: found by its cookie or its connection, waited for where all are taken, given back, and found anew where a server fails.

import type { ErrorCode, FailAction, Recovery } from '@limpet/model';
import type { Placement } from '../pool/placement.ts';
import type { PoolRuntime } from '../pool/pool-runtime.ts';
import { type RequestChoice, selectForRequest } from '../pool/select-for-request.ts';
import type { ServerRuntime } from '../pool/server-runtime.ts';
import { givePlaceBack } from '../pool/take-place.ts';
import type { Waiter } from '../pool/wait-list.ts';
import { metricOffset } from '../telemetry/metrics-table.ts';
import type { RequestHead } from './message.ts';
import { CookieVisit } from './persistence-cookie.ts';
import type { HttpService, ProxiedConnection } from './proxied-connection.ts';
import { QueueStay, type StayOutcome } from './queue-stay.ts';
import type { RequestRecord } from './request-record.ts';
import { recoveryOf } from './retry.ts';

const SERVER_OVER_LIMIT = metricOffset('limpet_server_over_limit_total');

const NONE: readonly ServerRuntime[] = [];

/** What a search ends with, or is told about while it waits. */
export interface PlaceListener {
  /** A place at this server is taken. */
  onPlace(server: ServerRuntime): void;
  /** It waits from now on, and is to give up after so long. */
  onWait(timeoutMs: number): void;
  /** There is no room to wait in. */
  onQueueFull(): void;
  /** No server takes it. */
  onNoServer(error: ErrorCode, failAction: FailAction): void;
  /** What the configuration says is that its connection ends. */
  onReset(error: ErrorCode): void;
  /** An exception, where it would have hit other requests. */
  onBroken(error: unknown): void;
}

export class RequestPlace implements Waiter {
  /** One try sees one configuration, whatever is applied meanwhile. */
  service: HttpService;
  /** Where the pool has HTTP cookie persistence. */
  cookie: CookieVisit | undefined;
  /** The place that is taken. */
  choice: (RequestChoice & { kind: 'server' }) | undefined;
  /** Whether the client has to reconnect to be where its requests are. */
  moved = false;
  readonly #connection: ProxiedConnection;
  readonly #record: RequestRecord;
  readonly #listener: PlaceListener;
  #tried: ServerRuntime[] | undefined;
  /** While it waits. */
  #stay: QueueStay | undefined;

  constructor(connection: ProxiedConnection, record: RequestRecord, listener: PlaceListener) {
    this.#connection = connection;
    this.#record = record;
    this.#listener = listener;
    this.service = connection.service();
  }

  /** A request belongs where its connection does, or where its own cookie says. */
  find(head: RequestHead): void {
    const { persistence } = this.service.pool.snapshot;
    if (persistence.kind === 'http-cookie') {
      const visit = new CookieVisit(head, this.#connection, this.service, persistence.cookie);
      this.cookie = visit;
      const { result, selection } = visit;
      this.#record.cookie = result.kind === 'not-opened' ? result.reason : result.kind;
      for (const code of visit.significance) this.#record.note(code);
      if (selection.kind === 'abort') {
        this.#listener.onReset(selection.error);
        return;
      }
      this.#record.placement = selection.placement;
    }
    this.#search();
  }

  /** @param failed a server that is not to be asked again. */
  findAnother(failed?: ServerRuntime): void {
    if (failed !== undefined) this.#tried = [...(this.#tried ?? []), failed];
    this.service = this.#connection.service();
    this.#search();
  }

  takeTurn(): boolean {
    const stay = this.#stay;
    if (stay === undefined) return true;
    try {
      // What is in effect now, not what was when it began to wait.
      this.service = this.#connection.service();
      const ticketIn = (pool: PoolRuntime): number => stay.ticketIn(pool);
      const choice = selectForRequest(this.service.pool, this.#placement(), [], ticketIn);
      if (choice.kind === 'wait' && stay.isFor(choice.pool, choice.server)) return false;
      if (choice.kind !== 'wait') this.endWait(choice.kind === 'server' ? 'served' : 'no_server');
      this.#follow(choice);
    } catch (error) {
      // The queue belongs to others, too.
      this.#listener.onBroken(error);
    }
    return true;
  }

  /** It waits no more; nothing is done where it did not. */
  endWait(outcome: StayOutcome): void {
    const stay = this.#stay;
    this.#stay = undefined;
    if (stay === undefined) return;
    this.#record.queuedMs = stay.end(outcome, this.#connection.services.clock.monotonicMs());
  }

  giveBack(): void {
    const choice = this.choice;
    this.choice = undefined;
    if (choice !== undefined) givePlaceBack(choice.pool, choice.server);
  }

  /** How the profile wants it met that the server of this place fails; undefined where there is none. */
  get recovery(): Recovery | undefined {
    const isHeld = this.choice?.bound === true && this.#record.placement?.mayMove !== true;
    return recoveryOf(this.service.pool.snapshot.persistence, isHeld);
  }

  #placement(): Placement {
    return this.#record.placement ?? this.#connection.placement;
  }

  #search(): void {
    this.#record.serversTried++;
    this.#follow(selectForRequest(this.service.pool, this.#placement(), this.#tried ?? NONE));
  }

  #follow(choice: RequestChoice): void {
    switch (choice.kind) {
      case 'wait':
        this.#wait(choice.pool, choice.server);
        return;
      case 'reset':
        this.#record.note(
          choice.error === 'PERSISTENT_SERVER_DOWN'
            ? 'ADF_PERSISTENCE_FAILURE_SERVER_DOWN'
            : 'ADF_LOAD_BALANCING_FAILED',
        );
        this.#listener.onReset(choice.error);
        return;
      case 'refuse':
        this.#record.note('ADF_LOAD_BALANCING_FAILED');
        this.#listener.onNoServer(choice.error, choice.failAction);
        return;
      case 'server':
        this.#settle(choice);
        this.#listener.onPlace(choice.server);
    }
  }

  #settle(choice: RequestChoice & { kind: 'server' }): void {
    this.choice = choice;
    // Of one that fails, too: a 502 has to say whose it is.
    this.#record.server = choice.server;
    this.#record.serverReason = choice.why;
    // A backup pool has its own times and its own profile.
    if (choice.pool !== this.service.pool) this.service = { ...this.service, pool: choice.pool };
    this.cookie?.settle(choice);
    if (choice.moved) {
      // A ticket is switched by the next handshake alone; a cookie by the answer to this request.
      this.moved = this.cookie === undefined;
      this.#record.note('ADF_PERSISTENT_SERVER_CHANGE');
      for (const code of choice.significance) this.#record.note(code);
    }
    if (choice.overLimit) {
      choice.server.metrics.add(SERVER_OVER_LIMIT);
      this.#record.note('ADF_CONNECTION_LIMIT_EXCEEDED');
    }
  }

  #wait(pool: PoolRuntime, server: ServerRuntime | undefined): void {
    if (this.#stay === undefined) {
      this.#stay = new QueueStay(this.service.metrics, this.#connection.services.clock.monotonicMs());
      this.#listener.onWait(pool.snapshot.requestQueue?.timeoutMs ?? 0);
    }
    if (!this.#stay.waitFor(pool, server, this)) this.#listener.onQueueFull();
  }
}
