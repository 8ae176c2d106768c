import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ClientHttp2Session } from 'node:http2';
import { connect as connectHttp2 } from 'node:http2';
import { request as requestHttp1 } from 'node:https';
import type { Duplex, Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { eventually } from './support/engine.ts';
import { bothVersions, openClient } from './support/http-clients.ts';
import { type OneEngine, startOneEngine } from './support/one-engine.ts';
import { type OriginServer, startOriginServer } from './support/origin-server.ts';

const MIB = 1024 * 1024;
const WHOLE = 64 * MIB;
/** Sockets of the kernel on four ends take some MiB on loopback; the engine itself must not add many. */
const HELD_MAX = 16 * MIB;
const PART = Buffer.alloc(64 * 1024, 'limpet');

/** Writes as long as the other side takes; what it took can be read while it goes on. */
class Flow {
  taken = 0;
  #lastTaken = -1;
  #stillFor = 0;
  readonly done: Promise<void>;

  constructor(sink: NodeJS.WritableStream) {
    this.done = this.#write(sink);
  }

  async #write(sink: NodeJS.WritableStream): Promise<void> {
    while (this.taken < WHOLE) {
      this.taken += PART.length;
      if (!sink.write(PART)) await once(sink, 'drain');
    }
    sink.end();
  }

  /** Resolves when nothing was taken over ten looks. */
  standsStill(): Promise<void> {
    return eventually(() => {
      this.#stillFor = this.taken === this.#lastTaken ? this.#stillFor + 1 : 0;
      this.#lastTaken = this.taken;
      return this.taken > 0 && this.#stillFor >= 10;
    }, 'the flow stands still');
  }
}

async function countBytes(source: Readable): Promise<number> {
  let bytes = 0;
  for await (const chunk of source) bytes += (chunk as Buffer).length;
  return bytes;
}

interface Upload {
  readonly body: NodeJS.WritableStream;
  readonly status: Promise<number>;
}

interface SlowClient {
  /** Asks, and does not read on its own. */
  get(): Promise<Readable>;
  post(): Upload;
  close(): void;
}

function slowClient(version: 'h1' | 'h2', port: number): SlowClient {
  const tls = { servername: 'localhost', rejectUnauthorized: false };
  if (version === 'h1') {
    const begin = (method: string) =>
      requestHttp1({ host: '127.0.0.1', port, ...tls, agent: false, method, headers: { host: 'localhost' } });
    return {
      get: async () => {
        const request = begin('GET');
        request.end();
        const [response] = (await once(request, 'response')) as [IncomingMessage];
        return response;
      },
      post: () => {
        const request = begin('POST');
        const status = once(request, 'response').then(([response]: IncomingMessage[]) => {
          response?.resume();
          return response?.statusCode ?? 0;
        });
        return { body: request, status };
      },
      close: () => {},
    };
  }
  const session: ClientHttp2Session = connectHttp2(`https://127.0.0.1:${port}`, tls);
  session.on('error', () => {});
  const begin = (method: string) => session.request({ ':method': method }, { endStream: method === 'GET' });
  return {
    get: async () => {
      const stream = begin('GET');
      await once(stream, 'response');
      return stream;
    },
    post: () => {
      const stream: Duplex = begin('POST');
      const status = once(stream, 'response').then(([head]) => Number(head[':status']));
      stream.resume();
      return { body: stream, status };
    },
    close: () => session.close(),
  };
}

describe('back-pressure', () => {
  let origin: OriginServer;
  let bed: OneEngine;
  before(async () => {
    origin = await startOriginServer();
    bed = await startOneEngine(origin);
  });
  after(async () => {
    await bed.stop();
    await origin.stop();
  });

  /** What others get meanwhile. */
  async function othersAreServed(): Promise<void> {
    for (const version of bothVersions) {
      const other = openClient(version, bed.port);
      const { status, body } = await other.request({ path: '/other' });
      other.close();
      assert.equal(status, 200);
      assert.equal(body.toString(), 'other\n');
    }
  }

  for (const version of bothVersions) {
    it(`of a client that does not read holds up the server, and nothing is lost when it reads on (${version})`, async () => {
      let flow: Flow | undefined;
      origin.handler = (request: IncomingMessage, response: ServerResponse) => {
        if (request.url === '/other') response.end('other\n');
        else flow = new Flow(response);
      };
      const client = slowClient(version, bed.port);
      const response = await client.get();
      await flow?.standsStill();
      const held = flow?.taken ?? WHOLE;
      assert.ok(held < HELD_MAX, `${held} bytes were taken for a client that reads nothing`);
      await othersAreServed();
      assert.equal(await countBytes(response), WHOLE);
      await flow?.done;
      client.close();
    });

    it(`of a server that does not read holds up the client, and nothing is lost when it reads on (${version})`, async () => {
      let arrived: ((exchange: [IncomingMessage, ServerResponse]) => void) | undefined;
      const exchange = new Promise<[IncomingMessage, ServerResponse]>((resolve) => {
        arrived = resolve;
      });
      origin.handler = (request, response) => {
        if (request.url === '/other') response.end('other\n');
        else arrived?.([request, response]);
      };
      const client = slowClient(version, bed.port);
      const upload = client.post();
      const flow = new Flow(upload.body);
      const [request, response] = await exchange;
      await flow.standsStill();
      assert.ok(flow.taken < HELD_MAX, `${flow.taken} bytes were taken for a server that reads nothing`);
      await othersAreServed();
      assert.equal(await countBytes(request), WHOLE);
      response.end();
      assert.equal(await upload.status, 200);
      await flow.done;
      client.close();
    });
  }

  it('of a server that reads nothing more ends after its server_timeout, and the client is not to blame', async () => {
    await bed.reload({ pool: { server_timeout: 3000 }, httpProfile: { client_body_timeout: 2000 } });
    origin.handler = (request, response) => {
      if (request.url === '/other') response.end('other\n');
    };
    await Promise.all(
      bothVersions.map(async (version) => {
        const client = slowClient(version, bed.port);
        const upload = client.post();
        upload.body.on('error', () => {});
        new Flow(upload.body).done.catch(() => {});
        assert.equal(await upload.status, 504, version);
        client.close();
      }),
    );
    const stalled = () => bed.engine.records().filter((record) => record.error === 'RESPONSE_TIMEOUT');
    await eventually(() => stalled().length === 2, 'both are recorded');
    for (const record of stalled()) assert.equal(record.error_detail, 'request not read');
    await othersAreServed();
  });
});
