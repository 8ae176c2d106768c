// HTTP/2 frames made by hand: what no client library lets one send.

import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { eventually } from './engine.ts';

export const frameType = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flag = { endStream: 1, ack: 1, endHeaders: 4 } as const;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export interface RawHttp2 {
  readonly socket: TLSSocket;
  /** Everything that came, in order. */
  readonly frames: readonly Frame[];
  send(...frames: readonly Buffer[]): void;
  /** Waits for a frame, or for the end of the connection, for which it returns undefined. */
  next(wanted: (frame: Frame) => boolean, what: string): Promise<Frame | undefined>;
  /** Waits for the end of the connection. */
  ended(): Promise<void>;
  close(): void;
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export async function openRawHttp2(port: number): Promise<RawHttp2> {
  const socket = connect({
    ...{ host: '127.0.0.1', port, servername: 'localhost' },
    rejectUnauthorized: false,
    ALPNProtocols: ['h2'],
  });
  const frames: Frame[] = [];
  let rest: Buffer = Buffer.alloc(0);
  let ended = false;
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const end = 9 + rest.readUIntBE(0, 3);
      const [type, flags] = [rest.readUInt8(3), rest.readUInt8(4)];
      frames.push({ type, flags, stream: rest.readUInt32BE(5), payload: rest.subarray(9, end) });
      rest = rest.subarray(end);
    }
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    ended = true;
  });
  await once(socket, 'secureConnect');
  socket.write(Buffer.concat([PREFACE, frame(frameType.settings, 0, 0)]));
  return {
    socket,
    frames,
    send: (...sent) => {
      socket.write(Buffer.concat(sent));
    },
    next: async (wanted, what) => {
      await eventually(() => ended || frames.some(wanted), what);
      return frames.find(wanted);
    },
    ended: () => eventually(() => ended, 'the connection is ended'),
    close: () => socket.destroy(),
  };
}

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Fields as HPACK literals that are never indexed, without Huffman coding: bytes as they are (RFC 7541 §6.2.2). */
export function fieldBlock(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]));
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  // RFC 7541 §5.1: seven bits first, then seven a byte.
  const length = [127];
  let left = bytes.length - 127;
  for (; left >= 128; left = Math.floor(left / 128)) length.push((left % 128) + 128);
  length.push(left);
  return Buffer.concat([Buffer.from(length), bytes]);
}

/** The pseudo-header fields of a GET, and more. */
export function getFields(path: string, ...more: readonly (readonly [string, string])[]) {
  return [[':method', 'GET'], [':scheme', 'https'], [':authority', 'a'], [':path', path], ...more] as const;
}

/** A whole request head in one frame. */
export function headersFrame(
  stream: number,
  fields: readonly (readonly [string, string])[],
  flags: number = flag.endStream | flag.endHeaders,
): Buffer {
  return frame(frameType.headers, flags, stream, fieldBlock(fields));
}

/** Whether a HEADERS frame of a response says 200, which is entry 8 of the static table. */
export function saysOk({ payload }: Frame): boolean {
  return payload.includes(0x88) && payload.indexOf(0x88) <= 1;
}
