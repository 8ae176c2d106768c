// One HTTPS connection of the client that speaks HTTP/1.1: a request, its response, the next.

import { connect, type TLSSocket } from 'node:tls';
import { SERVER_NAME, type TlsVersion } from './load-command.ts';
import { clientContext } from './tls-client.ts';

export interface Http1Options {
  readonly port: number;
  readonly version: TlsVersion;
  readonly localAddress?: string;
  readonly session?: Buffer;
}

export interface Http1Listener {
  /** The response to the last request is complete. */
  onResponse(serverName: string): void;
  onTicket?(session: Buffer): void;
  /** The last call; an error where the connection failed or closed in the middle of a response. */
  onClose(error: Error | undefined): void;
}

const REQUEST = Buffer.from(
  [
    'GET /index.html?from=benchmark HTTP/1.1',
    `Host: ${SERVER_NAME}`,
    'User-Agent: benchmark/1.0',
    'Accept: text/html,application/json;q=0.9,*/*;q=0.8',
    'Accept-Encoding: gzip, br',
    'Accept-Language: en',
    '\r\n',
  ].join('\r\n'),
);
const RESPONSE_TIMEOUT_MS = 10_000;

export class Http1Connection {
  readonly #socket: TLSSocket;
  readonly #listener: Http1Listener;
  #received = '';
  #waiting = false;
  #error: Error | undefined;

  constructor(options: Http1Options, listener: Http1Listener) {
    this.#listener = listener;
    const socket = connect({
      host: '127.0.0.1',
      port: options.port,
      ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
      ...(options.session === undefined ? {} : { session: options.session }),
      servername: SERVER_NAME,
      secureContext: clientContext(options.version),
      ALPNProtocols: ['http/1.1'],
      // The balancers are measured, not trusted: they all hold the certificate that this run made.
      rejectUnauthorized: false,
    });
    this.#socket = socket;
    socket.setNoDelay(true);
    if (listener.onTicket !== undefined) socket.on('session', (session) => listener.onTicket?.(session));
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('timeout', () => socket.destroy(new Error(`no response within ${RESPONSE_TIMEOUT_MS} ms`)));
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('close', () => {
      if (this.#waiting) this.#error ??= new Error('closed in the middle of a response');
      listener.onClose(this.#error);
    });
  }

  get resumed(): boolean {
    return this.#socket.isSessionReused();
  }

  get socket(): TLSSocket {
    return this.#socket;
  }

  request(): void {
    this.#waiting = true;
    this.#socket.setTimeout(RESPONSE_TIMEOUT_MS);
    this.#socket.write(REQUEST);
  }

  /** close_notify and FIN; onClose follows when the balancer has closed, too. */
  end(): void {
    this.#socket.setTimeout(RESPONSE_TIMEOUT_MS);
    this.#socket.end();
  }

  #receive(chunk: Buffer): void {
    this.#received += chunk.toString('latin1');
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const head = this.#received.slice(0, headEnd);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    const serverName = /\r\nx-server: *([^\r]*)/i.exec(head)?.[1];
    if (!head.startsWith('HTTP/1.1 200') || length === undefined || serverName === undefined) {
      this.#socket.destroy(new Error(`unexpected response: ${head.slice(0, 200)}`));
      return;
    }
    if (this.#received.length < headEnd + 4 + Number(length)) return;
    this.#received = '';
    this.#waiting = false;
    this.#socket.setTimeout(0);
    this.#listener.onResponse(serverName);
  }
}
