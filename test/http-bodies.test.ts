import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:http2';
import { describe, it } from 'node:test';
import { exchangeRaw, TicketClient } from '@limpet/testkit';
import { eventually } from './support/engine.ts';
import { bothVersions, openClient } from './support/http-clients.ts';
import { useOriginBed } from './support/origin-bed.ts';
import { bodyOf } from './support/origin-server.ts';
import {
  flag,
  frame,
  frameType,
  getFields,
  headersFrame,
  openRawHttp2,
  type RawHttp2,
} from './support/raw-http2.ts';

const digest = (bytes: Buffer): string =>
  `${bytes.length} bytes, ${createHash('sha256').update(bytes).digest('hex')}`;

/** In parts of uneven length, so that no border falls together with one of the engine's buffers. */
function inParts(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0, size = 1; at < bytes.length; at += size, size = Math.min(size * 3 + 1, 99_991)) {
    parts.push(bytes.subarray(at, at + size));
  }
  return parts;
}

describe('a body through the proxy', () => {
  const bed = useOriginBed();

  for (const version of bothVersions) {
    for (const bytes of [0, 1, 5_000_000]) {
      for (const framing of ['length', 'chunked', 'until-close'] as const) {
        it(`of a response arrives byte for byte (${bytes} bytes, ${framing}, ${version})`, async () => {
          const body = randomBytes(bytes);
          bed.origin.handler = (_request, response) => {
            if (framing === 'length') response.setHeader('content-length', body.length);
            if (framing === 'until-close') {
              response.setHeader('connection', 'close');
              response.removeHeader('transfer-encoding');
            }
            response.flushHeaders();
            for (const part of inParts(body)) response.write(part);
            response.end();
          };
          const client = openClient(version, bed.port);
          const reply = await client.request();
          client.close();
          assert.equal(reply.status, 200);
          assert.equal(digest(reply.body), digest(body));
          if (framing === 'length') assert.equal(reply.headers['content-length'], String(bytes));
        });
      }

      for (const framing of ['length', 'chunked'] as const) {
        it(`of a request arrives byte for byte (${bytes} bytes, ${framing}, ${version})`, async () => {
          const body = randomBytes(bytes);
          let seen: { digest: string; length: string | undefined } | undefined;
          bed.origin.handler = async (request, response) => {
            seen = { digest: digest(await bodyOf(request)), length: request.headers['content-length'] };
            response.end('taken\n');
          };
          const client = openClient(version, bed.port);
          const reply = await client.request({
            method: 'POST',
            body: framing === 'length' ? body : inParts(body),
          });
          client.close();
          assert.equal(reply.body.toString(), 'taken\n');
          assert.equal(seen?.digest, digest(body));
          assert.equal(seen?.length, framing === 'length' ? String(bytes) : undefined);
        });
      }
    }
  }

  for (const version of bothVersions) {
    it(`without a length is complete in both directions, whichever way is over first (${version})`, async () => {
      const body = randomBytes(30_000);
      for (const path of ['/echo', '/first-request', '/first-response']) {
        bed.origin.handler = async (request, response) => {
          if (path === '/echo') {
            request.pipe(response);
            return;
          }
          if (path === '/first-response') response.write('begun ');
          await bodyOf(request);
          response.write('over');
          response.end();
        };
        const client = openClient(version, bed.port);
        const reply = await client.request({
          method: 'POST',
          path,
          body: [body.subarray(0, 9), body.subarray(9)],
        });
        client.close();
        if (path === '/echo') assert.equal(digest(reply.body), digest(body));
        else assert.match(reply.body.toString(), /^(begun )?over$/);
      }
    });

    it(`of a response keeps its trailers (${version})`, async () => {
      bed.origin.handler = (_request, response) => {
        response.setHeader('trailer', 'x-checksum');
        response.write('with trailers\n');
        response.addTrailers({ 'x-checksum': '42' });
        response.end();
      };
      const client = openClient(version, bed.port);
      const reply = await client.request({ headers: { te: 'trailers' } });
      client.close();
      assert.equal(reply.body.toString(), 'with trailers\n');
      assert.equal(reply.trailers['x-checksum'], '42');
    });

    it(`of a request keeps its trailers, but for those that must come before it (${version})`, async () => {
      let trailers: Record<string, unknown> = {};
      bed.origin.handler = async (request, response) => {
        await bodyOf(request);
        trailers = request.trailers;
        response.end();
      };
      const client = openClient(version, bed.port);
      await client.request({
        method: 'POST',
        body: [Buffer.from('part')],
        trailers: { 'x-checksum': '42', 'x-forwarded-for': '192.0.2.1' },
      });
      client.close();
      assert.deepEqual({ ...trailers }, { 'x-checksum': '42' });
    });

    it(`is not there in answers to HEAD, nor with 204 and 304, and the connection goes on (${version})`, async () => {
      bed.origin.handler = (request, response) => {
        response.statusCode = Number(request.headers['x-status']);
        if (response.statusCode !== 204) response.setHeader('content-length', 1234);
        response.end();
      };
      const client = openClient(version, bed.port);
      const ask = (method: string, status: number) =>
        client.request({ method, headers: { 'x-status': String(status) } });
      for (const [method, status, length] of [
        ['HEAD', 200, '1234'],
        ['GET', 204, undefined],
        ['GET', 304, '1234'],
        ['HEAD', 200, '1234'],
      ] as const) {
        const reply = await ask(method, status);
        assert.equal(reply.status, status);
        assert.equal(reply.body.length, 0);
        assert.equal(reply.headers['content-length'], length);
      }
      client.close();
    });
  }

  it('that the client offers with Expect is asked for by the engine', async () => {
    bed.origin.handler = async (request, response) => response.end(await bodyOf(request));
    for (const version of bothVersions) {
      const client = openClient(version, bed.port);
      const reply = await client.request({
        method: 'POST',
        body: Buffer.from('offered'),
        expectContinue: true,
      });
      client.close();
      assert.deepEqual(reply.informational, [100], version);
      assert.equal(reply.body.toString(), 'offered', version);
    }
  });

  it('reaches an HTTP/1.0 client without chunks, and the connection ends with it', async () => {
    bed.origin.handler = (_request, response) => {
      response.write('one ');
      response.end('two\n');
    };
    const { text, ending } = await exchangeRaw(bed.port, ['GET / HTTP/1.0\r\n\r\n']);
    const [head = '', body] = text.split('\r\n\r\n');
    assert.equal(body, 'one two\n');
    assert.match(head, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(head, /\r\nConnection: close/);
    assert.doesNotMatch(head, /transfer-encoding/i);
    assert.equal(ending, 'end');
  });

  it('of a request that the client gives up never looks whole to the server, however it does (h2)', async () => {
    const reset = (code: number): Buffer => frame(frameType.rstStream, 0, 1, Buffer.of(0, 0, 0, code));
    const ways: readonly (readonly [how: string, giveUp: (client: RawHttp2) => void])[] = [
      ['CANCEL', ({ send }) => send(reset(constants.NGHTTP2_CANCEL))],
      ['NO_ERROR', ({ send }) => send(reset(constants.NGHTTP2_NO_ERROR))],
      ['the end of its connection', ({ socket }) => socket.end()],
      ['the loss of its connection', ({ close }) => close()],
    ];
    for (const [how, giveUp] of ways) {
      let begun = false;
      const ending = new Promise<string>((resolve) => {
        bed.origin.handler = (request) => {
          request.on('data', () => {
            begun = true;
          });
          request.on('end', () => resolve('whole'));
          request.on('error', () => resolve('cut'));
        };
      });
      const client = await openRawHttp2(bed.port);
      const fields = getFields('/given-up').map(([name, value]) =>
        name === ':method' ? ([name, 'POST'] as const) : ([name, value] as const),
      );
      client.send(
        headersFrame(1, fields, flag.endHeaders),
        frame(frameType.data, 0, 1, Buffer.from('half of it')),
      );
      await eventually(() => begun, 'the server has the beginning');
      giveUp(client);
      assert.equal(await ending, 'cut', how);
      client.close();
    }
  });

  it('of known length lets an HTTP/1.0 client keep its connection if it asks to', async () => {
    bed.origin.handler = (request, response) => {
      response.setHeader('content-length', 3);
      response.end(`${request.url}\n`);
    };
    const { text } = await exchangeRaw(bed.port, [
      'GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
      'GET /2 HTTP/1.0\r\n\r\n',
    ]);
    assert.deepEqual(text.match(/\/[12]\n/g), ['/1\n', '/2\n']);
    assert.deepEqual(text.match(/Connection: .*/g), ['Connection: keep-alive', 'Connection: close']);
  });

  it('of pipelined requests comes back in their order, whatever the server is quick at', async () => {
    bed.origin.handler = async (request, response) => {
      const body = await bodyOf(request);
      const answer = () => response.end(`${request.method} ${request.url} ${body}\n`);
      // The first is the slowest.
      if (request.url === '/1') setTimeout(answer, 50);
      else answer();
    };
    const { text, ending } = await exchangeRaw(bed.port, [
      'GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ntwo' +
        'POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nthree\r\n0\r\n\r\nGET /4 HT',
      'TP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /never HTTP/1.1\r\nHost: a\r\n\r\n',
    ]);
    assert.deepEqual(text.match(/(GET|POST) \/.*\n/g), [
      'GET /1 \n',
      'POST /2 two\n',
      'POST /3 three\n',
      'GET /4 \n',
    ]);
    assert.equal(ending, 'end');
    assert.ok(!bed.origin.requests.includes('GET /never'), 'nothing after Connection: close is a request');
  });
});

describe('an expectation that the server is asked about', () => {
  const bed = useOriginBed({ httpProfile: { respond_with_100_continue: false } });

  for (const version of bothVersions) {
    it(`lets the body come when the server says 100 (${version})`, async () => {
      bed.origin.handler = async (request, response) => {
        assert.equal(request.headers.expect, '100-continue');
        response.writeContinue();
        response.end(await bodyOf(request));
      };
      const client = openClient(version, bed.port);
      const reply = await client.request({
        method: 'POST',
        body: Buffer.from('offered'),
        expectContinue: true,
      });
      client.close();
      assert.deepEqual(reply.informational, [100]);
      assert.equal(reply.body.toString(), 'offered');
    });
  }

  it('brings the final status of a server that does not want the body, and ends the connection (h1)', async () => {
    bed.origin.handler = (_request, response) => {
      response.statusCode = 413;
      response.end('too much\n');
    };
    const { text, ending } = await exchangeRaw(bed.port, [
      'POST /refused HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 60\r\n\r\n',
    ]);
    assert.match(text, /^HTTP\/1\.1 413 /);
    assert.match(text, /\r\nConnection: close\r\n/);
    assert.equal(ending, 'end');
  });

  it('never lets a client that kept its body back have its next request taken for that body', async () => {
    bed.origin.handler = (request, response) => {
      response.statusCode = request.method === 'POST' ? 413 : 200;
      response.end(`${request.url}\n`);
    };
    const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
    const connection = await new TicketClient().connect(bed.port);
    const { socket } = connection;
    const closed = new Promise((resolve) => socket.once('close', resolve));
    const { status } = await connection.request('/refused', {
      method: 'POST',
      headers: { expect: '100-continue', 'content-length': String(smuggled.length) },
    });
    assert.equal(status, 413);
    // As long as the body would have been, and once more: whichever of them is taken for a request would arrive.
    socket.write(smuggled + smuggled);
    await closed;
    assert.ok(!bed.origin.requests.includes('GET /smuggled'));
  });
});
