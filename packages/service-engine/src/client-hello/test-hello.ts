// Test support: ClientHellos that no real client sends, made field by field.

import { record } from './test-corpus.ts';

export interface HelloParts {
  readonly legacyVersion?: number;
  readonly sessionIdBytes?: number;
  readonly cipherSuites?: Buffer;
  readonly compressionMethods?: Buffer;
  /** Absent: the message ends before the block of extensions, as TLS 1.2 allows. */
  readonly extensions?: readonly (readonly [type: number, body: Buffer])[];
  /** Behind everything. */
  readonly trailing?: Buffer;
}

export function vector(lengthSize: 1 | 2, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const length = Buffer.alloc(lengthSize);
  length.writeUIntBE(body.length, 0, lengthSize);
  return Buffer.concat([length, body]);
}

export function uint16(...values: readonly number[]): Buffer {
  return Buffer.concat(values.map((value) => Buffer.from([value >> 8, value & 0xff])));
}

/** The body of a pre_shared_key extension; identities of one length, binders of 32 bytes. */
export function preSharedKey(count: number, identityBytes = 8): Buffer {
  const identity = Buffer.concat([vector(2, Buffer.alloc(identityBytes, 7)), Buffer.alloc(4)]);
  return Buffer.concat([
    vector(2, ...Array<Buffer>(count).fill(identity)),
    vector(2, ...Array<Buffer>(count).fill(vector(1, Buffer.alloc(32)))),
  ]);
}

export function serverName(name: string | Buffer, type = 0): Buffer {
  return vector(2, Buffer.from([type]), vector(2, Buffer.from(name as string, 'latin1')));
}

/** A handshake message with its header. */
export function handshake(body: Buffer, type = 1): Buffer {
  const header = Buffer.from([type, 0, 0, 0]);
  header.writeUIntBE(body.length, 1, 3);
  return Buffer.concat([header, body]);
}

export function helloMessage(parts: HelloParts = {}): Buffer {
  const { extensions } = parts;
  return handshake(
    Buffer.concat([
      uint16(parts.legacyVersion ?? 0x0303),
      Buffer.alloc(32, 0x5a),
      vector(1, Buffer.alloc(parts.sessionIdBytes ?? 0)),
      vector(2, parts.cipherSuites ?? uint16(0x1301, 0xc02f)),
      vector(1, parts.compressionMethods ?? Buffer.from([0])),
      extensions === undefined
        ? Buffer.alloc(0)
        : vector(2, ...extensions.map(([type, body]) => Buffer.concat([uint16(type), vector(2, body)]))),
      parts.trailing ?? Buffer.alloc(0),
    ]),
  );
}

export function helloBytes(parts: HelloParts = {}): Buffer {
  return record(helloMessage(parts));
}
