// Clients behind a proxy that speaks the PROXY protocol: what they send comes after a header that the test writes.

import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export interface ProxiedAnswer {
  readonly status: number;
  readonly body: string;
}

/** @param localAddress of the proxy: any of 127.0.0.0/8. */
export async function openProxy(port: number, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connectTcp({ host: '127.0.0.1', port, localAddress });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** A GET over TLS and HTTP/1.1 or HTTP/2, on the socket as it is. */
export async function askOverTls(socket: Socket, version: 'h1' | 'h2'): Promise<ProxiedAnswer> {
  const secure = connectTls({
    socket,
    servername: 'localhost',
    rejectUnauthorized: false,
    ALPNProtocols: [version === 'h2' ? 'h2' : 'http/1.1'],
  });
  await once(secure, 'secureConnect');
  if (version === 'h1') {
    secure.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    return answerOf(await readToEnd(secure));
  }
  const session = connectHttp2('https://localhost', { createConnection: () => secure });
  const stream = session.request({ ':path': '/', ':authority': 'localhost' });
  const [head] = (await once(stream, 'response')) as [Record<string, unknown>];
  const body = await readToEnd(stream);
  session.destroy();
  return { status: Number(head[':status']), body };
}

/** Sends bytes as they are and reads to the end of the connection. */
export async function askPlain(socket: Socket, bytes: Buffer): Promise<string> {
  socket.write(bytes);
  return readToEnd(socket);
}

export async function readToEnd(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  await once(stream, 'close');
  return text;
}

export function answerOf(text: string): ProxiedAnswer {
  const end = text.indexOf('\r\n\r\n');
  return { status: Number(text.slice(9, 12)), body: text.slice(end + 4) };
}
