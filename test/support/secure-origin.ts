// A server with TLS behind the engine, of HTTP/1.1 or HTTP/2, that says how its connections were opened.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type ServerOptions } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Certificate } from '@limpet/testkit';
import { listen } from './listening-server.ts';

/** How one connection was opened. */
export interface Secured {
  readonly serverName: string | undefined;
  readonly resumed: boolean;
  readonly version: string;
  /** Common name of the certificate that the engine showed. */
  readonly client: string | undefined;
}

export interface SecureOrigin {
  readonly port: number;
  /** Handshakes that were completed, in order. */
  readonly secured: readonly Secured[];
  /** Host of each request, and the number of the connection that it came on. */
  readonly requests: readonly { readonly host: string; readonly connection: number }[];
  handler: (request: IncomingMessage, response: ServerResponse) => void;
  /** TCP connections that it has accepted. */
  readonly connections: number;
  stop(): Promise<void>;
}

export async function startSecureOrigin(
  certificate: Certificate,
  options: ServerOptions = {},
): Promise<SecureOrigin> {
  const secured: Secured[] = [];
  const requests: { host: string; connection: number }[] = [];
  const numbers = new WeakMap<Socket, number>();
  const state = {
    connections: 0,
    handler: (_request: IncomingMessage, response: ServerResponse): void => void response.end('secure'),
  };
  const server = createServer(
    { cert: certificate.certificatePem, key: certificate.privateKeyPem, ...options },
    (request, response) => {
      requests.push({
        host: request.headers.host ?? '',
        connection: numbers.get(request.socket) ?? -1,
      });
      state.handler(request, response);
    },
  );
  server.on('connection', () => state.connections++);
  server.on('secureConnection', (socket: TLSSocket) => {
    numbers.set(socket, secured.length);
    // Also false where there was none.
    const serverName = (socket as { servername?: string | false }).servername || undefined;
    secured.push({
      serverName,
      resumed: socket.isSessionReused(),
      version: socket.getProtocol() ?? '',
      client: socket.getPeerX509Certificate()?.subject,
    });
  });
  server.on('tlsClientError', () => {});
  const { port, stop } = await listen(server);
  return {
    port,
    stop,
    secured,
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
