// Opening the ticket of a ClientHello: which key sealed it, and what server mapping it carries.

import type { TicketMissReason } from '@limpet/model';
import type { KeyRing } from './key-ring.ts';
import { BLOCK_BYTES, decodeServerMapping, hasMappingVersion, type ServerMapping } from './server-mapping.ts';
import { MAC_BYTES, type TicketKey } from './ticket-key.ts';

/** A client offers one ticket, now and then two; each that does not open costs up to one HMAC a key. */
export const TICKETS_OPENED_MAX = 8;

/** How far the clocks of two engines may be apart. */
const CLOCK_SKEW_S = 300;

const TICKET_BYTES_MIN = 2 * BLOCK_BYTES + BLOCK_BYTES + MAC_BYTES;

export interface OpenedTicket {
  readonly kind: 'opened';
  readonly mapping: ServerMapping;
  readonly key: TicketKey;
  /** The ticket's first 16 bytes as they came, latin1: what Node's callback will be asked about. */
  readonly keyName: string;
  /** The whole ticket: a view on the ClientHello. */
  readonly sealed: Buffer;
}

export type TicketResult =
  | OpenedTicket
  | { readonly kind: 'none' }
  | { readonly kind: 'not-opened'; readonly reason: TicketMissReason };

/**
 * Opens the first of the presented tickets that is good.
 *
 * @param tickets PSK identities where TLS 1.3 will be negotiated, else the one of extension 35; an empty one is no ticket.
 * @param tls13 the version that will be negotiated.
 * @param lifetimeS ssl_session_timeout: an older mapping has expired.
 */
export function openTickets(
  tickets: readonly Buffer[],
  tls13: boolean,
  ring: Pick<KeyRing, 'newestFirst'>,
  nowS: number,
  lifetimeS: number,
): TicketResult {
  let reason: TicketMissReason | undefined;
  const count = Math.min(tickets.length, TICKETS_OPENED_MAX);
  for (let index = 0; index < count; index++) {
    const ticket = tickets[index] as Buffer;
    if (ticket.length === 0) continue;
    const result = openTicket(ticket, tls13, ring, nowS, lifetimeS);
    if (typeof result !== 'string') return result;
    reason = result;
  }
  if (reason === undefined) return { kind: 'none' };
  return { kind: 'not-opened', reason: tickets.length > TICKETS_OPENED_MAX ? 'too_many' : reason };
}

function openTicket(
  ticket: Buffer,
  tls13: boolean,
  ring: Pick<KeyRing, 'newestFirst'>,
  nowS: number,
  lifetimeS: number,
): OpenedTicket | TicketMissReason {
  if (ticket.length < TICKET_BYTES_MIN || (ticket.length - MAC_BYTES) % BLOCK_BYTES !== 0) return 'malformed';
  const keyName = ticket.subarray(0, BLOCK_BYTES);
  const iv = ticket.subarray(BLOCK_BYTES, 2 * BLOCK_BYTES);
  for (const key of ring.newestFirst) {
    const block = key.openBlock(keyName, iv);
    // The version byte only spares HMACs; nothing else of the block is looked at before the ticket is verified (R3).
    if (!hasMappingVersion(block) || !key.verifies(ticket)) continue;
    const mapping = decodeServerMapping(block);
    if (mapping.tls13 !== tls13) return 'wrong_version';
    const ageS = nowS - mapping.issuedAtS;
    // Never later than OpenSSL, which counts fractions of seconds and would answer with a ticket of a new life.
    if (ageS >= lifetimeS || ageS < -CLOCK_SKEW_S) return 'expired';
    return { kind: 'opened', mapping, key, keyName: keyName.toString('latin1'), sealed: ticket };
  }
  return 'unknown_key';
}
