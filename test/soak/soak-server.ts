// A server of a soak: echoes whatever it is sent, in the way that the path names, over TCP and over TLS, and knows which requests it had before.

import { createHash } from 'node:crypto';
import { createServer as createHttp1, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Certificate } from '@limpet/testkit';

export interface SoakServer {
  readonly name: string;
  /** HTTP/1.1 over TCP. */
  readonly port: number;
  /** HTTP/1.1 and HTTP/2 over TLS. */
  readonly securePort: number;
  setHealthy(healthy: boolean): void;
  /** Resets what is open, as a server does whose process is killed. */
  kill(): Promise<void>;
}

/** Paths of requests that must not be sent twice, shared by all servers. */
export interface SentOnce {
  readonly seen: Set<string>;
  readonly twice: string[];
}

type Request = IncomingMessage | Http2ServerRequest;
type Response = ServerResponse | Http2ServerResponse;

/**
 * `/echo/…` sends the body back, `/bytes/…?n=` so many bytes, `/slow/…?ms=` waits, `/chunked/…` and `/trailers/…` are what they say, `/talk/…` is a call of gRPC
 * that gives each message back; a WebSocket is echoed. What stands behind is the client's mark, by which its record is found.
 */
export async function startSoakServer(
  name: string,
  certificate: Certificate,
  sentOnce: SentOnce,
  ports: { readonly port: number; readonly securePort: number } = { port: 0, securePort: 0 },
): Promise<SoakServer> {
  let healthy = true;
  const sockets = new Set<Socket>();
  const serve = (request: Request, response: Response): void => {
    request.on('error', () => {});
    response.on('error', () => {});
    response.setHeader('x-demo-server', name);
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://soak');
    if (request.method === 'POST') noteOnce(sentOnce, pathname);
    if (pathname === '/health') {
      response.statusCode = healthy ? 200 : 503;
      response.end();
    } else
      answer(pathname.split('/')[1] ?? '', Number(searchParams.values().next().value), request, response);
  };
  const plain = createHttp1(serve);
  const secure = createSecureServer(
    {
      allowHTTP1: true,
      // Megabytes: slow readers share a session with others, who would be refused beyond it.
      maxSessionMemory: 500,
      settings: { enableConnectProtocol: true },
      cert: certificate.certificatePem,
      key: certificate.privateKeyPem,
    },
    serve,
  );
  secure.on('connect', (_request: Http2ServerRequest, { stream }: Http2ServerResponse) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200, 'x-demo-server': name });
    stream.pipe(stream);
  });
  secure.on('sessionError', () => {});
  for (const server of [plain, secure]) {
    server.on('upgrade', (request: IncomingMessage, socket: Duplex) => echoWebSocket(request, socket, name));
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    });
  }
  // Longer than an engine keeps an idle connection: who closes first is then never the server.
  plain.keepAliveTimeout = 120_000;
  const [port, securePort] = await Promise.all([listen(plain, ports.port), listen(secure, ports.securePort)]);
  return {
    ...{ name, port, securePort },
    setHealthy: (value) => {
      healthy = value;
    },
    kill: async () => {
      const closed = [plain, secure].map((server) => new Promise((resolve) => server.close(resolve)));
      for (const socket of sockets) socket.resetAndDestroy();
      await Promise.all(closed);
    },
  };
}

function listen(server: Server | Http2SecureServer, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

function noteOnce({ seen, twice }: SentOnce, path: string): void {
  if (seen.has(path)) twice.push(path);
  seen.add(path);
}

function answer(what: string, number: number, request: Request, response: Response): void {
  // TypeScript finds no common form of the two; both are streams.
  const body = response as ServerResponse;
  switch (what) {
    case 'echo': {
      const length = request.headers['content-length'];
      if (length !== undefined) body.setHeader('content-length', length);
      request.pipe(body);
      break;
    }
    case 'bytes':
      body.end(Buffer.alloc(number, 'a'));
      break;
    case 'slow':
      setTimeout(() => body.end('slow\n'), number);
      break;
    case 'chunked':
      for (const part of ['one ', 'two ', 'three\n']) body.write(part);
      body.end();
      break;
    case 'trailers':
      body.setHeader('trailer', 'x-checksum');
      body.write('with trailers\n');
      body.addTrailers({ 'x-checksum': '42' });
      body.end();
      break;
    case 'talk':
      body.setHeader('content-type', 'application/grpc');
      body.flushHeaders();
      request.on('data', (chunk: Buffer) => body.write(chunk));
      request.on('end', () => {
        body.addTrailers({ 'grpc-status': '0' });
        body.end();
      });
      break;
    default:
      body.statusCode = 404;
      body.end();
  }
}

function echoWebSocket({ headers }: IncomingMessage, socket: Duplex, name: string): void {
  socket.on('error', () => {});
  const accept = createHash('sha1')
    .update(`${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nx-demo-server: ${name}\r\n\r\n`,
  );
  socket.pipe(socket);
}
