// A TLS client that keeps tickets as TLS asks for: those of TLS 1.3 are used once, and any can be shown to any address.

import { type ConnectionOptions, connect, type SecureVersion, type TLSSocket } from 'node:tls';

export interface HttpAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  /** x-demo-server, or ''. */
  readonly server: string;
}

export interface ClientConnection {
  readonly reused: boolean;
  readonly protocol: string;
  readonly socket: TLSSocket;
  /** Tickets that came on this connection so far. */
  readonly sessions: readonly Buffer[];
  request(
    path: string,
    options?: { method?: string; headers?: Readonly<Record<string, string>>; body?: string },
  ): Promise<HttpAnswer>;
  /** Resolves when the connection is closed. */
  close(): Promise<void>;
}

export interface TicketClientOptions {
  readonly version?: SecureVersion;
  readonly servername?: string;
  readonly tls?: ConnectionOptions;
}

const TIMEOUT_MS = 15_000;

export class TicketClient {
  readonly #options: TicketClientOptions;
  /** Newest last. */
  readonly tickets: Buffer[] = [];

  constructor(options: TicketClientOptions = {}) {
    this.#options = options;
  }

  /** Takes the newest ticket away if TLS 1.3 forbids to use it again. */
  takeTicket(): Buffer | undefined {
    return this.#options.version === 'TLSv1.2' ? this.tickets.at(-1) : this.tickets.pop();
  }

  /** @param session a ticket to show instead of one of the client's own; `none` shows none. */
  connect(port: number, session: Buffer | 'own' | 'none' = 'own'): Promise<ClientConnection> {
    const shown = session === 'own' ? this.takeTicket() : session === 'none' ? undefined : session;
    const { version, servername = 'localhost', tls } = this.#options;
    return new Promise((resolve, reject) => {
      const socket = connect({
        host: '127.0.0.1',
        port,
        servername,
        // Certificates are not what is tested here.
        rejectUnauthorized: false,
        ...(version === undefined ? {} : { minVersion: version, maxVersion: version }),
        ...(shown === undefined ? {} : { session: shown }),
        ...tls,
      });
      const sessions: Buffer[] = [];
      socket.on('session', (ticket) => {
        sessions.push(ticket);
        this.tickets.push(ticket);
      });
      socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error(`nothing happened for ${TIMEOUT_MS} ms`)));
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('closed before the handshake was done')));
      socket.once('secureConnect', () => {
        socket.off('error', reject);
        resolve(new Connection(socket, sessions));
      });
    });
  }

  /** One connection with one request, on which tickets are waited for. */
  async visit(
    port: number,
    path = '/',
    session: Buffer | 'own' | 'none' = 'own',
  ): Promise<HttpAnswer & { reused: boolean; connection: ClientConnection }> {
    const connection = await this.connect(port, session);
    try {
      // The server has sent its tickets before the answer.
      const answer = await connection.request(path, { headers: { connection: 'close' } });
      return { ...answer, reused: connection.reused, connection };
    } finally {
      await connection.close();
    }
  }
}

class Connection implements ClientConnection {
  readonly socket: TLSSocket;
  readonly sessions: readonly Buffer[];
  readonly reused: boolean;
  readonly protocol: string;
  #received = '';
  #ended = false;
  #error: Error | undefined;
  #onProgress: () => void = () => {};

  constructor(socket: TLSSocket, sessions: readonly Buffer[]) {
    this.socket = socket;
    this.sessions = sessions;
    this.reused = socket.isSessionReused();
    this.protocol = socket.getProtocol() ?? '';
    socket.on('data', (chunk: Buffer) => {
      this.#received += chunk.toString('latin1');
      this.#onProgress();
    });
    socket.on('error', (error) => {
      this.#error = error;
    });
    for (const event of ['end', 'close'] as const) {
      socket.on(event, () => {
        this.#ended = true;
        this.#onProgress();
      });
    }
  }

  request(
    path: string,
    {
      method = 'GET',
      headers = {},
      body = '',
    }: { method?: string; headers?: Readonly<Record<string, string>>; body?: string } = {},
  ): Promise<HttpAnswer> {
    const fields = {
      host: 'localhost',
      ...(body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
      ...headers,
    };
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
    this.socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
    return new Promise((resolve, reject) => {
      this.#onProgress = () => {
        const parsed = parseAnswer(this.#received, this.#ended, method);
        if (parsed !== undefined) {
          this.#received = this.#received.slice(parsed.length);
          this.#onProgress = () => {};
          resolve(parsed.answer);
        } else if (this.#ended) {
          reject(
            this.#error ??
              new Error(
                `the connection ended before the answer was complete: ${this.#received.slice(0, 80)}`,
              ),
          );
        }
      };
      this.#onProgress();
    });
  }

  close(): Promise<void> {
    if (this.socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      this.socket.once('close', () => resolve());
      this.socket.end();
      this.socket.destroySoon();
    });
  }
}

function parseAnswer(
  text: string,
  ended: boolean,
  method: string,
): { answer: HttpAnswer; length: number } | undefined {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const [statusLine = '', ...lines] = text.slice(0, headEnd).split('\r\n');
  const status = Number(statusLine.split(' ')[1]);
  if (status < 200) {
    const rest = parseAnswer(text.slice(headEnd + 4), ended, method);
    return rest === undefined ? undefined : { answer: rest.answer, length: rest.length + headEnd + 4 };
  }
  const headers = new Map(
    lines.map((line) => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  );
  const found = bodyOf(
    text,
    headEnd + 4,
    headers,
    ended,
    method === 'HEAD' || status === 204 || status === 304,
  );
  if (found === undefined) return undefined;
  const answer = { status, headers, body: found.body, server: headers.get('x-demo-server') ?? '' };
  return { answer, length: found.end };
}

function bodyOf(
  text: string,
  start: number,
  headers: ReadonlyMap<string, string>,
  ended: boolean,
  bodiless: boolean,
): { body: string; end: number } | undefined {
  if (bodiless) return { body: '', end: start };
  const length = headers.get('content-length');
  if (length !== undefined) {
    const end = start + Number(length);
    return text.length < end ? undefined : { body: text.slice(start, end), end };
  }
  if (headers.get('transfer-encoding') !== 'chunked')
    return ended ? { body: text.slice(start), end: text.length } : undefined;
  let body = '';
  for (let at = start; ; ) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    if (size === 0) {
      const end = text.startsWith('\r\n', lineEnd + 2) ? lineEnd + 2 : text.indexOf('\r\n\r\n', lineEnd);
      return end < 0 || text.length < end + 2
        ? undefined
        : { body, end: end + (end === lineEnd + 2 ? 2 : 4) };
    }
    if (text.length < lineEnd + 4 + size) return undefined;
    body += text.slice(lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 4 + size;
  }
}
