// The back end of every subject: three servers that answer any request with one prepared write and say their name.

import { createServer, type Socket } from 'node:net';

/** Sent to the parent once, when all servers listen. */
export interface BackEndReady {
  readonly servers: readonly { readonly name: string; readonly port: number }[];
}

const SERVER_NAMES = ['server-1', 'server-2', 'server-3'];
const HEAD_END = '\r\n\r\n';

function preparedResponse(name: string): Buffer {
  const body = `${JSON.stringify({ server: name, padding: 'x'.repeat(80) })}\n`;
  const head = [
    'HTTP/1.1 200 OK',
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    'Cache-Control: no-store',
    `X-Server: ${name}`,
  ];
  return Buffer.from(head.join('\r\n') + HEAD_END + body, 'latin1');
}

/** Requests of the benchmark have no body: each empty line is the end of one. */
function answer(socket: Socket, response: Buffer): void {
  let unfinished = '';
  socket.setNoDelay(true);
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    let text = unfinished + chunk.toString('latin1');
    for (let end = text.indexOf(HEAD_END); end >= 0; end = text.indexOf(HEAD_END)) {
      socket.write(response);
      text = text.slice(end + HEAD_END.length);
    }
    unfinished = text;
  });
}

function listen(name: string): Promise<{ name: string; port: number }> {
  const response = preparedResponse(name);
  const server = createServer((socket) => answer(socket, response));
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('no port'));
      else resolve({ name, port: address.port });
    });
  });
}

process.on('disconnect', () => process.exit(0));
const ready: BackEndReady = { servers: await Promise.all(SERVER_NAMES.map(listen)) };
process.send?.(ready);
