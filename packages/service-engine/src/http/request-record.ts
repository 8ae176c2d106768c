// The record of one request: collected while it is forwarded, written when its outcome is known.

import { type ErrorCode, errorCatalogue, type SignificanceCode } from '@limpet/model';
import type { Placement } from '../pool/placement.ts';
import type { ServerRuntime } from '../pool/server-runtime.ts';
import type { RequestHead } from './message.ts';
import type { HttpService, ProxiedConnection } from './proxied-connection.ts';

/** The record of one request that is forwarded: what happens to it is noted as it happens. */
export class RequestRecord {
  readonly id: string;
  readonly #connection: ProxiedConnection;
  readonly #startedAtMs: number;
  /** The last that was asked; undefined: none was. */
  server: ServerRuntime | undefined;
  /** Why that server. */
  serverReason = '';
  serversTried = 0;
  serverConnectionReused = false;
  /** Where a cookie, or the lack of one, placed the request; absent: it belongs where its connection does. */
  placement: Placement | undefined;
  /** `none`, `opened`, or why it was not opened; absent where the pool has no cookies. */
  cookie: string | undefined;
  /** Of TLS to the server; undefined where there is none. */
  serverTlsReused: boolean | undefined;
  serverHttp2 = false;
  /** 0: no response was sent. */
  status = 0;
  error: ErrorCode | undefined;
  errorDetail = '';
  requestBytes = 0;
  responseBytes = 0;
  /** From the request's leaving to the head of the response. */
  serverResponseMs: number | undefined;
  /** In the request queue; undefined: it did not wait. */
  queuedMs: number | undefined;
  #significance: SignificanceCode[] | undefined;

  constructor(id: string, connection: ProxiedConnection) {
    this.id = id;
    this.#connection = connection;
    const { accessLog, clock } = connection.services;
    this.#startedAtMs = accessLog.enabled ? clock.monotonicMs() : 0;
  }

  /** What is significant about the request is so about its connection. */
  note(code: SignificanceCode): void {
    this.#significance ??= [];
    if (!this.#significance.includes(code)) this.#significance.push(code);
    this.#connection.addSignificance(code);
  }

  /** Writes it, if records are wanted. */
  write(head: RequestHead, service: HttpService): void {
    const connection = this.#connection;
    const { accessLog, clock, worker } = connection.services;
    if (!accessLog.enabled) return;
    const { server } = this;
    const query = head.target.indexOf('?');
    const placement = this.placement ?? connection.placement;
    accessLog.write({
      record: 'request',
      report_timestamp: new Date(clock.unixMs()).toISOString(),
      virtualservice: service.name,
      connection_id: connection.id,
      request_id: this.id,
      client_ip: connection.client.ip,
      client_src_port: connection.client.port,
      vcpu_id: worker,
      http_version: head.version,
      method: head.method,
      host: head.authority,
      // The query may hold tokens and names; a record keeps the path alone.
      uri_path: query < 0 ? head.target : head.target.slice(0, query),
      response_code: this.status,
      request_length: this.requestBytes,
      response_length: this.responseBytes,
      duration_ms: Math.round(clock.monotonicMs() - this.#startedAtMs),
      pool_name: service.pool.snapshot.name,
      persistence_used: placement.persistenceUsed && server?.id === placement.server?.id,
      ...(this.cookie === undefined ? {} : { cookie: this.cookie }),
      ...(server === undefined
        ? {}
        : {
            server_name: server.snapshot.name,
            server_ip: server.snapshot.address.ip,
            server_dest_port: server.snapshot.address.port,
            server_reason: this.serverReason,
            server_connection_reused: this.serverConnectionReused,
            ...(this.serverTlsReused === undefined
              ? {}
              : { server_ssl_session_reused: this.serverTlsReused }),
            ...(this.serverHttp2 ? { server_http_version: '2' } : {}),
          }),
      ...(this.serverResponseMs === undefined
        ? {}
        : { server_response_ms: Math.round(this.serverResponseMs) }),
      ...(this.queuedMs === undefined ? {} : { queue_ms: Math.round(this.queuedMs) }),
      ...(this.serversTried > 1 ? { servers_tried: this.serversTried } : {}),
      ...(this.error === undefined ? {} : { error: this.error }),
      ...(this.errorDetail === '' ? {} : { error_detail: this.errorDetail }),
      significant: this.#significance !== undefined,
      ...(this.#significance === undefined ? {} : { significant_log: this.#significance }),
    });
  }
}

/** Writes the record of a request that was refused before it was forwarded; what it asked for is not known, or not to be trusted. */
export function recordRefusedRequest(
  connection: ProxiedConnection,
  requestId: string,
  error: ErrorCode,
  detail: string,
): void {
  const { accessLog, clock, worker } = connection.services;
  if (!accessLog.enabled) return;
  const service = connection.service();
  accessLog.write({
    record: 'request',
    report_timestamp: new Date(clock.unixMs()).toISOString(),
    virtualservice: service.name,
    connection_id: connection.id,
    request_id: requestId,
    client_ip: connection.client.ip,
    client_src_port: connection.client.port,
    vcpu_id: worker,
    response_code: errorCatalogue[error].status,
    error,
    error_detail: detail,
    significant: true,
    significant_log: ['ADF_REQUEST_REFUSED'],
  });
}
