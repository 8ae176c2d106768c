// The server behind a flooded engine, in a thread of its own: what slows it down must not slow down the client that measures.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parentPort } from 'node:worker_threads';

const PART = Buffer.alloc(65_536, 'a');

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://origin');
  let left = Number(url.searchParams.get('n') ?? 0);
  request.on('error', () => {});
  response.on('error', () => {});
  request.resume();
  if (url.pathname === '/hang') return;
  response.setHeader('content-length', left);
  const send = (): void => {
    while (left > 0) {
      const part = PART.subarray(0, Math.min(left, PART.length));
      left -= part.length;
      if (!response.write(part)) {
        response.once('drain', send);
        return;
      }
    }
    response.end();
  };
  send();
});
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => parentPort?.postMessage((server.address() as AddressInfo).port));
parentPort?.once('message', () => {
  server.closeAllConnections();
  server.close();
  parentPort?.close();
});
