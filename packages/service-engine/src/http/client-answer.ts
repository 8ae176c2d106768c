// What the client of one request is answered: a response of its server or one of our own, and how both end in its record.

import type { ErrorCode } from '@limpet/model';
import { metricOffset } from '../telemetry/metrics-table.ts';
import { DiscardedExchange } from './discarded-exchange.ts';
import { createErrorResponse, type OwnResponse } from './error-response.ts';
import type { DownstreamExchange } from './exchange.ts';
import type { ResponseHead } from './message.ts';
import type { ProxiedConnection } from './proxied-connection.ts';
import type { RequestPlace } from './request-place.ts';
import type { RequestRecord } from './request-record.ts';
import { addedResponseLines } from './response-fields.ts';
import { statusClass } from './server-outcome.ts';

const REQUESTS_REFUSED = metricOffset('limpet_requests_refused_total');
const RESPONSES = metricOffset('limpet_responses_total', '1xx');

export interface AnswerListener {
  /** How the request ends is known, and nothing is waited for any more; its record is written next. */
  onSettled(): void;
}

export class ClientAnswer {
  readonly #connection: ProxiedConnection;
  readonly #record: RequestRecord;
  readonly #place: RequestPlace;
  readonly #listener: AnswerListener;
  #exchange: DownstreamExchange;
  #clientGone = false;

  constructor(
    exchange: DownstreamExchange,
    connection: ProxiedConnection,
    record: RequestRecord,
    place: RequestPlace,
    listener: AnswerListener,
  ) {
    this.#exchange = exchange;
    this.#connection = connection;
    this.#record = record;
    this.#place = place;
    this.#listener = listener;
  }

  /** The client's, until a client goes whose request goes on without it. */
  get exchange(): DownstreamExchange {
    return this.#exchange;
  }

  /** The client is gone, and the request goes on without it. */
  discard(): void {
    this.#clientGone = true;
    this.#exchange = new DiscardedExchange(this.#exchange.head);
  }

  refuse(error: ErrorCode, lastOnConnection: boolean, detail: string): void {
    this.#record.errorDetail = detail;
    const { method } = this.#exchange.head;
    this.sendInstead(createErrorResponse(error, this.#record.id, method), lastOnConnection, error);
  }

  /** A response of our own in the place of one that no server gives. */
  sendInstead(response: OwnResponse, lastOnConnection: boolean, error: ErrorCode): void {
    this.#place.service.metrics.add(REQUESTS_REFUSED);
    this.send(response, lastOnConnection, error);
  }

  /** Answers without a server. */
  send({ head, body }: OwnResponse, lastOnConnection: boolean, error: ErrorCode | undefined): void {
    this.#record.status = head.status;
    this.sendHead(head, lastOnConnection);
    this.#exchange.sendBody(body);
    this.#record.responseBytes = body.length;
    this.settle(error);
    this.#exchange.sendEnd('');
    this.#exchange.flush();
  }

  sendHead(head: ResponseHead, lastOnConnection: boolean): void {
    const { secure } = this.#connection;
    const added = addedResponseLines(head, this.#record.id, this.#place.service, secure);
    const last = lastOnConnection || this.#place.moved || this.#connection.isDraining();
    this.#exchange.sendHead(head, added, last);
  }

  /** The request is over; its client may still have to be sent the last of it. */
  settle(error: ErrorCode | undefined): void {
    this.#listener.onSettled();
    const { service } = this.#place;
    const record = this.#record;
    record.error = error ?? (this.#clientGone ? 'CLIENT_GONE' : undefined);
    if (record.status >= 100) service.metrics.add(RESPONSES + statusClass(record.status));
    record.write(this.#exchange.head, service);
  }
}
