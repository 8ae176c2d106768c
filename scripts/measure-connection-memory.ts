// What one more connection costs an engine in memory, by what the connection is doing: the figures of docs/memory.md and of the cap on connections.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { createSelfSigned, demoConfiguration, startProcess } from '@limpet/testkit';

const MAIN = join(import.meta.dirname, '../packages/cli/src/main.ts');
const WARM_UP = 500;
const ADDED = Number(process.argv[2] ?? 2000);
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
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      socket.write(request);
      resolve();
    });
  });
  socket.on('error', () => {});
  return socket;
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
    const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
    session.on('error', () => {});
    await new Promise<void>((resolve) => {
      const stream = session.request({ ':path': '/', ':authority': 'localhost' });
      stream.resume();
      stream.once('close', resolve);
    });
    return session;
  },
  'a request body that the server does not read': async (port) => {
    const socket = await openHttp1(
      port,
      'POST /unread HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000000\r\n\r\n',
    );
    const part = Buffer.alloc(65_536);
    for (let count = 0; count < 64; count++) socket.write(part);
    return socket;
  },
  'a response that the client does not read': async (port) => {
    const socket = await openHttp1(port, 'GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await new Promise((resolve) => socket.once('readable', resolve));
    return socket;
  },
};

function residentKb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
}

async function measure(open: Open, added: number): Promise<number> {
  const origin = createServer((request, response) => {
    if (request.url === '/unread') return;
    response.end(request.url === '/large' ? Buffer.alloc(20_000_000) : 'ok\n');
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
    httpProfile: patient,
  });
  writeFileSync(join(folder, 'config.json'), JSON.stringify(configuration));
  const engine = await startProcess(
    process.execPath,
    [MAIN, 'engine', '--config', join(folder, 'config.json'), '--workers', '1', '--access-log', 'off'],
    (line) =>
      line.startsWith('{"event":"ready"')
        ? (JSON.parse(line) as { listeners: { port: number }[]; pid: number })
        : undefined,
  );
  const { listeners, pid } = engine.ready;
  const port = listeners[0]?.port ?? 0;
  const held: { destroy(): void }[] = [];
  const hold = async (count: number): Promise<number> => {
    let left = count;
    const share = async (): Promise<void> => {
      while (left-- > 0) held.push(await open(port));
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, share));
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    return residentKb(pid);
  };
  try {
    // What the engine allocates once is in both readings.
    const before = await hold(Math.min(WARM_UP, added));
    const after = await hold(added);
    return (after - before) / added;
  } finally {
    for (const one of held) one.destroy();
    await engine.process.stop();
    origin.close();
    origin.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  }
}

for (const [state, open] of Object.entries(states)) {
  // Deadlines of handshakes allow no more at a time; buffers would fill the machine.
  const added = state.includes('read') ? Math.min(ADDED, 400) : ADDED;
  const kb = await measure(open, added);
  process.stdout.write(`| ${state} | ${kb.toFixed(1)} kB |\n`);
}
process.exit(0);
