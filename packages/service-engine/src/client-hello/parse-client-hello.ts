// Parsing a ClientHello: a pure function of the bytes that came so far (RFC 8446 §4.1.2; RFC 5246 §7.4.1.2).

import type { ErrorCode } from '@limpet/model';
import { type ClientHello, isGrease, TLS13 } from './client-hello.ts';
import { collectMessage, type HelloProgress, NO_PROGRESS, type Refused, refused } from './hello-records.ts';

/** Real clients send one identity; opening each costs an HMAC a key. */
export const PSK_IDENTITIES_MAX = 16;

export type ParseResult =
  | { readonly kind: 'hello'; readonly hello: ClientHello }
  | { readonly kind: 'incomplete'; readonly progress: HelloProgress }
  | Refused;

const EXTENSION = {
  serverName: 0,
  supportedGroups: 10,
  signatureAlgorithms: 13,
  alpn: 16,
  sessionTicket: 35,
  preSharedKey: 41,
  supportedVersions: 43,
  pskModes: 45,
} as const;

/**
 * @param bytes everything that was received. Nothing of it is kept but views.
 * @param progress of an earlier call with the beginning of the same bytes: then nothing is read twice.
 * @returns `incomplete` when more bytes may make a ClientHello of it; never throws.
 */
export function parseClientHello(bytes: Buffer, progress: HelloProgress = NO_PROGRESS): ParseResult {
  const collected = collectMessage(bytes, progress);
  if (collected.kind !== 'message') return collected;
  try {
    return parseBody(collected.message);
  } catch (error) {
    if (error instanceof Malformed) return refused(error.code, error.message);
    throw error;
  }
}

class Malformed extends Error {
  readonly code: ErrorCode;

  constructor(detail: string, code: ErrorCode = 'HELLO_MALFORMED') {
    super(detail);
    this.code = code;
  }
}

/** Reads forward through a view; every step beyond its end is {@link Malformed}. */
class Cursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  uint(size: 1 | 2 | 4): number {
    if (this.left < size) throw new Malformed('a field goes beyond its end');
    const value = this.#bytes.readUIntBE(this.#at, size);
    this.#at += size;
    return value;
  }

  take(size: number): Buffer {
    if (this.left < size) throw new Malformed('a length goes beyond its end');
    this.#at += size;
    return this.#bytes.subarray(this.#at - size, this.#at);
  }

  /** A vector with its length before it. */
  vector(lengthSize: 1 | 2): Buffer {
    return this.take(this.uint(lengthSize));
  }
}

function parseBody(message: Buffer): ParseResult {
  const cursor = new Cursor(message);
  if (cursor.uint(2) >> 8 !== 3) throw new Malformed('legacy_version');
  cursor.take(32);
  if (cursor.vector(1).length > 32) throw new Malformed('legacy_session_id is too long');
  const cipherSuites = uint16List(cursor.vector(2));
  if (cursor.vector(1).length === 0) throw new Malformed('no compression method');
  const extensions = cursor.left === 0 ? new Map<number, Buffer>() : splitExtensions(cursor);
  const versions = extensions.get(EXTENSION.supportedVersions);
  const supportedVersions = versions === undefined ? [] : uint16List(inner(versions, 1));
  const modes = extensions.get(EXTENSION.pskModes);
  const psk = extensions.get(EXTENSION.preSharedKey);
  return {
    kind: 'hello',
    hello: {
      serverName: parseServerName(extensions.get(EXTENSION.serverName)),
      cipherSuites,
      supportedGroups: optionalList(extensions.get(EXTENSION.supportedGroups)),
      signatureAlgorithms: optionalList(extensions.get(EXTENSION.signatureAlgorithms)),
      supportedVersions,
      alpnProtocols: parseAlpn(extensions.get(EXTENSION.alpn)),
      offersTls13: supportedVersions.includes(TLS13),
      offersPskDheKe: modes !== undefined && inner(modes, 1).includes(1),
      sessionTicket: extensions.get(EXTENSION.sessionTicket),
      pskIdentities: psk === undefined ? [] : parsePskIdentities(psk),
    },
  };
}

function splitExtensions(cursor: Cursor): Map<number, Buffer> {
  const block = new Cursor(cursor.vector(2));
  if (cursor.left > 0) throw new Malformed('bytes after the extensions');
  const extensions = new Map<number, Buffer>();
  let last = -1;
  while (block.left > 0) {
    last = block.uint(2);
    // RFC 8446 §4.2: no type twice.
    if (extensions.has(last)) throw new Malformed(`extension ${last} twice`);
    extensions.set(last, block.vector(2));
  }
  if (extensions.has(EXTENSION.preSharedKey) && last !== EXTENSION.preSharedKey) {
    throw new Malformed('pre_shared_key is not the last extension');
  }
  return extensions;
}

/** The one vector that an extension consists of. */
function inner(extension: Buffer, lengthSize: 1 | 2): Buffer {
  const cursor = new Cursor(extension);
  const vector = cursor.vector(lengthSize);
  if (cursor.left > 0) throw new Malformed('bytes after a vector');
  return vector;
}

function optionalList(extension: Buffer | undefined): readonly number[] {
  return extension === undefined ? [] : uint16List(inner(extension, 2));
}

function uint16List(bytes: Buffer): readonly number[] {
  if (bytes.length % 2 !== 0 || bytes.length === 0) throw new Malformed('a list of odd or no length');
  const values: number[] = [];
  for (let at = 0; at < bytes.length; at += 2) {
    const value = bytes.readUInt16BE(at);
    if (!isGrease(value)) values.push(value);
  }
  return values;
}

const HOST_NAME = /^[a-z0-9_]([a-z0-9_.-]{0,252}[a-z0-9_])?\.?$/;

function parseServerName(extension: Buffer | undefined): string | undefined {
  if (extension === undefined || extension.length === 0) return undefined;
  const list = new Cursor(inner(extension, 2));
  while (list.left > 0) {
    const type = list.uint(1);
    const name = list.vector(2);
    if (type !== 0) continue;
    const host = name.toString('latin1').toLowerCase();
    return HOST_NAME.test(host) ? host.replace(/\.$/, '') : undefined;
  }
  return undefined;
}

function parseAlpn(extension: Buffer | undefined): readonly string[] {
  if (extension === undefined) return [];
  const list = new Cursor(inner(extension, 2));
  const protocols: string[] = [];
  while (list.left > 0) protocols.push(list.vector(1).toString('latin1'));
  return protocols;
}

function parsePskIdentities(extension: Buffer): readonly Buffer[] {
  const cursor = new Cursor(extension);
  const list = new Cursor(cursor.vector(2));
  const identities: Buffer[] = [];
  while (list.left > 0) {
    if (identities.length === PSK_IDENTITIES_MAX) throw new Malformed('PSK identities', 'TOO_MANY_TICKETS');
    identities.push(list.vector(2));
    list.uint(4);
  }
  if (identities.length === 0) throw new Malformed('no PSK identity');
  // The binders are OpenSSL's to check; that they fill the rest is ours.
  cursor.vector(2);
  if (cursor.left > 0) throw new Malformed('bytes after the binders');
  return identities;
}
