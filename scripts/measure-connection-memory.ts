// What an engine, each of its workers and one more connection cost in memory, by what the connection is doing: the figures of docs/memory.md and of the cap on connections.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { setTimeout as elapse } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { createSelfSigned, demoConfiguration, startProcess } from '@limpet/testkit';

const MAIN = join(import.meta.dirname, '../packages/cli/src/main.ts');
/** What the engine allocates once, or keeps for the next one, is there before the first reading. */
const WARM_UP = 500;
/** Of connections, each with a reading after it: how far their costs lie apart is the spread. */
const BLOCKS = 4;
const BLOCK = Number(process.argv[2] ?? 400);
/** Only what has this in its name; everything else without. */
const ONLY = process.argv[3] ?? '';
const WORKERS = [1, 2, 4];
/** Of one session, where a stream is what is measured. */
const STREAMS = 50;
const AT_A_TIME = 32;
const SETTLE_MS = 2500;

type Open = (port: number) => Promise<{ destroy(): void }>;

async function openTcp(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' });
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  socket.on('error', () => {});
  return socket;
}

/** As a client of today sends it, with a post-quantum key share. */
function clientHello(): Promise<Buffer> {
  return new Promise((resolve) => {
    const duplex = new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        resolve(chunk);
        done();
      },
    });
    connectTls({ socket: duplex, servername: 'localhost', rejectUnauthorized: false }).on('error', () => {});
  });
}

async function openHttp1(port: number, request: string): Promise<Socket> {
  const socket = connectTls({ port, host: '127.0.0.1', servername: 'localhost', rejectUnauthorized: false });
  socket.on('error', () => {});
  await new Promise<void>((resolve, reject) => {
    socket.once('close', () => reject(new Error('closed during the handshake')));
    socket.once('secureConnect', () => {
      socket.write(request);
      resolve();
    });
  });
  return socket;
}

async function openHttp2(port: number, initialWindowSize?: number): Promise<ClientHttp2Session> {
  const session = connectHttp2(`https://127.0.0.1:${port}`, {
    rejectUnauthorized: false,
    ...(initialWindowSize === undefined ? {} : { settings: { initialWindowSize } }),
  });
  session.on('error', () => {});
  await new Promise((resolve) => session.once('remoteSettings', resolve));
  return session;
}

const firstBytes = (socket: Socket): Promise<unknown> =>
  new Promise((resolve) => socket.once('data', resolve));

