// The records that carry a ClientHello: joins its message of them, and goes on where it stopped (RFC 8446 §5.1).

import type { ErrorCode } from '@limpet/model';

/** More than this of records is no ClientHello: real ones have 200 bytes to 2.5 kB. */
export const HELLO_BYTES_MAX = 32_768;

const RECORD_HANDSHAKE = 22;
const HANDSHAKE_CLIENT_HELLO = 1;
const RECORD_HEADER_BYTES = 5;
const RECORD_BYTES_MAX = 16_384;
const MESSAGE_HEADER_BYTES = 4;

/** How far the records are read, so that a client that sends byte by byte costs no more than one that does not. */
export interface HelloProgress {
  /** Where the record begins that is not complete yet. */
  readonly recordAt: number;
  /** Bytes of the message in the records before it. */
  readonly collectedBytes: number;
  /** Length of the message with its header, once that has come. */
  readonly messageBytes: number | undefined;
}

export const NO_PROGRESS: HelloProgress = Object.freeze({
  recordAt: 0,
  collectedBytes: 0,
  messageBytes: undefined,
});

export interface Refused {
  readonly kind: 'refused';
  readonly error: ErrorCode;
  readonly detail: string;
}

export type MessageResult =
  /** Without its header of type and length. A view where the message is in one record, else a copy. */
  | { readonly kind: 'message'; readonly message: Buffer }
  | { readonly kind: 'incomplete'; readonly progress: HelloProgress }
  | Refused;

/**
 * @param bytes everything that was received.
 * @param progress of an earlier call with the beginning of the same bytes.
 */
export function collectMessage(bytes: Buffer, progress: HelloProgress): MessageResult {
  if (bytes.length > 0 && bytes[0] !== RECORD_HANDSHAKE) {
    return refused('HELLO_NOT_TLS', 'the first byte is no handshake record');
  }
  if (bytes.length > 1 && bytes[1] !== 3) return refused('HELLO_NOT_TLS', 'the record is of no TLS version');
  let { recordAt, collectedBytes, messageBytes } = progress;
  for (;;) {
    if (recordAt >= HELLO_BYTES_MAX) return refused('HELLO_TOO_LARGE', 'records');
    const start = recordAt + RECORD_HEADER_BYTES;
    if (bytes.length < start) break;
    if (bytes[recordAt] !== RECORD_HANDSHAKE || bytes[recordAt + 1] !== 3) {
      return refused('HELLO_MALFORMED', 'another record within the ClientHello');
    }
    const length = bytes.readUInt16BE(recordAt + 3);
    if (length === 0) return refused('HELLO_MALFORMED', 'an empty record');
    if (length > RECORD_BYTES_MAX) return refused('HELLO_MALFORMED', 'a record that is too long');
    const available = collectedBytes + Math.min(length, bytes.length - start);
    if (messageBytes === undefined && available >= MESSAGE_HEADER_BYTES) {
      const header = firstBytes(bytes, MESSAGE_HEADER_BYTES);
      if (header[0] !== HANDSHAKE_CLIENT_HELLO)
        return refused('HELLO_MALFORMED', 'no ClientHello comes first');
      messageBytes = MESSAGE_HEADER_BYTES + header.readUIntBE(1, 3);
      if (messageBytes > HELLO_BYTES_MAX) return refused('HELLO_TOO_LARGE', 'message length');
    }
    if (messageBytes !== undefined && available >= messageBytes) {
      return { kind: 'message', message: firstBytes(bytes, messageBytes).subarray(MESSAGE_HEADER_BYTES) };
    }
    if (bytes.length < start + length) break;
    recordAt = start + length;
    collectedBytes += length;
  }
  return { kind: 'incomplete', progress: { recordAt, collectedBytes, messageBytes } };
}

/** The first `count` bytes that the records carry, all of which have come. */
function firstBytes(bytes: Buffer, count: number): Buffer {
  const fragments: Buffer[] = [];
  let missing = count;
  for (let recordAt = 0; missing > 0; ) {
    const start = recordAt + RECORD_HEADER_BYTES;
    const length = bytes.readUInt16BE(recordAt + 3);
    fragments.push(bytes.subarray(start, start + Math.min(length, missing)));
    missing -= length;
    recordAt = start + length;
  }
  return fragments.length === 1 ? (fragments[0] as Buffer) : Buffer.concat(fragments);
}

export function refused(error: ErrorCode, detail: string): Refused {
  return { kind: 'refused', error, detail };
}
