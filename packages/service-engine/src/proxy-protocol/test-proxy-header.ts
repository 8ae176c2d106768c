// Test support: PROXY protocol headers, well made and with single parts that are wrong.

import { isIPv6 } from 'node:net';
import type { Address } from '@limpet/model';
import { crc32c } from './crc32c.ts';

export const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

export interface BinaryParts {
  readonly versionAndCommand?: number;
  readonly familyAndTransport?: number;
  readonly addresses?: Buffer;
  readonly extensions?: readonly (readonly [type: number, value: Buffer])[];
  /** Adds a checksum, the right one or another. */
  readonly checksum?: 'right' | 'wrong';
  /** Instead of what the parts add up to. */
  readonly length?: number;
}

export function textHeader(client: Address, destination: Address): Buffer {
  const family = isIPv6(client.ip) ? 'TCP6' : 'TCP4';
  return Buffer.from(
    `PROXY ${family} ${client.ip} ${destination.ip} ${client.port} ${destination.port}\r\n`,
    'latin1',
  );
}

export function binaryHeader(parts: BinaryParts): Buffer {
  const { versionAndCommand = 0x21, familyAndTransport = 0x11, addresses = Buffer.alloc(12) } = parts;
  const values = (parts.extensions ?? []).map(([type, value]) => extension(type, value));
  if (parts.checksum !== undefined) values.push(extension(0x03, Buffer.alloc(4)));
  const block = Buffer.concat([addresses, ...values]);
  const prefix = Buffer.from([versionAndCommand, familyAndTransport, 0, 0]);
  prefix.writeUInt16BE(parts.length ?? block.length, 2);
  const header = Buffer.concat([SIGNATURE, prefix, block]);
  if (parts.checksum !== undefined) {
    const sum = crc32c(header);
    header.writeUInt32BE(parts.checksum === 'right' ? sum : (sum ^ 1) >>> 0, header.length - 4);
  }
  return header;
}

/** A header that says PROXY, stream, with these addresses. */
export function proxied(client: Address, destination: Address, parts: BinaryParts = {}): Buffer {
  const isV6 = isIPv6(client.ip);
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(client.port, 0);
  ports.writeUInt16BE(destination.port, 2);
  const addresses = Buffer.concat([addressBytes(client.ip), addressBytes(destination.ip), ports]);
  return binaryHeader({ familyAndTransport: isV6 ? 0x21 : 0x11, addresses, ...parts });
}

function extension(type: number, value: Buffer): Buffer {
  const head = Buffer.from([type, 0, 0]);
  head.writeUInt16BE(value.length, 1);
  return Buffer.concat([head, value]);
}

function addressBytes(ip: string): Buffer {
  if (!isIPv6(ip)) return Buffer.from(ip.split('.').map(Number));
  const [head = '', tail] = ip.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array<string>(8 - left.length - right.length).fill('0');
  const groups = [...left, ...zeros, ...right].map((group) => Number.parseInt(group, 16));
  return Buffer.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}