const states: Readonly<Record<string, Open>> = {
  'no byte sent yet': openTcp,
  'TLS handshake under way': async (port) => {
    const socket = await openTcp(port);
    const bytes = firstBytes(socket);
    socket.write(await clientHello());
    await bytes;
    return socket;
  },
  'idle, HTTP/1.1, after one request': async (port) => {
    const socket = await openHttp1(port, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await firstBytes(socket);
    return socket;
  },
  'idle, HTTP/2, after one request': async (port) => {
    const session = await openHttp2(port);
    const stream = session.request({ ':path': '/', ':authority': 'localhost' });
    stream.resume();
    await new Promise((resolve) => stream.once('close', resolve));
    return session;
  },
  'a WebSocket, idle': async (port) => {
    const socket = await openHttp1(
      port,
      'GET /chat HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    await firstBytes(socket);
    return socket;
  },
  'a request that the server does not answer': (port) =>
    openHttp1(port, 'GET /unread HTTP/1.1\r\nHost: localhost\r\n\r\n'),
  'a request body that the server does not read': async (port) => {
    const socket = await openHttp1(
      port,
      'POST /unread HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000000\r\n\r\n',
    );
    const part = Buffer.alloc(65_536);
    for (let count = 0; count < 64; count++) socket.write(part);
    return socket;
  },
  'a stream of HTTP/2 that its client makes no room for': async (port) => {
    const session = await openHttp2(port, 0);
    const streams = Array.from({ length: STREAMS }, () =>
      session.request({ ':path': '/large', ':authority': 'localhost' }),
    );
    for (const stream of streams) stream.on('error', () => {});
    await Promise.all(streams.map((stream) => new Promise((resolve) => stream.once('response', resolve))));
    return session;
  },
  'a response that the client does not read': async (port) => {
    const socket = await openHttp1(port, 'GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await new Promise((resolve) => socket.once('readable', resolve));
    return socket;
  },
};

/** RSS has all pages that the process has in memory, PSS its share of those that others have, too. */
function memoryKb(pid: number): { readonly rss: number; readonly pss: number } {
  const read = (file: string, line: string): number =>
    Number(new RegExp(`^${line}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/${file}`, 'latin1'))?.[1]);
  return { rss: read('status', 'VmRSS'), pss: read('smaps_rollup', 'Pss') };
}

interface Bed {
  readonly pid: number;
  /** Of JavaScript, in kilobytes, garbage included. */
  heapKb(): Promise<number>;
  readonly port: number;
  /** Opens so many more and keeps them. */
  hold(open: Open, count: number): Promise<void>;
  /** Closes what is held. */
  release(): void;
}

async function withEngine<T>(workers: number, use: (bed: Bed) => Promise<T>): Promise<T> {
  const origin = createServer((request, response) => {
    if (request.url === '/unread') return;
    response.end(request.url === '/large' ? Buffer.alloc(20_000_000) : 'ok\n');
  });
  origin.on('upgrade', (_request, socket) => {
    socket.on('error', () => {});
    // The accept value that belongs to the key which all send.
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n',
    );
    socket.resume();
  });
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
  const { certificatePem, privateKeyPem } = await createSelfSigned({ dnsNames: ['localhost'] });
  const folder = mkdtempSync(join(tmpdir(), 'limpet-memory-'));
  const patient = { keepalive_timeout: 600_000, post_accept_timeout: 600_000, client_body_timeout: 0 };
  const configuration = demoConfiguration({
    port: 0,
    servers: [{ name: 'origin', port: (origin.address() as AddressInfo).port }],
    certificate: certificatePem,
    key: privateKeyPem,
    monitored: false,
    pool: { server_timeout: 0 },
    httpProfile: patient,
  });
  writeFileSync(join(folder, 'config.json'), JSON.stringify(configuration));
  const engine = await startProcess(
    process.execPath,
    [
      ...[MAIN, 'engine', '--config', join(folder, 'config.json')],
      ...['--workers', String(workers), '--memory-limit', '4G', '--access-log', 'off'],
    ],
    (line) =>
      line.startsWith('{"event":"ready"')
        ? (JSON.parse(line) as { listeners: { port: number }[]; pid: number; admin: string })
        : undefined,
  );
  const { listeners, pid, admin } = engine.ready;
  const port = listeners[0]?.port ?? 0;
  const held: { destroy(): void }[] = [];
  const release = (): void => {
    for (const one of held.splice(0)) one.destroy();
  };
  const hold = async (open: Open, count: number): Promise<void> => {
    let left = count;
    const share = async (): Promise<void> => {
      while (left-- > 0) held.push(await open(port));
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, share));
    await elapse(SETTLE_MS);
  };
  const heapKb = async (): Promise<number> => {
    const metrics = await (await fetch(`${admin}/metrics`)).text();
    return Number(/^limpet_heap_used_bytes\{.*\} (\d+)/m.exec(metrics)?.[1]) / 1024;
  };
  try {
    return await use({ pid, heapKb, port, hold, release });
  } finally {
    release();
    await engine.process.stop();
    origin.close();
    origin.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** At the start; and once connections have come, asked and gone and others rest, what does not grow with the number of those. */
function measureEngine(workers: number): Promise<{ start: number; rss: number; pss: number }> {
  return withEngine(workers, async ({ pid, hold, release }) => {
    const start = memoryKb(pid).rss;
    const http1 = states['idle, HTTP/1.1, after one request'] as Open;
    const http2 = states['idle, HTTP/2, after one request'] as Open;
    for (const open of [http1, http2]) await hold(open, workers * 200);
    release();
    await hold(http1, WARM_UP);
    const less = memoryKb(pid);
    await hold(http1, 2 * WARM_UP);
    const more = memoryKb(pid);
    const fixed = (of: 'rss' | 'pss'): number => less[of] - (more[of] - less[of]) / 2;
    return { start, rss: fixed('rss'), pss: fixed('pss') };
  });
}

/** Kilobytes of one more, of each block; and what of it lies in the heap, over all blocks. */
function measureConnections(
  open: Open,
  block: number,
  blocks: number,
): Promise<{ costs: readonly number[]; heap: number }> {
  return withEngine(1, async ({ pid, heapKb, hold }) => {
    await hold(open, Math.min(WARM_UP, block));
    const costs: number[] = [];
    const heapBefore = await heapKb();
    for (let before = memoryKb(pid).rss; costs.length < blocks; ) {
      await hold(open, block);
      const { rss } = memoryKb(pid);
      costs.push((rss - before) / block);
      before = rss;
    }
    return { costs, heap: ((await heapKb()) - heapBefore) / (blocks * block) };
  });
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const mebibytes = (kb: number): string => `${(kb / 1024).toFixed(0)} MiB`;

for (const workers of ONLY === '' ? WORKERS : []) {
  const { start, rss, pss } = await measureEngine(workers);
  print(
    `| ${workers} workers | ${mebibytes(start)} at the start | RSS ${mebibytes(rss)} | PSS ${mebibytes(pss)} |`,
  );
}
for (const [state, open] of Object.entries(states).filter(([name]) => name.includes(ONLY))) {
  // Buffers would fill the machine; handshakes are over after ten seconds.
  const each = state.includes('stream') ? STREAMS : 1;
  const isShort = state.includes('read') || state.includes('handshake');
  const { costs, heap } = await measureConnections(
    open,
    each > 1 ? 4 : isShort ? Math.min(BLOCK, 150) : BLOCK,
    state.includes('handshake') ? 1 : BLOCKS,
  );
  const mean = costs.reduce((sum, cost) => sum + cost, 0) / costs.length / each;
  const [least, most] = [Math.min(...costs) / each, Math.max(...costs) / each];
  print(
    `| ${state} | ${mean.toFixed(0)} kB | ${least.toFixed(0)} to ${most.toFixed(0)} | ${(heap / each).toFixed(0)} |`,
  );
}
process.exit(0);
