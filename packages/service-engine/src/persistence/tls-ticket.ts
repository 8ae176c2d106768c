// TLS persistence: the server mapping of a client is read from the session ticket in its ClientHello.

import type { TlsSnapshot } from '@limpet/model';
import type { ClientHello } from '../client-hello/client-hello.ts';
import type { KeyRing } from '../session-ticket/key-ring.ts';
import { openTickets, type TicketResult } from '../session-ticket/open-ticket.ts';
import type { PersistenceMethod } from './method.ts';

/** What the ClientHello says about an earlier visit, and the version that will be spoken. */
export type TicketDecision = TicketResult & {
  readonly tls13: boolean;
  /** Whether a ticket was there at all, good or not. */
  readonly presented: boolean;
};

export const tlsTicket: PersistenceMethod<ClientHello, TlsSnapshot, TicketDecision> = { decide };

const NO_TICKET: TicketResult = Object.freeze({ kind: 'none' });
const NO_IDENTITIES: readonly Buffer[] = [];

/**
 * Where the ticket lies depends on the version that will be negotiated: PSK identities in TLS 1.3, extension 35 in TLS 1.2, never the other way
 * round: a ticket of one version that is shown in the other must not steer.
 */
function decide(hello: ClientHello, tls: TlsSnapshot, ring: KeyRing, nowS: number): TicketDecision {
  const tls13 = hello.offersTls13 && tls.maxVersion === 'TLSv1.3';
  const tickets = tls13
    ? hello.pskIdentities
    : hello.sessionTicket === undefined
      ? NO_IDENTITIES
      : [hello.sessionTicket];
  const presented = tickets.some((ticket) => ticket.length > 0);
  const result =
    presented && tls.sessionReuse ? openTickets(tickets, tls13, ring, nowS, tls.sessionTimeoutS) : NO_TICKET;
  return { ...result, tls13, presented };
}
