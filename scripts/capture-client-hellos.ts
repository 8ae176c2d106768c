// Remakes the corpus of real ClientHellos: what each client sends, byte for byte, before a TLS server has answered it.
//
//   node scripts/with-pinned-node.mjs scripts/capture-client-hellos.ts [NAME…]
//
// Needs openssl, curl, chromium, gnutls-cli and python3. It leaves corpus/expected.json alone: that says how `openssl s_server -trace` reads the
// captured bytes, so that the parser is never its own witness. Where a client has changed, send it the new bytes and amend the file.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { runCommand } from '../packages/testkit/src/processes.ts';
import { createSelfSigned } from '../packages/testkit/src/temporary-ca.ts';
import { TicketClient } from '../packages/testkit/src/ticket-client.ts';

const CORPUS = resolve(import.meta.dirname, '../packages/service-engine/src/client-hello/corpus');
const HOST = 'app.example.test';
const REQUEST = `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`;
const BROWSER_TIMEOUT_MS = 60_000;

interface Capture {
  readonly hello: Buffer;
  /** As the server says. */
  readonly resumed: boolean;
}

interface Rig {
  readonly port: number;
  readonly captures: Capture[];
  /** Resolves at the next handshake that was resumed. */
  untilResumed(signal: AbortSignal): Promise<void>;
  stop(): void;
}

/** One client and its connections; `files` names the first of them that is no resumption, and the first that is one. */
interface ClientCase {
  readonly files: { readonly full?: string; readonly resumed?: string };
  run(rig: Rig, folder: string): Promise<void>;
}

