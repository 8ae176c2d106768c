// The record of one request, written when its outcome is known.

import { type ErrorCode, errorCatalogue, type SignificanceCode } from '@limpet/model';
import type { ServerRuntime } from '../pool/server-runtime.ts';
import type { DownstreamExchange } from './exchange.ts';
import type { HttpService, ProxiedConnection } from './proxied-connection.ts';

/** What becomes of one request, for its record. */
export interface RequestOutcome {
  readonly exchange: DownstreamExchange;
  readonly connection: ProxiedConnection;
  readonly service: HttpService;
  readonly requestId: string;
  readonly startedAtMs: number;
  readonly server: ServerRuntime | undefined;
  readonly serverReason: string;
  readonly serversTried: number;
  readonly status: number;
  readonly error: ErrorCode | undefined;
  readonly errorDetail: string;
  readonly significance: readonly SignificanceCode[];
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly serverResponseMs: number | undefined;
  readonly serverConnectionReused: boolean;
}

/** Writes the record, if records are wanted. */
export function recordRequest(outcome: RequestOutcome): void {
  const { connection, exchange, service, server } = outcome;
  const { accessLog, clock, worker } = connection.services;
  if (!accessLog.enabled) return;
  const { head } = exchange;
  const query = head.target.indexOf('?');
  const { placement } = connection;
  accessLog.write({
    record: 'request',
    report_timestamp: new Date(clock.unixMs()).toISOString(),
    virtualservice: service.name,
    connection_id: connection.id,
    request_id: outcome.requestId,
    client_ip: connection.client.ip,
    client_src_port: connection.client.port,
    vcpu_id: worker,
    http_version: head.version,
    method: head.method,
    host: head.authority,
    // The query may hold tokens and names; a record keeps the path alone.
    uri_path: query < 0 ? head.target : head.target.slice(0, query),
    response_code: outcome.status,
    request_length: outcome.requestBytes,
    response_length: outcome.responseBytes,
    duration_ms: Math.round(clock.monotonicMs() - outcome.startedAtMs),
    pool_name: service.pool.snapshot.name,
    persistence_used: placement.persistenceUsed && server?.id === placement.server?.id,
    ...(server === undefined
      ? {}
      : {
          server_name: server.snapshot.name,
          server_ip: server.snapshot.address.ip,
          server_dest_port: server.snapshot.address.port,
          server_reason: outcome.serverReason,
          server_connection_reused: outcome.serverConnectionReused,
        }),
    ...(outcome.serverResponseMs === undefined
      ? {}
      : { server_response_ms: Math.round(outcome.serverResponseMs) }),
    ...(outcome.serversTried > 1 ? { servers_tried: outcome.serversTried } : {}),
    ...(outcome.error === undefined ? {} : { error: outcome.error }),
    ...(outcome.errorDetail === '' ? {} : { error_detail: outcome.errorDetail }),
    significant: outcome.significance.length > 0,
    ...(outcome.significance.length > 0 ? { significant_log: outcome.significance } : {}),
  });
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
