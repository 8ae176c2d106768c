import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  exchangeRaw,
  type MisbehavingServer,
  type Misbehaviour,
  startMisbehavingServer,
} from '@limpet/testkit';
import { eventually } from './support/engine.ts';
import { bothVersions, openClient, type Reply } from './support/http-clients.ts';
import { type OneEngine, startOneEngine } from './support/one-engine.ts';

describe('a server that fails', () => {
  let server: MisbehavingServer;
  let bed: OneEngine;
  before(async () => {
    server = await startMisbehavingServer('well');
    bed = await startOneEngine(server, { persistence: false, pool: { server_timeout: 500 } });
  });
  after(async () => {
    await bed.stop();
    await server.stop();
  });

  /** Requests of this path that the server saw. */
  const seen = (path: string): number => server.received.join('').split(` ${path} HTTP/1.1\r\n`).length - 1;

  async function ask(version: 'h1' | 'h2', method: string, path: string): Promise<Reply> {
    const client = openClient(version, bed.port);
    try {
      return await client.request({
        method,
        path,
        ...(method === 'POST' ? { body: Buffer.from('body') } : {}),
      });
    } finally {
      client.close();
    }
  }

  /** Leaves an idle connection to the server behind. */
  async function warmUp(): Promise<void> {
    assert.equal((await ask('h1', 'GET', '/warm')).status, 200);
  }

  /** Records are written twice a second: what they have to say is looked up when all is done. */
  const refusals = new Map<string, { readonly status: number; readonly error: string }>();

  /** The answer is the engine's and names its request. */
  function assertRefused(reply: Reply, status: number, error: string): void {
    assert.equal(reply.status, status);
    const id = String(reply.headers['x-request-id']);
    assert.ok(reply.body.toString().includes(id), 'the request id is in the text');
    refusals.set(id, { status, error });
  }

  const answers: readonly [Misbehaviour, number, string][] = [
    ['bad-head', 502, 'RESPONSE_MALFORMED'],
    ['bare-lf', 502, 'RESPONSE_MALFORMED'],
    ['two-lengths', 502, 'RESPONSE_MALFORMED'],
    ['length-and-chunked', 502, 'RESPONSE_MALFORMED'],
    ['huge-head', 502, 'RESPONSE_MALFORMED'],
    ['many-informational', 502, 'RESPONSE_MALFORMED'],
    ['half-head', 502, 'SERVER_CONNECTION_LOST'],
    ['reset', 502, 'SERVER_CONNECTION_LOST'],
    ['close', 502, 'SERVER_CONNECTION_LOST'],
    ['never', 504, 'RESPONSE_TIMEOUT'],
  ];
  for (const version of bothVersions) {
    for (const [mode, status, error] of answers) {
      it(`(${mode}) is answered for with ${status} and ${error} to a POST (${version})`, async () => {
        server.mode = mode;
        const path = `/${mode}-${version}`;
        assertRefused(await ask(version, 'POST', path), status, error);
        assert.equal(seen(path), 1, 'a POST is sent once');
      });
    }

    for (const mode of ['half-body', 'short-body', 'half-chunks', 'bad-chunk'] as const) {
      it(`in the middle of a response never lets it look complete (${mode}, ${version})`, async () => {
        server.mode = mode;
        await assert.rejects(ask(version, 'GET', `/${mode}-${version}`));
      });
    }

    it(`at a GET on a kept connection does not show: the GET goes again on a new one (${version})`, async () => {
      server.mode = 'reset-second';
      await warmUp();
      const path = `/again-${version}`;
      assert.equal((await ask(version, 'GET', path)).status, 200);
      assert.equal(seen(path), 2);
    });

    it(`at a POST on a kept connection shows: a POST never goes twice (${version})`, async () => {
      server.mode = 'reset-second';
      await warmUp();
      const path = `/once-${version}`;
      assertRefused(await ask(version, 'POST', path), 502, 'SERVER_CONNECTION_LOST');
      assert.equal(seen(path), 1);
    });

    it(`by closing between requests is forgiven (${version})`, async () => {
      server.mode = 'close-after';
      const client = openClient(version, bed.port);
      for (let turn = 0; turn < 5; turn++) assert.equal((await client.request()).status, 200);
      client.close();
    });
  }

  it('in the middle of a response cuts an HTTP/1.1 connection: no last chunk and no length that is met', async () => {
    server.mode = 'half-chunks';
    const { text, ending } = await exchangeRaw(bed.port, ['GET / HTTP/1.1\r\nHost: a\r\n\r\n']);
    assert.ok(!text.includes('\r\n0\r\n'), text);
    assert.notEqual(ending, 'timeout');
  });

  it('by keeping a request waiting leaves the connection of the client as it was', async () => {
    server.mode = 'never';
    const client = openClient('h2', bed.port);
    const late = client.request({ path: '/late' });
    assertRefused(await late, 504, 'RESPONSE_TIMEOUT');
    server.mode = 'well';
    assert.equal((await client.request()).status, 200);
    client.close();
  });

  it('is told of in the record of each request that was answered for it', async () => {
    assert.ok(refusals.size >= 2 * answers.length);
    for (const [id, { status, error }] of refusals) {
      const record = await bed.recordOf(id);
      assert.equal(record.error, error);
      assert.equal(record.response_code, status);
    }
  });
});

describe('a server that cannot be reached', () => {
  let server: MisbehavingServer;
  let bed: OneEngine;
  before(async () => {
    server = await startMisbehavingServer('well');
    bed = await startOneEngine(server, { persistence: false });
  });
  after(async () => {
    await bed.stop();
    await server.stop();
  });

  it('is answered for with 502 while it refuses connections, and asked again when it is back', async () => {
    const ids: string[] = [];
    const { port } = server;
    await server.stop();
    for (const version of bothVersions) {
      const client = openClient(version, bed.port);
      for (const method of ['GET', 'POST']) {
        const { status, headers } = await client.request({ method });
        assert.equal(status, 502, `${version} ${method}`);
        ids.push(String(headers['x-request-id']));
      }
      client.close();
    }
    server = await startMisbehavingServer('well', port);
    const client = openClient('h1', bed.port);
    await eventually(async () => (await client.request()).status === 200, 'the server is asked again');
    client.close();
    for (const id of ids) assert.equal((await bed.recordOf(id)).error, 'SERVER_UNREACHABLE');
  });

  it('is answered for with 503 and a time to come back where the configuration disables it', async () => {
    await bed.reload({ servers: [{ name: 'origin', port: server.port, enabled: false }] });
    for (const version of bothVersions) {
      const client = openClient(version, bed.port);
      const { status, headers } = await client.request();
      client.close();
      assert.equal(status, 503);
      assert.equal(headers['retry-after'], '1');
      assert.equal((await bed.recordOf(String(headers['x-request-id']))).error, 'NO_SERVER_AVAILABLE');
    }
  });
});