/** A TLS server that answers everything with a page that loads itself again, and before it the capture. */
async function startRig(): Promise<Rig> {
  const { certificatePem, privateKeyPem } = await createSelfSigned({ dnsNames: [HOST] });
  const pending = new Map<number, Buffer>();
  const captures: Capture[] = [];
  const server = createTlsServer({ cert: certificatePem, key: privateKeyPem, ALPNProtocols: ['http/1.1'] });
  server.on('secureConnection', (socket) => {
    const hello = pending.get(socket.remotePort ?? 0);
    const resumed = socket.isSessionReused();
    if (hello !== undefined) captures.push({ hello, resumed });
    if (resumed) server.emit('limpet-resumed');
    socket.on('error', () => {});
    socket.once('data', () => {
      const page = '<!doctype html><meta http-equiv="refresh" content="0">';
      socket.end(`HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n${page}`);
    });
  });
  server.on('tlsClientError', () => {});
  const tlsPort = await listen(server);
  const tap = createServer((client) => {
    const upstream = connect(tlsPort, '127.0.0.1');
    const sent: Buffer[] = [];
    const keep = (chunk: Buffer): number => sent.push(chunk);
    client.on('data', keep);
    // No client sends more than its ClientHello before the server's first byte; so nothing is parsed here.
    upstream.once('data', () => {
      client.off('data', keep);
      pending.set((upstream.address() as AddressInfo).port, Buffer.concat(sent));
    });
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
    client.pipe(upstream).pipe(client);
  });
  return {
    port: await listen(tap),
    captures,
    untilResumed: async (signal) => {
      await once(server, 'limpet-resumed', { signal });
    },
    stop: () => {
      tap.close();
      server.close();
    },
  };
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function openssl(files: ClientCase['files'], ...options: readonly string[]): ClientCase {
  return {
    files,
    run: async ({ port }, folder) => {
      const session = join(folder, 'session.pem');
      const client = ['s_client', '-connect', `127.0.0.1:${port}`, '-quiet', ...options];
      await runCommand('openssl', [...client, '-sess_out', session], { input: REQUEST });
      if (files.resumed === undefined) return;
      await runCommand('openssl', [...client, '-sess_in', session], { input: REQUEST });
    },
  };
}

/** Two addresses, so that the second connection resumes. */
function curl(files: ClientCase['files'], ...options: readonly string[]): ClientCase {
  return {
    files,
    run: async ({ port }) => {
      const url = `https://${HOST}:${port}/`;
      await runCommand('curl', ['-sk', '--resolve', `${HOST}:${port}:127.0.0.1`, ...options, url, url]);
    },
  };
}

function node(files: ClientCase['files'], version: 'TLSv1.2' | 'TLSv1.3' | undefined): ClientCase {
  return {
    files,
    run: async ({ port }) => {
      const client = new TicketClient({ servername: HOST, ...(version === undefined ? {} : { version }) });
      await client.visit(port);
      await client.visit(port);
    },
  };
}

function gnutls(files: ClientCase['files'], priority: string): ClientCase {
  return {
    files,
    run: async ({ port }) => {
      const options = ['--insecure', '--resume', '--waitresumption', '--priority', priority];
      await runCommand('gnutls-cli', [...options, '--sni-hostname', HOST, '-p', `${port}`, '127.0.0.1'], {
        input: REQUEST,
      });
    },
  };
}

const PYTHON = `
import socket, ssl, sys
context = ssl._create_unverified_context()
context.set_alpn_protocols(['http/1.1'])
with socket.create_connection(('127.0.0.1', int(sys.argv[1]))) as raw:
    with context.wrap_socket(raw, server_hostname='${HOST}') as tls:
        tls.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')
        while tls.recv(4096): pass
`;

function python(files: ClientCase['files']): ClientCase {
  return {
    files,
    run: async ({ port }) => {
      await runCommand('python3', ['-c', PYTHON, `${port}`]);
    },
  };
}

function chromium(files: ClientCase['files'], ...options: readonly string[]): ClientCase {
  return {
    files,
    run: async (rig, folder) => {
      const flags =
        'headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking disable-component-update ' +
        'disable-sync ignore-certificate-errors';
      const browser = spawn(
        'chromium',
        [
          ...flags.split(' ').map((flag) => `--${flag}`),
          `--user-data-dir=${folder}`,
          `--host-resolver-rules=MAP ${HOST} 127.0.0.1`,
          '--remote-debugging-port=0',
          ...options,
          `https://${HOST}:${rig.port}/`,
        ],
        { stdio: 'ignore' },
      );
      await rig.untilResumed(AbortSignal.timeout(BROWSER_TIMEOUT_MS));
      browser.kill();
      await once(browser, 'exit');
    },
  };
}

const SNI = ['-servername', HOST];
const cases: readonly ClientCase[] = [
  openssl({ full: 'openssl-tls13', resumed: 'openssl-tls13-resumed' }, '-tls1_3', ...SNI),
  openssl({ full: 'openssl-tls12', resumed: 'openssl-tls12-resumed' }, '-tls1_2', ...SNI),
  openssl({ full: 'openssl-tls12-no-ticket' }, '-tls1_2', '-no_ticket', ...SNI),
  openssl({ full: 'openssl-no-server-name' }, '-noservername'),
  openssl({ full: 'openssl-groups' }, '-groups', 'P-384:X25519', '-alpn', 'h2,http/1.1', ...SNI),
  curl({ full: 'curl-h2', resumed: 'curl-h2-resumed' }, '--http2'),
  curl({ full: 'curl-http1' }, '--http1.1'),
  curl({ full: 'curl-tls12' }, '--http1.1', '--tls-max', '1.2'),
  node({ full: 'node24', resumed: 'node24-resumed' }, undefined),
  node({ full: 'node24-tls12', resumed: 'node24-tls12-resumed' }, 'TLSv1.2'),
  gnutls({ full: 'gnutls', resumed: 'gnutls-resumed' }, 'NORMAL'),
  gnutls({ full: 'gnutls-tls12', resumed: 'gnutls-tls12-resumed' }, 'NORMAL:-VERS-TLS1.3'),
  python({ full: 'python3' }),
  chromium({ full: 'chromium', resumed: 'chromium-resumed' }),
  chromium({ full: 'chromium-tls12', resumed: 'chromium-tls12-resumed' }, '--ssl-version-max=tls1.2'),
];

/** 32 bytes a line. */
function hexText(bytes: Buffer): string {
  return `${bytes.toString('hex').replace(/.{64}(?=.)/g, '$&\n')}\n`;
}

const wanted = process.argv.slice(2);
const rig = await startRig();
for (const { files, run } of cases) {
  const names = Object.values(files);
  if (wanted.length > 0 && !names.some((name) => wanted.includes(name))) continue;
  rig.captures.length = 0;
  const folder = mkdtempSync(join(tmpdir(), 'capture-'));
  await run(rig, folder).finally(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  for (const kind of ['full', 'resumed'] as const) {
    const name = files[kind];
    if (name === undefined) continue;
    const capture = rig.captures.find(({ resumed }) => resumed === (kind === 'resumed'));
    if (capture === undefined) throw new Error(`${name}: the client made no such connection`);
    writeFileSync(join(CORPUS, `${name}.hex`), hexText(capture.hello));
    process.stdout.write(`${name}: ${capture.hello.length} bytes\n`);
  }
}
rig.stop();
