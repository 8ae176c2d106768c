// The demo web server: says which server it is, in JSON and on a page, and has a switch that fails its health check.

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { demoPage } from './demo-page.ts';

export interface DemoServer {
  readonly name: string;
  readonly port: number;
  /** Requests but those of health checks. */
  readonly requests: number;
  /** Turns /health to 503, or back. */
  setHealthy(healthy: boolean): void;
  /** Stops; with `port` free it can be started again on the same one. */
  stop(): Promise<void>;
}

export interface DemoServerOptions {
  readonly name: string;
  /** 0 or absent: any free port. */
  readonly port?: number;
}

/**
 * `/` answers with a page or JSON as Accept says; `/health` is what monitors ask; POST `/fail-health` and `/pass-health` are the switch; `/echo`, `/bytes?n=`, `/chunked`,
 * `/trailers`, `/slow?ms=`, `/headers?name=value` and `/status?code=` answer in the ways that their names say;
 * a WebSocket is echoed.
 */
export async function startDemoServer({ name, port = 0 }: DemoServerOptions): Promise<DemoServer> {
  let healthy = true;
  let requests = 0;
  let connections = 0;
  const server = createServer((request, response) => {
    response.setHeader('x-demo-server', name);
    const url = new URL(request.url ?? '/', 'http://demo');
    switch (url.pathname) {
      case '/health':
        response.statusCode = healthy ? 200 : 503;
        response.end(healthy ? 'healthy\n' : 'failing on purpose\n');
        return;
      case '/fail-health':
      case '/pass-health':
        if (request.method === 'POST') healthy = url.pathname === '/pass-health';
        response.end(`${name} is ${healthy ? 'healthy' : 'failing its health check'}\n`);
        return;
      default:
        requests++;
        answer(name, { requests, connections, healthy }, url, request, response);
    }
  });
  server.on('connection', () => connections++);
  server.on('upgrade', (request, socket: Socket) => echoUpgrade(request, socket, name));
  // Longer than any balancer keeps an idle connection: who closes first is then never the server.
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    name,
    port: (server.address() as AddressInfo).port,
    get requests() {
      return requests;
    },
    setHealthy: (value) => {
      healthy = value;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Accepts any WebSocket and sends its bytes back as they are. */
function echoUpgrade(request: IncomingMessage, socket: Socket, name: string): void {
  socket.on('error', () => {});
  const accept = createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nx-demo-server: ${name}\r\n\r\n`,
  );
  socket.pipe(socket);
}

interface Counts {
  readonly requests: number;
  readonly connections: number;
  readonly healthy: boolean;
}

function answer(
  name: string,
  counts: Counts,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const number = (parameter: string, fallback: number): number =>
    Number(url.searchParams.get(parameter) ?? fallback);
  switch (url.pathname) {
    case '/echo':
      if (request.headers['content-length'] !== undefined) {
        response.setHeader('content-length', request.headers['content-length']);
      }
      request.pipe(response);
      return;
    case '/bytes':
      response.end(Buffer.alloc(number('n', 1024), name));
      return;
    case '/chunked':
      for (const part of ['one ', 'two ', 'three\n']) response.write(part);
      response.end();
      return;
    case '/trailers':
      response.setHeader('trailer', 'x-checksum');
      response.write('with trailers\n');
      response.addTrailers({ 'x-checksum': '42' });
      response.end();
      return;
    case '/slow':
      setTimeout(() => response.end('slow\n'), number('ms', 100));
      return;
    case '/headers':
      for (const name of new Set(url.searchParams.keys()))
        response.setHeader(name, url.searchParams.getAll(name));
      response.end('with headers\n');
      return;
    case '/status':
      response.statusCode = number('code', 200);
      response.end(
        response.statusCode === 204 || response.statusCode === 304 ? undefined : `${response.statusCode}\n`,
      );
      return;
    default:
  }
  if (request.headers.accept?.includes('text/html')) {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(demoPage(name, counts, request.headers));
    return;
  }
  response.setHeader('content-type', 'application/json');
  const { method, headers } = request;
  response.end(`${JSON.stringify({ server: name, ...counts, method, path: url.pathname, headers })}\n`);
}
