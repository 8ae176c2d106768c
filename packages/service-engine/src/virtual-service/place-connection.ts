// Placing a connection: the ticket that it shows, if any, opened; and the server that it belongs to by that.

import type { TlsSnapshot } from '@limpet/model';
import type { ClientHello } from '../client-hello/client-hello.ts';
import { fingerprintOf } from '../load-balancing/client-key.ts';
import { type TicketDecision, tlsTicket } from '../persistence/tls-ticket.ts';
import { countSelection } from '../pool/count-selection.ts';
import { type ConnectionSelection, selectForConnection } from '../pool/select-for-connection.ts';
import { metricOffset } from '../telemetry/metrics-table.ts';
import type { ClientConnection } from './client-connection.ts';

const RECEIVED = metricOffset('limpet_tickets_received_total');
const MISSING = metricOffset('limpet_tickets_missing_total');

/** @param nowS seconds since 1970 */
export function openTicket(
  { virtualService, record }: ClientConnection,
  hello: ClientHello,
  tls: TlsSnapshot,
  nowS: number,
): TicketDecision {
  const { metrics, ring } = virtualService;
  const ticket = tlsTicket.decide(hello, tls, ring, nowS);
  metrics.add(ticket.presented ? RECEIVED : MISSING);
  if (ticket.kind === 'opened') {
    record.ticket = 'opened';
    metrics.add(metricOffset('limpet_tickets_opened_total', ticket.key.role));
  } else if (ticket.kind === 'not-opened') {
    record.ticket = ticket.reason;
    metrics.add(metricOffset('limpet_tickets_not_opened_total', ticket.reason));
  }
  return ticket;
}

/** With TLS, by its ticket or as a first connection. */
export function selectByTicket(
  connection: ClientConnection,
  hello: ClientHello,
  ticket: TicketDecision,
): ConnectionSelection {
  const { pool } = connection.virtualService.current;
  const selection = select(connection, hello, ticket);
  for (const code of selection.significance) connection.addSignificance(code);
  const { kind } = pool.snapshot.persistence;
  if (kind === 'tls') countSelection(connection.virtualService.metrics, 'tls', selection);
  else if (kind === 'http-cookie') connection.fingerprint = fingerprintOf(hello);
  return selection;
}

/** Without TLS there is no ticket, and nothing that a client could be told by but its address. */
export function selectByAddress(connection: ClientConnection): ConnectionSelection {
  return select(connection, undefined, undefined);
}

function select(
  { virtualService, client }: ClientConnection,
  hello: ClientHello | undefined,
  ticket: TicketDecision | undefined,
): ConnectionSelection {
  const { snapshot, pool } = virtualService.current;
  return selectForConnection(pool, {
    mapping: ticket?.kind === 'opened' ? ticket.mapping : undefined,
    bindConnection: !snapshot.http.connectionMultiplexing,
    clientIp: client.ip,
    clientPort: client.port,
    hello,
    affinitySecret: virtualService.ring.affinitySecret,
  });
}
