// The second decision about a ticket: whether its TLS session is resumed, and whether the client gets a new ticket for it.

/** What Node's ticket callback is told on decrypt: full handshake, resume, resume and renew. */
export type ResumptionCode = 0 | 1 | 2;

export interface ResumptionCase {
  readonly tls13: boolean;
  /** Whether the connection goes to the server that the ticket names. */
  readonly sameServer: boolean;
  /** Whether the ticket was sealed under the key that seals now. */
  readonly underCurrentKey: boolean;
  readonly ticketAgeS: number;
  /** Since the last full handshake of the chain. OpenSSL forgets it at each renewal, so we count. */
  readonly chainAgeS: number;
  /** ssl_session_timeout. */
  readonly lifetimeS: number;
  /** The server cannot be used and the profile says Never: the entry has to expire normally. */
  readonly expiring: boolean;
}

/**
 * A change of server is always a full handshake: most TLS 1.2 clients ignore a ticket that is renewed in an abbreviated one, and in
 * TLS 1.3 a sibling ticket would lead back to the old server.
 */
export function decideResumption(ticket: ResumptionCase): ResumptionCode {
  if (!ticket.sameServer || ticket.chainAgeS >= ticket.lifetimeS) return 0;
  if (ticket.tls13) return 2;
  // TLS 1.2 cannot be renewed with the old issue time (nothing tells which connection is being sealed), so it is not renewed.
  if (ticket.expiring) return 1;
  return ticket.underCurrentKey && ticket.ticketAgeS * 2 < ticket.lifetimeS ? 1 : 0;
}
