// The admin server: /healthz, /metrics and /runtime for operators, on a local address.

import { createServer, type Server } from 'node:http';
import { type Address, LimpetError } from '@limpet/model';
import type { EngineReports } from './engine-reports.ts';
import { EXPOSITION_CONTENT_TYPE } from './exposition.ts';

/**
 * Starts it. It gives no secret away, yet it tells of servers and load: keep it on a local address.
 *
 * @param descriptor of a socket on the address that is open already.
 */
export async function startAdminServer(
  address: Address,
  reports: EngineReports,
  descriptor: number | undefined,
): Promise<{ readonly address: Address; stop(): void }> {
  const server = createServer((request, response) => {
    const respond = (status: number, type: string, body: string): void => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
      response.end(request.method === 'HEAD' ? '' : body);
    };
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return respond(405, 'text/plain', 'only GET\n');
    try {
      switch (request.url?.split('?')[0]) {
        case '/healthz': {
          const { ok, detail } = reports.healthz();
          return respond(ok ? 200 : 503, 'text/plain', `${detail}\n`);
        }
        case '/metrics':
          return respond(200, EXPOSITION_CONTENT_TYPE, reports.metrics());
        case '/runtime':
          return respond(200, 'application/json', `${JSON.stringify(reports.runtime(), undefined, 2)}\n`);
        default:
          return respond(404, 'text/plain', 'there are /healthz, /metrics and /runtime\n');
      }
    } catch {
      respond(500, 'text/plain', 'an internal error\n');
    }
  });
  await listen(server, address, descriptor);
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
  return {
    address: { ip: address.ip, port },
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function listen(server: Server, { ip, port }: Address, fd: number | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const code = error.code === 'EADDRINUSE' ? 'ADDRESS_IN_USE' : 'APPLY_FAILED';
      reject(new LimpetError(code, `admin address ${ip}:${port} (${error.code})`, { cause: error }));
    });
    server.listen(fd === undefined ? { host: ip, port } : { fd }, resolve);
  });
}
