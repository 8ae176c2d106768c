// Raw bytes over TLS: what a client of ill will sends, and everything that comes back.

import { connect } from 'node:tls';

export interface RawAnswer {
  readonly text: string;
  /** How it ended: by the server, by an error (a reset has code ECONNRESET), or because nothing more came within the time. */
  readonly ending: 'end' | 'timeout' | string;
}

/** Sends the parts, each as a write of its own, and collects until the end or until nothing came for `quietMs`. */
export function exchangeRaw(
  port: number,
  parts: readonly (string | Buffer)[],
  quietMs = 3000,
): Promise<RawAnswer> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({
      host: '127.0.0.1',
      port,
      servername: 'localhost',
      rejectUnauthorized: false,
      ALPNProtocols: ['http/1.1'],
    });
    const finish = (ending: string): void => {
      socket.destroy();
      resolve({ text, ending });
    };
    socket.setTimeout(quietMs, () => finish('timeout'));
    socket.once('secureConnect', () => {
      for (const part of parts) socket.write(typeof part === 'string' ? Buffer.from(part, 'latin1') : part);
    });
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    socket.on('end', () => finish('end'));
    socket.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
    socket.on('close', () => finish('end'));
  });
}
