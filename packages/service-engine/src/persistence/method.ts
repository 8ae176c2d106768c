// The persistence method: how a client carries the name of its server, and what an engine makes of what it shows.

import type { KeyRing } from '../session-ticket/key-ring.ts';
import type { TicketKeyRole } from '../session-ticket/ticket-key.ts';

/** The entry of a client, as far as every method has it. No engine keeps it: the client does, sealed. */
export interface ClientMapping {
  /** Which server of the pool, or NO_SERVER_ID. */
  readonly serverId: number;
  readonly issuedAtS: number;
  /** 16 bits that choose the replacement of a server that cannot be used; kept through renewals. */
  readonly affinityKey: number;
}

/**
 * What became of what a client showed. An entry that is not genuine, has expired or cannot be read is no entry; the reason is for records and
 * metrics alone.
 */
export type MappingResult<Miss extends string> =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'opened';
      readonly mapping: ClientMapping;
      /** What it was sealed under. */
      readonly key: { readonly role: TicketKeyRole };
    }
  | { readonly kind: 'not-opened'; readonly reason: Miss };

/**
 * One way of carrying an entry. All run method.conformance.ts. When it is read (before the handshake, or at each request) and how it is given to
 * the client are the method's own; what follows from it is not: that is pool/select-for-connection.ts, for all of them.
 */
export interface PersistenceMethod<Shown, Terms, Result extends MappingResult<string>> {
  /**
   * Never throws, whatever is shown.
   *
   * @param terms what the configuration says about entries.
   */
  decide(shown: Shown, terms: Terms, ring: KeyRing, nowS: number): Result;
}
