// The judge of the codec's tests: a real node:http server that says which requests it read from given bytes.

import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

export interface JudgedRequest {
  readonly method: string;
  readonly target: string;
  /** Names and values in turn, as they came. */
  readonly fields: readonly string[];
  readonly body: Buffer;
  readonly trailers: readonly string[];
}

export interface Verdict {
  readonly requests: readonly JudgedRequest[];
  /** The code of the parser's error; undefined if it found all bytes in order. */
  readonly error: string | undefined;
}

interface OpenCase {
  readonly requests: JudgedRequest[];
  error: string | undefined;
}

export class Judge {
  readonly #server: Server;
  readonly #cases = new Map<number, OpenCase>();

  private constructor() {
    this.#server = createServer({ maxHeaderSize: 65_536 }, (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('error', () => {});
      request.on('end', () => {
        this.#caseOf(request.socket)?.requests.push(judged(request, Buffer.concat(chunks)));
        response.end('read');
      });
    });
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      const open = this.#caseOf(socket as Socket);
      if (open !== undefined) open.error ??= error.code ?? error.name;
      socket.destroy();
    });
  }

  static async start(): Promise<Judge> {
    const judge = new Judge();
    await new Promise<void>((resolve) => judge.#server.listen(0, '127.0.0.1', resolve));
    return judge;
  }

  /** Sends the bytes and the end of the connection, and waits until the server has closed it too. */
  read(bytes: Buffer): Promise<Verdict> {
    return new Promise((resolve) => {
      const open: OpenCase = { requests: [], error: undefined };
      const socket = connect((this.#server.address() as AddressInfo).port, '127.0.0.1');
      socket.on('connect', () => {
        const port = socket.localPort as number;
        this.#cases.set(port, open);
        socket.on('close', () => {
          this.#cases.delete(port);
          resolve(open);
        });
        socket.end(bytes);
      });
      socket.on('error', () => {});
      socket.resume();
    });
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #caseOf(socket: Socket): OpenCase | undefined {
    return this.#cases.get(socket.remotePort as number);
  }
}

function judged(request: IncomingMessage, body: Buffer): JudgedRequest {
  return {
    method: request.method ?? '',
    target: request.url ?? '',
    fields: request.rawHeaders,
    body,
    trailers: request.rawTrailers,
  };
}
