import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { after, before, beforeEach, describe, it } from 'node:test';
import { exchangeRaw } from '@limpet/testkit';
import { bothVersions, openClient, type Sending } from './support/http-clients.ts';
import { type OneEngine, startOneEngine } from './support/one-engine.ts';
import { type OriginServer, startOriginServer } from './support/origin-server.ts';

describe('header fields through the proxy', () => {
  let origin: OriginServer;
  let bed: OneEngine;
  let seen: IncomingMessage | undefined;
  before(async () => {
    origin = await startOriginServer();
    bed = await startOneEngine(origin);
  });
  beforeEach(() => {
    seen = undefined;
    origin.handler = (request, response) => {
      seen = request;
      response.end('ok\n');
    };
  });
  after(async () => {
    await bed.stop();
    await origin.stop();
  });

  /** The fields as the server got them. */
  async function fieldsAtServer(version: 'h1' | 'h2', sending: Sending) {
    const client = openClient(version, bed.port);
    const reply = await client.request(sending);
    client.close();
    assert.equal(reply.status, 200);
    return { reply, fields: { ...seen?.headers } };
  }

  it('that belong to the hop of the client do not reach the server', async () => {
    const { text } = await exchangeRaw(bed.port, [
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: close, X-Private\r\nX-Private: 1\r\nKeep-Alive: 5\r\n' +
        'Proxy-Connection: keep-alive\r\nTE: trailers, gzip\r\nUpgrade: h2c\r\nX-Public: 2\r\n\r\n',
    ]);
    assert.match(text, /^HTTP\/1\.1 200 /);
    const { headers } = seen as IncomingMessage;
    for (const name of ['x-private', 'keep-alive', 'proxy-connection', 'upgrade']) {
      assert.equal(headers[name], undefined, name);
    }
    assert.equal(headers['x-public'], '2');
    assert.equal(headers.te, 'trailers');
    assert.equal(headers.connection, 'TE');
  });

  for (const version of bothVersions) {
    it(`that belong to the hop of the server do not reach the client (${version})`, async () => {
      origin.handler = (_request, response) => {
        response.setHeader('connection', 'X-Private, close');
        for (const name of ['x-private', 'keep-alive', 'proxy-connection', 'upgrade', 'x-public'])
          response.setHeader(name, 'value');
        response.end('ok\n');
      };
      const client = openClient(version, bed.port);
      const { headers } = await client.request();
      client.close();
      for (const name of ['x-private', 'keep-alive', 'proxy-connection', 'upgrade']) {
        assert.equal(headers[name], undefined, name);
      }
      assert.equal(headers['x-public'], 'value');
      assert.doesNotMatch(
        String(headers.connection),
        /x-private|close/i,
        'the connection of the client goes on',
      );
    });

    it(`say to the server who the client is, whatever the client says itself (${version})`, async () => {
      const { fields } = await fieldsAtServer(version, {
        headers: {
          'x-forwarded-for': '192.0.2.1',
          'x-forwarded-proto': 'http',
          'x-forwarded-port': '80',
          forwarded: 'for=192.0.2.1',
        },
      });
      assert.equal(fields['x-forwarded-for'], '127.0.0.1');
      assert.equal(fields['x-forwarded-proto'], 'https');
      assert.equal(fields['x-forwarded-port'], String(bed.port));
      assert.equal(fields.forwarded, undefined);
    });

    it(`keep the client's Host (${version})`, async () => {
      const name = version === 'h1' ? 'host' : ':authority';
      const { fields } = await fieldsAtServer(version, { headers: { [name]: 'shop.example:8443' } });
      assert.equal(fields.host, 'shop.example:8443');
    });

    it(`carry one request id to server, client and record, and it is the engine's own (${version})`, async () => {
      const { reply, fields } = await fieldsAtServer(version, {
        path: '/asked?token=secret',
        headers: { 'x-request-id': 'forged' },
      });
      const id = String(reply.headers['x-request-id']);
      assert.notEqual(id, 'forged');
      assert.equal(fields['x-request-id'], id);
      const record = await bed.recordOf(id);
      assert.equal(record.uri_path, '/asked');
      assert.equal(record.response_code, 200);
    });

    it(`that are repeated keep their values and their order (${version})`, async () => {
      origin.handler = (request, response) => {
        seen = request;
        response.setHeader('set-cookie', ['a=1; Path=/', 'b=2']);
        response.setHeader('x-plain', 'caf\xe9');
        response.end();
      };
      const { reply, fields } = await fieldsAtServer(version, {
        headers: { cookie: 'a=1; b=2', accept: 'text/html, */*;q=0.1' },
      });
      assert.equal(fields.cookie, 'a=1; b=2');
      assert.equal(fields.accept, 'text/html, */*;q=0.1');
      assert.deepEqual(reply.headers['set-cookie'], ['a=1; Path=/', 'b=2']);
      assert.equal(reply.headers['x-plain'], 'caf\xe9');
    });
  }

  it('that ask for another protocol are answered with 501 and never reach the server', async () => {
    const { text, ending } = await exchangeRaw(bed.port, [
      'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: TLS/1.0\r\n\r\n',
    ]);
    assert.match(text, /^HTTP\/1\.1 501 Not Implemented\r\n/);
    assert.equal(ending, 'end');
    assert.equal(seen, undefined);
  });

  it('append to what the client says of itself where the configuration asks for it', async () => {
    await bed.reload({ httpProfile: { xff_update: 'APPEND_TO_THE_XFF_HEADER' } });
    for (const version of bothVersions) {
      const { fields } = await fieldsAtServer(version, { headers: { 'x-forwarded-for': '192.0.2.1' } });
      assert.equal(fields['x-forwarded-for'], '192.0.2.1, 127.0.0.1');
    }
  });
});
