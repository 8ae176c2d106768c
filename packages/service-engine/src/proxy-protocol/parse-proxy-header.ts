// Parsing a PROXY protocol header, version 1 (text) and 2 (binary), as haproxy.org's proxy-protocol.txt has them; pure, bounded, never throws.

import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import type { Address } from '@limpet/model';
import { crc32c } from './crc32c.ts';

/** Who a proxy says the connection is from. `local`: the proxy speaks for itself, or cannot tell: the ends of the connection count. */
export type ProxyHeader =
  | { readonly kind: 'proxied'; readonly client: Address; readonly destination: Address }
  | { readonly kind: 'local' };

export type ParsedProxyHeader =
  /** `bytes`: its length; what follows belongs to TLS or HTTP. */
  | { readonly kind: 'header'; readonly header: ProxyHeader; readonly bytes: number }
  | { readonly kind: 'incomplete' }
  /** The rule that was broken; nothing of the bytes is quoted. */
  | { readonly kind: 'refused'; readonly detail: string };

/** §2.1: the longest line, CRLF included. */
export const TEXT_LIMIT_BYTES = 107;
/** Of a binary header as a whole. It may say 65,551; the longest that proxies send, with a client certificate's names, is far below this. */
export const BINARY_LIMIT_BYTES = 4096;

const TEXT_SIGNATURE = Buffer.from('PROXY ', 'latin1');
const BINARY_SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const BINARY_PREFIX_BYTES = 16;
const LINE = /^PROXY TCP([46]) (\S+) (\S+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})$/;
const UNKNOWN_LINE = /^PROXY UNKNOWN(?: [\t\x20-\x7e\x80-\xff]*)?$/;

const COMMAND_LOCAL = 0;
const COMMAND_PROXY = 1;
const FAMILY = { unspecified: 0, inet: 1, inet6: 2, unix: 3 } as const;
const TRANSPORT = { unspecified: 0, stream: 1, datagram: 2 } as const;
/** Of the addresses and ports, by family. */
const ADDRESS_BYTES = [0, 12, 36, 216] as const;
const TLV_CRC32C = 0x03;

const INCOMPLETE: ParsedProxyHeader = Object.freeze({ kind: 'incomplete' });
const LOCAL: ProxyHeader = Object.freeze({ kind: 'local' });

/** @param bytes everything that came so far. The first byte that cannot be of a header refuses it. */
export function parseProxyHeader(bytes: Buffer): ParsedProxyHeader {
  if (startsLike(bytes, TEXT_SIGNATURE)) return parseText(bytes);
  if (startsLike(bytes, BINARY_SIGNATURE)) return parseBinary(bytes);
  return refused('no PROXY protocol header');
}

function startsLike(bytes: Buffer, signature: Buffer): boolean {
  const common = Math.min(bytes.length, signature.length);
  return bytes.subarray(0, common).equals(signature.subarray(0, common));
}

// --- version 1

function parseText(bytes: Buffer): ParsedProxyHeader {
  const end = bytes.subarray(0, TEXT_LIMIT_BYTES).indexOf('\r\n', 0, 'latin1');
  if (end < 0) return bytes.length >= TEXT_LIMIT_BYTES ? refused('a line that is too long') : INCOMPLETE;
  const text = bytes.toString('latin1', 0, end);
  const length = end + 2;
  // §2.1: whatever else stands there is to be ignored.
  if (UNKNOWN_LINE.test(text)) return { kind: 'header', header: LOCAL, bytes: length };
  const line = LINE.exec(text);
  if (line === null) return refused('line');
  const [, family, source = '', destination = '', sourcePort, destinationPort] = line;
  const client = addressOf(family === '4', source, Number(sourcePort));
  const local = addressOf(family === '4', destination, Number(destinationPort));
  if (client === undefined || local === undefined) return refused('address');
  return { kind: 'header', header: { kind: 'proxied', client, destination: local }, bytes: length };
}

function addressOf(isV4: boolean, ip: string, port: number): Address | undefined {
  if (port > 0xffff) return undefined;
  if (isV4) return isIPv4(ip) ? { ip, port } : undefined;
  // A zone names an interface of another machine.
  return isIPv6(ip) && !ip.includes('%') ? { ip: canonicalIpv6(ip), port } : undefined;
}

