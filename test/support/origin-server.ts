// The one server behind the engine in tests of the proxy: node:http with a handler that the test can change at any time.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { listen } from './listening-server.ts';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export interface OriginServer {
  readonly port: number;
  handler: Handler;
  /** Method and target of each request that reached the server, in order. */
  readonly requests: readonly string[];
  /** TCP connections that it has accepted. */
  readonly connections: number;
  stop(): Promise<void>;
}

const OK: Handler = (_request, response) => response.end('ok\n');

export async function startOriginServer(handler: Handler = OK): Promise<OriginServer> {
  const requests: string[] = [];
  const state = { handler, connections: 0 };
  const serve: Handler = (request, response) => {
    requests.push(`${request.method} ${request.url}`);
    state.handler(request, response);
  };
  const server = createServer(serve);
  // Node would answer 100 before the handler is asked.
  server.on('checkContinue', serve);
  server.on('connection', () => state.connections++);
  const { port, stop } = await listen(server);
  return {
    port,
    stop,
    requests,
    get connections() {
      return state.connections;
    },
    get handler() {
      return state.handler;
    },
    set handler(value) {
      state.handler = value;
    },
  };
}

/** Reads a request to its end. */
export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
