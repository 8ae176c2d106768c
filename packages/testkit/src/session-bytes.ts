// The ticket inside a Node session: where it lies in OpenSSL's SSL_SESSION (ASN.1 DER), and putting other bytes in its place.

/** What newer Nodes write before the SSL_SESSION: this, then the server name with its length in two bytes. */
const NODE_PREFIX = Buffer.from('\0nodejs:tls:session:1\0');

/** A view on the ticket's bytes: the OCTET STRING under the context tag [10] of the SSL_SESSION sequence. */
export function ticketOf(session: Buffer): Buffer {
  const ticket = fieldOf(session, 0xaa);
  if (ticket === undefined) throw new Error('the session holds no ticket');
  return ticket;
}

/** How long the server has said that the ticket may be kept, in seconds: the INTEGER under [9]. */
export function lifetimeHintOf(session: Buffer): number {
  const hint = fieldOf(session, 0xa9);
  return hint === undefined ? 0 : hint.readUIntBE(0, hint.length);
}

/** The content of the element under an explicit context tag. */
function fieldOf(session: Buffer, tag: number): Buffer | undefined {
  const prefixed = session.subarray(0, NODE_PREFIX.length).equals(NODE_PREFIX);
  const sequence = readElement(
    session,
    prefixed ? NODE_PREFIX.length + 2 + session.readUInt16BE(NODE_PREFIX.length) : 0,
  );
  for (let at = sequence.start; at < sequence.end; ) {
    const element = readElement(session, at);
    if (element.tag === tag) {
      const content = readElement(session, element.start);
      return session.subarray(content.start, content.end);
    }
    at = element.end;
  }
  return undefined;
}

/** A copy of the session with another ticket of the same length. */
export function withTicket(session: Buffer, ticket: Buffer): Buffer {
  const copy = Buffer.from(session);
  const place = ticketOf(copy);
  if (place.length !== ticket.length)
    throw new Error(`the ticket has ${place.length} bytes, not ${ticket.length}`);
  ticket.copy(place);
  return copy;
}

function readElement(bytes: Buffer, at: number): { tag: number; start: number; end: number } {
  const tag = bytes[at] as number;
  const first = bytes[at + 1] as number;
  if (first < 0x80) return { tag, start: at + 2, end: at + 2 + first };
  const lengthBytes = first & 0x7f;
  const length = bytes.readUIntBE(at + 2, lengthBytes);
  const start = at + 2 + lengthBytes;
  return { tag, start, end: start + length };
}