// --- version 2

function parseBinary(bytes: Buffer): ParsedProxyHeader {
  if (bytes.length < BINARY_PREFIX_BYTES) return INCOMPLETE;
  const versionAndCommand = bytes.readUInt8(12);
  const command = versionAndCommand & 0x0f;
  if (versionAndCommand >> 4 !== 2) return refused('version');
  if (command !== COMMAND_LOCAL && command !== COMMAND_PROXY) return refused('command');
  const length = BINARY_PREFIX_BYTES + bytes.readUInt16BE(14);
  if (length > BINARY_LIMIT_BYTES) return refused('a header that is too long');
  const family = bytes.readUInt8(13) >> 4;
  const transport = bytes.readUInt8(13) & 0x0f;
  // §2.2: LOCAL is taken whatever its other fields say, and what is reserved is refused.
  const isLocal = command === COMMAND_LOCAL;
  if (!isLocal && (family > FAMILY.unix || transport > TRANSPORT.datagram)) return refused('family');
  if (bytes.length < length) return INCOMPLETE;
  if (isLocal || family === FAMILY.unspecified) return { kind: 'header', header: LOCAL, bytes: length };
  const block = bytes.subarray(BINARY_PREFIX_BYTES, length);
  const addressBytes = ADDRESS_BYTES[family] as number;
  if (block.length < addressBytes) return refused('addresses');
  const fault = checkExtensions(bytes.subarray(0, length), BINARY_PREFIX_BYTES + addressBytes);
  if (fault !== undefined) return refused(fault);
  const header = transport === TRANSPORT.unspecified ? LOCAL : binaryAddresses(family, block);
  return { kind: 'header', header, bytes: length };
}

function binaryAddresses(family: number, block: Buffer): ProxyHeader {
  if (family === FAMILY.inet) {
    return {
      kind: 'proxied',
      client: { ip: ipv4Text(block, 0), port: block.readUInt16BE(8) },
      destination: { ip: ipv4Text(block, 4), port: block.readUInt16BE(10) },
    };
  }
  if (family === FAMILY.inet6) {
    return {
      kind: 'proxied',
      client: { ip: ipv6Text(block, 0), port: block.readUInt16BE(32) },
      destination: { ip: ipv6Text(block, 16), port: block.readUInt16BE(34) },
    };
  }
  // A UNIX socket of the proxy: its client is on the proxy's own machine.
  return LOCAL;
}

/** Walks the type-length-values behind the addresses; the rule that is broken, if one is. */
function checkExtensions(header: Buffer, start: number): string | undefined {
  let at = start;
  let checksumAt: number | undefined;
  while (at < header.length) {
    if (header.length - at < 3) return 'extension';
    const valueAt = at + 3;
    const length = header.readUInt16BE(at + 1);
    if (valueAt + length > header.length) return 'extension';
    if (header.readUInt8(at) === TLV_CRC32C) {
      if (length !== 4 || checksumAt !== undefined) return 'checksum';
      checksumAt = valueAt;
    }
    at = valueAt + length;
  }
  if (checksumAt === undefined) return undefined;
  // §2.2.3: over the whole header, with the checksum itself as zeros.
  const found = crc32c(header.subarray(0, checksumAt), Buffer.alloc(4), header.subarray(checksumAt + 4));
  return found === header.readUInt32BE(checksumAt) ? undefined : 'checksum';
}

function ipv4Text(block: Buffer, at: number): string {
  return block.subarray(at, at + 4).join('.');
}

function ipv6Text(block: Buffer, at: number): string {
  const groups = Array.from({ length: 8 }, (_, index) => block.readUInt16BE(at + 2 * index).toString(16));
  return canonicalIpv6(groups.join(':'));
}

/** One text for one address, and an IPv4 client of a dual-stack proxy as the IPv4 client that it is. */
function canonicalIpv6(ip: string): string {
  const { address } = new SocketAddress({ address: ip, family: 'ipv6' });
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

function refused(detail: string): ParsedProxyHeader {
  return { kind: 'refused', detail };
}
