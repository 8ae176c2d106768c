// What the TLS session in a ticket says about the client: its certificate, and what verifying it had come to.

import { DerReader, derTag } from '@limpet/model';
import type { TicketKey } from './ticket-key.ts';

export interface TicketSession {
  /** DER; undefined where the client had shown none. */
  readonly peerCertificate: Buffer | undefined;
  /** X509_V_OK. Without a certificate it says nothing. */
  readonly verified: boolean;
}

const PEER = 0xa3;
const VERIFY_RESULT = 0xa5;
/** Fields of an SSL_SESSION that come before those with a context tag: versions, cipher, session id, master secret. */
const UNTAGGED_FIELDS = 5;
const CONTEXT_TAG = 0xa0;

/**
 * Looks into a ticket before OpenSSL does, so that a session which must not be resumed ends in a full handshake instead of a dead connection.
 * OpenSSL's SSL_SESSION is ASN.1 (ssl_asn1.c): a SEQUENCE of five fields, then optional ones by explicit context tag; [3] is the peer's
 * certificate, [5] the result of verifying it. Of the chain nothing is kept.
 *
 * @param ticket one that the key verifies.
 * @returns undefined where it holds anything else: then it must not be resumed.
 */
export function readTicketSession(ticket: Buffer, key: TicketKey): TicketSession | undefined {
  const session = key.openSession(ticket);
  if (session === undefined) return undefined;
  try {
    return parseSession(session);
  } finally {
    // The master secret is in it.
    session.fill(0);
  }
}

function parseSession(session: Buffer): TicketSession | undefined {
  const reader = new DerReader(session).enter(derTag.sequence);
  if (reader === undefined) return undefined;
  for (let field = 0; field < UNTAGGED_FIELDS; field++) if (reader.next() === undefined) return undefined;
  let peerCertificate: Buffer | undefined;
  let verifyResult = 0;
  while (!reader.isAtEnd) {
    const field = reader.next();
    if (field === undefined || (field.tag & CONTEXT_TAG) !== CONTEXT_TAG) return undefined;
    if (field.tag === PEER) {
      const certificate = field.read().next(derTag.sequence);
      if (certificate === undefined) return undefined;
      peerCertificate = Buffer.from(certificate.whole);
    } else if (field.tag === VERIFY_RESULT) {
      const result = field.read().next(derTag.integer)?.content;
      if (result === undefined || result.length === 0 || result.length > 6) return undefined;
      verifyResult = result.readIntBE(0, result.length);
    }
  }
  return { peerCertificate, verified: verifyResult === 0 };
}
