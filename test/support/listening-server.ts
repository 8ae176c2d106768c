// Starting and stopping a server of node:http or node:https on a free port of loopback.

import type { Server as HttpServer } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface ListeningServer {
  readonly port: number;
  stop(): Promise<void>;
}

export async function listen(server: HttpServer | HttpsServer): Promise<ListeningServer> {
  // Longer than the engine keeps an idle connection: who closes first is then never the server.
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
