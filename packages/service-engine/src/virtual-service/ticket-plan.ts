// The plan for a connection's tickets: whether the one that it shows may be resumed, and what crosses from that to its new ones.

import type { TlsSnapshot } from '@limpet/model';
import type { ClientHello } from '../client-hello/client-hello.ts';
import type { TicketDecision } from '../persistence/tls-ticket.ts';
import type { Placement } from '../pool/placement.ts';
import type { ConnectionSelection } from '../pool/select-for-connection.ts';
import { decideResumption } from '../session-ticket/resumption.ts';
import type { TicketPlan } from '../session-ticket/ticket-binding.ts';

/** What the tickets of a connection placed so name; 0: no server. */
export function serverIdOf({ bound, server }: Placement): number {
  return bound ? (server?.id ?? 0) : 0;
}

/** @param nowS seconds since 1970 */
export function planTickets(
  ticket: TicketDecision,
  { placement, expiring }: ConnectionSelection & { kind: 'place' },
  hello: ClientHello,
  tls: TlsSnapshot,
  nowS: number,
): TicketPlan {
  const { tls13 } = ticket;
  const expectsTls13Tickets = tls13 && hello.offersPskDheKe;
  if (ticket.kind !== 'opened') return { affinityKey: placement.affinityKey, expectsTls13Tickets };
  const { mapping, key, keyName } = ticket;
  const chainStartS = mapping.issuedAtS - mapping.chainAgeS;
  const code = decideResumption({
    tls13,
    sameServer: serverIdOf(placement) === mapping.serverId,
    underCurrentKey: key.role === 'current',
    ticketAgeS: nowS - mapping.issuedAtS,
    chainAgeS: nowS - chainStartS,
    lifetimeS: tls.sessionTimeoutS,
    expiring,
  });
  return {
    ...(code === 0 ? {} : { resume: { keyName, code, key } }),
    affinityKey: placement.affinityKey,
    chainStartS,
    ...(expiring ? { keptIssuedAtS: mapping.issuedAtS } : {}),
    expectsTls13Tickets,
  };
}
