// Two real servers of different make that say which requests they have received: node:http and nginx.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './engine.ts';

export interface ReceivedRequest {
  readonly method: string;
  readonly target: string;
  /** latin1. */
  readonly body: string;
  readonly host: string;
  /** '' where there is none. */
  readonly contentLength: string;
  readonly transferEncoding: string;
  /** `name: value` of each, joined by `; `. nginx tells none. */
  readonly trailers: string;
}

/** What came since it was asked last. */
export interface Received {
  /** Whole requests, in order. */
  readonly requests: readonly ReceivedRequest[];
  /** What was taken for the beginning of a request and is none: one side has lost the place. */
  readonly malformed: readonly string[];
}

/** A server that answers each request with its method and target. */
export interface JudgingServer {
  readonly name: string;
  readonly port: number;
  /** Everything up to the request with this target, which is waited for and not among them. */
  receivedBefore(target: string): Promise<Received>;
  stop(): Promise<void>;
}

export async function startNodeJudge(): Promise<JudgingServer> {
  let requests: ReceivedRequest[] = [];
  let malformed: string[] = [];
  const server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
    const parts: Buffer[] = [];
    request.on('error', () => {});
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      requests.push(received(request, Buffer.concat(parts)));
      response.end(`${request.method} ${request.url}`);
    });
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // A request that the proxy gave up ends in the middle; anything else is bytes that are no request.
    if (error.code !== 'ECONNRESET' && error.code !== 'HPE_INVALID_EOF_STATE')
      malformed.push(error.code ?? '');
    socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    name: 'node:http',
    port: (server.address() as AddressInfo).port,
    receivedBefore: async (target) => {
      const at = () => requests.findIndex((request) => request.target === target);
      await eventually(() => at() >= 0, `node:http receives ${target}`);
      const result = { requests: requests.slice(0, at()), malformed };
      requests = requests.slice(at() + 1);
      malformed = [];
      return result;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function received(request: IncomingMessage, body: Buffer): ReceivedRequest {
  const { headers } = request;
  return {
    method: request.method ?? '',
    target: request.url ?? '',
    body: body.toString('latin1'),
    host: headers.host ?? '',
    contentLength: headers['content-length'] ?? '',
    transferEncoding: headers['transfer-encoding'] ?? '',
    trailers: Object.entries(request.trailers)
      .map(([name, value]) => `${name}: ${value}`)
      .join('; '),
  };
}

/** nginx (a Debian package) in the foreground, with a folder of its own. */
export async function startNginxJudge(): Promise<JudgingServer> {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-nginx-'));
  const port = await freePort();
  const logFile = join(folder, 'access.log');
  writeFileSync(logFile, '');
  writeFileSync(join(folder, 'nginx.conf'), nginxConfiguration(folder, port));
  // As root it would change to a user of the machine; nobody needs no more than this folder.
  const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  if (nobody.uid !== undefined) for (const path of [folder, logFile]) chownSync(path, nobody.uid, nobody.gid);
  const child: ChildProcess = spawn('/usr/sbin/nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    ...nobody,
  });
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  await eventually(() => {
    if (child.exitCode !== null) throw new Error(`nginx has ended: ${errors}`);
    return isListening(port);
  }, 'nginx listens');
  let read = 0;
  return {
    name: 'nginx',
    port,
    receivedBefore: async (target) => {
      const lines = () => readFileSync(logFile, 'utf8').split('\n').slice(0, -1).map(parseLogLine);
      const at = () => lines().findIndex((line, index) => index >= read && line.target === target);
      await eventually(() => at() >= 0, `nginx receives ${target}`);
      const found = lines().slice(read, at());
      read = at() + 1;
      return {
        requests: found.filter(({ status }) => status === '200'),
        // Without a target nothing was read as a request line; with one it is a request that the proxy gave up.
        malformed: found
          .filter(({ status, target: asked }) => status !== '200' && asked === '')
          .map(({ line }) => line),
      };
    },
    stop: async () => {
      if (child.exitCode === null) {
        child.kill();
        await once(child, 'exit');
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

// A request is read to its end, and only then passed to the inner server, which answers.
function nginxConfiguration(folder: string, port: number): string {
  return `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections 256; }
http {
  log_format received escape=json '{"method":"$request_method","target":"$request_uri","body":"$request_body","host":"$http_host",'
    '"contentLength":"$http_content_length","transferEncoding":"$http_transfer_encoding","trailers":"","status":"$status","line":"$request"}';
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  client_body_buffer_size 1m;
  client_body_in_single_buffer on;
  keepalive_timeout 120s;
  keepalive_requests 100000;
  merge_slashes off;
  server {
    listen 127.0.0.1:${port};
    access_log ${folder}/access.log received;
    location / { proxy_pass http://unix:${folder}/inner.sock; }
  }
  server {
    listen unix:${folder}/inner.sock;
    access_log off;
    default_type text/plain;
    location / { return 200 "$request_method $request_uri"; }
  }
}
`;
}

interface LogLine extends ReceivedRequest {
  readonly status: string;
  readonly line: string;
}

function parseLogLine(text: string): LogLine {
  return JSON.parse(text) as LogLine;
}

async function freePort(): Promise<number> {
  const server = createTcpServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const done = (listens: boolean): void => {
      socket.destroy();
      resolve(listens);
    };
    socket.on('connect', () => done(true));
    socket.on('error', () => done(false));
  });
}
