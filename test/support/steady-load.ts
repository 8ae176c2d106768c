// Clients that ask without a pause until told to stop, each of a kind of its own; the first thing that goes wrong ends them.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2';
import { Agent, request as requestHttps } from 'node:https';
import type { Duplex } from 'node:stream';
import { openClient } from './http-clients.ts';

export interface Load {
  /** What was done so far. */
  readonly done: number;
  /** Ends the load and rejects with what went wrong, if something did. */
  stop(): Promise<number>;
}

/** @param turn is one request, or one connection. */
function repeat(turn: () => Promise<void>, finish: () => void = () => {}): Load {
  let running = true;
  let done = 0;
  const loop = (async () => {
    try {
      for (; running; done++) await turn();
    } finally {
      finish();
    }
  })();
  loop.catch(() => {});
  return {
    get done() {
      return done;
    },
    stop: async () => {
      running = false;
      await loop;
      return done;
    },
  };
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

/** A new connection for each request. */
export function newConnections(port: number): Load {
  return repeat(async () => {
    const client = openClient('h1', port);
    await expectOk(client.request({ headers: { connection: 'close' } }));
    client.close();
  });
}

/** One connection, kept; another when its response has said that it closes. Between requests it is idle. */
export function keptConnection(port: number): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
  return repeat(
    async () => {
      const request = requestHttps({ host: '127.0.0.1', port, agent, servername: 'localhost', path: '/' });
      request.end();
      const [response] = await once(request, 'response');
      response.resume();
      await once(response, 'end');
      if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
      await pause();
    },
    () => agent.destroy(),
  );
}

/** One HTTP/2 session with several streams at a time; another when a GOAWAY has said that this one takes no more. */
export function http2Session(port: number): Load {
  const open = (): ClientHttp2Session => {
    const opened = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
    opened.on('error', () => {});
    return opened;
  };
  let session = open();
  const ask = async (): Promise<void> => {
    if (session.closed || session.destroyed) session = open();
    const stream = session.request({ ':path': '/' });
    const response = once(stream, 'response').catch((error: Error) => error);
    stream.resume();
    const head = await response;
    if (head instanceof Error) {
      // Not processed for sure, and sent again (RFC 9113 §8.7): Node lets a GOAWAY of its own overtake a request that it has not sent yet.
      if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) return ask();
      throw head;
    }
    if (!stream.closed) await once(stream, 'close');
    if (head[0][':status'] !== 200 || stream.rstCode !== 0)
      throw new Error(`status ${head[0][':status']}, reset code ${stream.rstCode}`);
  };
  return repeat(
    async () => {
      await Promise.all([ask(), ask(), ask(), ask()]);
      await pause();
    },
    () => session.destroy(),
  );
}

/** One WebSocket that is never opened again: what is sent comes back. The server has to answer each chunk with the same. */
export async function webSocket(port: number): Promise<Load> {
  const request = requestHttps({
    ...{ host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: false, path: '/' },
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': randomBytes(16).toString('base64'),
    },
  });
  request.end();
  const [, socket] = (await once(request, 'upgrade')) as [unknown, Duplex];
  let closed = false;
  let received = Buffer.alloc(0);
  let wake = (): void => {};
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    wake();
  });
  socket.on('close', () => {
    closed = true;
    wake();
  });
  return repeat(
    async () => {
      const message = randomBytes(16);
      received = Buffer.alloc(0);
      socket.write(message);
      while (!closed && received.length < message.length) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (!received.equals(message)) throw new Error('the WebSocket was cut');
      await pause();
    },
    () => socket.destroy(),
  );
}

async function expectOk(reply: Promise<{ readonly status: number }>): Promise<void> {
  const { status } = await reply;
  if (status !== 200) throw new Error(`status ${status}`);
}
