// UUIDs of objects that have none: by RFC 9562 §5.5 (version 5), so that every engine derives the same.

import { createHash } from 'node:crypto';

// The namespace of Limpet's objects; made once, and never to change: server ids and ticket keys derive from it.
const NAMESPACE = Buffer.from('5b0d9d3c6f0e4d5a9a3ec5d8b3a1f7e2', 'hex');

export function uuidV5(name: string): string {
  const bytes = createHash('sha1').update(NAMESPACE).update(name).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** `<type>-<uuid>` as Avi writes them. */
export function derivedUuid(objectType: string, tenant: string, name: string): string {
  return `${objectType.toLowerCase()}-${uuidV5(`${objectType}/${tenant}/${name}`)}`;
}
