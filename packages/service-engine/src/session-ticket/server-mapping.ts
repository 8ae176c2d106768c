// The server mapping: the 16 bytes of a session ticket's key_name that say which server the client belongs to.

/** Length of key_name, of an IV, and of an AES block. */
export const BLOCK_BYTES = 16;

/** The server id that stands for "no server": the ticket resumes a session but steers nowhere. */
export const NO_SERVER_ID = 0;

/**
 * What a ticket says about its client, in clear.
 *
 * On the wire it is one AES-256 block: version and flags 1 byte, server id 6, issue time 4 (s since 1970), chain age 3 (s),
 * affinity key 2, all big-endian.
 */
export interface ServerMapping {
  /** Whether the ticket was sealed in TLS 1.3; one that is met in the other version is no mapping. */
  readonly tls13: boolean;
  /** First 48 bits of SHA-256 over pool uuid and server address:port, or {@link NO_SERVER_ID}. */
  readonly serverId: number;
  readonly issuedAtS: number;
  /** Seconds from the last full handshake of this chain of tickets to `issuedAtS`. */
  readonly chainAgeS: number;
  /** 16 bits that choose the replacement of a server that is down; kept through renewals. */
  readonly affinityKey: number;
}

const VERSION = 0x50;
const VERSION_MASK = 0xf0;
const TLS13_FLAG = 0x01;
const KNOWN_FLAGS = TLS13_FLAG;
const CHAIN_AGE_MAX_S = 0xff_ff_ff;

/** Writes the 16 bytes of a mapping into `block`. A chain age beyond 194 days is written as 194 days. */
export function encodeServerMapping(mapping: ServerMapping, block: Buffer): void {
  block[0] = VERSION | (mapping.tls13 ? TLS13_FLAG : 0);
  block.writeUIntBE(mapping.serverId, 1, 6);
  block.writeUInt32BE(mapping.issuedAtS, 7);
  block.writeUIntBE(Math.min(Math.max(mapping.chainAgeS, 0), CHAIN_AGE_MAX_S), 11, 3);
  block.writeUInt16BE(mapping.affinityKey, 14);
}

/** Whether a deciphered block may be a mapping at all; says nothing about who made it. */
export function hasMappingVersion(block: Buffer): boolean {
  const first = block[0] as number;
  return (first & VERSION_MASK) === VERSION && (first & ~VERSION_MASK & ~KNOWN_FLAGS) === 0;
}

/** Reads a block for which {@link hasMappingVersion} holds and whose ticket was verified. */
export function decodeServerMapping(block: Buffer): ServerMapping {
  return {
    tls13: ((block[0] as number) & TLS13_FLAG) !== 0,
    serverId: block.readUIntBE(1, 6),
    issuedAtS: block.readUInt32BE(7),
    chainAgeS: block.readUIntBE(11, 3),
    affinityKey: block.readUInt16BE(14),
  };
}
