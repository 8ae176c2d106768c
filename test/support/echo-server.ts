// A server whose WebSockets send back what they get, and that answers every other request.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface EchoServer {
  readonly port: number;
  stop(): void;
}

export async function startEchoServer(): Promise<EchoServer> {
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => response.end('ok\n'));
  });
  server.keepAliveTimeout = 120_000;
  const tunnels = new Set<Socket>();
  server.on('upgrade', (request, socket: Socket) => {
    tunnels.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => tunnels.delete(socket));
    const proof = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${proof}\r\n\r\n`,
    );
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    stop: () => {
      server.close();
      server.closeAllConnections();
      for (const socket of tunnels) socket.destroy();
    },
  };
}
