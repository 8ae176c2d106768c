// What an HTTPApplicationProfile says of proxying, as clients and servers see it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { exchangeRaw } from '@limpet/testkit';
import { eventually } from './support/engine.ts';
import { bothVersions, openClient, type Sending } from './support/http-clients.ts';
import { type OneEngine, startOneEngine } from './support/one-engine.ts';
import { type OriginServer, startOriginServer } from './support/origin-server.ts';
import { askOverTls, openProxy, readToEnd } from './support/proxied-clients.ts';

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

async function ask(version: 'h1' | 'h2', sending: Sending = {}) {
  const client = openClient(version, bed.port);
  const reply = await client.request(sending);
  client.close();
  return reply;
}

describe('Forwarded', () => {
  it('is written where it is asked for, over what a client says of itself', async () => {
    await bed.reload({ httpProfile: { limpet_forwarded_enabled: true } });
    for (const version of bothVersions) {
      await ask(version, { headers: { forwarded: 'for=192.0.2.1' } });
      assert.equal(seen?.headers.forwarded, 'for=127.0.0.1;host=localhost;proto=https', version);
    }
  });

  it('is appended to where xff_update says so, and only to what is well formed', async () => {
    await bed.reload({
      httpProfile: { limpet_forwarded_enabled: true, xff_update: 'APPEND_TO_THE_XFF_HEADER' },
    });
    const own = 'for=127.0.0.1;host=localhost;proto=https';
    for (const version of bothVersions) {
      await ask(version, { headers: { forwarded: 'for="[2001:db8::1]"' } });
      assert.equal(seen?.headers.forwarded, `for="[2001:db8::1]", ${own}`);
      await ask(version, { headers: { forwarded: 'for="192.0.2.1' } });
      assert.equal(seen?.headers.forwarded, own);
    }
  });
});

describe('fields of a request', () => {
  it('are counted: one too many is answered 431 (max_header_count)', async () => {
    await bed.reload({ httpProfile: { max_header_count: 12 } });
    const some = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-${index}`, 'a']));
    for (const version of bothVersions) {
      assert.equal((await ask(version, { headers: some(8) })).status, 200);
      assert.equal((await ask(version, { headers: some(13) })).status, 431, version);
    }
  });

  it('have a size: a head or a field above it is answered 431, a body 413', async () => {
    await bed.reload({
      httpProfile: { client_max_header_size: 1, client_max_request_size: 2, client_max_body_size: 1 },
    });
    const field = (bytes: number) => 'a'.repeat(bytes);
    for (const version of bothVersions) {
      assert.equal((await ask(version, { headers: { 'x-a': field(900) } })).status, 200);
      assert.equal((await ask(version, { headers: { 'x-a': field(1100) } })).status, 431, version);
      const three = { 'x-a': field(900), 'x-b': field(900), 'x-c': field(900) };
      assert.equal((await ask(version, { headers: three })).status, 431, version);
      const body = Buffer.alloc(1025);
      assert.equal((await ask(version, { method: 'POST', body })).status, 413, version);
      assert.equal((await ask(version, { method: 'POST', body: [body] })).status, 413, version);
      assert.equal((await ask(version, { method: 'POST', body: Buffer.alloc(1024) })).status, 200);
    }
  });

  it('with a dot in their name go no further unless they may (allow_dots_in_header_name)', async () => {
    for (const allowed of [false, true]) {
      await bed.reload({ httpProfile: { allow_dots_in_header_name: allowed } });
      for (const version of bothVersions) {
        await ask(version, { headers: { 'x-a': '1', 'x.dotted.name': '2', 'x-b': '3' } });
        const { 'x-a': first, 'x.dotted.name': dotted, 'x-b': last } = seen?.headers ?? {};
        assert.deepEqual([first, dotted, last], ['1', allowed ? '2' : undefined, '3'], version);
      }
    }
  });
});

describe('a response', () => {
  it('with a head above max_response_headers_size or max_header_count is a 502', async () => {
    await bed.reload({ httpProfile: { max_response_headers_size: 1, max_header_count: 20 } });
    for (const version of bothVersions) {
      origin.handler = (_request, response) => response.setHeader('x-large', 'a'.repeat(1500)).end();
      assert.equal((await ask(version)).status, 502, version);
      origin.handler = (_request, response) => {
        for (let field = 0; field < 30; field++) response.setHeader(`x-${field}`, 'a');
        response.end();
      };
      assert.equal((await ask(version)).status, 502, version);
      origin.handler = (_request, response) => response.setHeader('x-small', 'a'.repeat(500)).end();
      assert.equal((await ask(version)).status, 200, version);
    }
    // What comes before the final head, and what a person would read in it, count as well.
    origin.handler = (_request, response) => {
      response.writeEarlyHints({ link: '</a>; rel=preload', 'x-large': 'a'.repeat(1500) });
      response.end();
    };
    for (const version of bothVersions) assert.equal((await ask(version)).status, 502, version);
    origin.handler = (_request, response) => response.writeHead(200, 'a'.repeat(1500)).end();
    for (const version of bothVersions) assert.equal((await ask(version)).status, 502, version);
    await bed.reload({ httpProfile: { max_response_headers_size: 256 } });
    origin.handler = (_request, response) => {
      for (let field = 0; field < 5; field++) response.setHeader(`x-${field}`, 'a'.repeat(20_000));
      response.end();
    };
    const { text } = await exchangeRaw(bed.port, ['GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n']);
    assert.match(text, /^HTTP\/1\.1 200 /);
  });

  it('has its cookies marked, its redirects made https and words to a proxy taken out', async () => {
    await bed.reload({
      httpProfile: {
        secure_cookie_enabled: true,
        httponly_enabled: true,
        server_side_redirect_to_https: true,
      },
    });
    origin.handler = (_request, response) => {
      response.setHeader('set-cookie', ['a=1', 'b=2; Secure']);
      response.setHeader('location', 'http://localhost/login');
      response.setHeader('x-accel-redirect', '/secret');
      response.writeHead(302).end();
    };
    for (const version of bothVersions) {
      const { headers } = await ask(version);
      assert.deepEqual(headers['set-cookie'], ['a=1; Secure; HttpOnly', 'b=2; Secure; HttpOnly'], version);
      assert.equal(headers.location, 'https://localhost/login');
      assert.equal(headers['x-accel-redirect'], undefined);
    }
  });

  it('says how long the connection is kept, the engine or the server (keepalive_header)', async () => {
    origin.handler = (_request, response) => {
      response.setHeader('connection', 'keep-alive');
      response.setHeader('keep-alive', 'timeout=7');
      response.end();
    };
    for (const [profile, expected] of [
      [{}, undefined],
      [{ keepalive_header: true, keepalive_timeout: 20_000 }, 'timeout=20'],
      [{ keepalive_header: true, use_app_keepalive_timeout: true }, 'timeout=7'],
    ] as const) {
      await bed.reload({ httpProfile: profile });
      assert.equal((await ask('h1')).headers['keep-alive'], expected);
    }
  });
});

describe('plain HTTP on a port for HTTPS', () => {
  async function askPlain(): Promise<string> {
    const socket = connectTcp(bed.port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    return readToEnd(socket);
  }

  it('is answered 400 in plain words', async () => {
    const text = await askPlain();
    assert.match(text, /^HTTP\/1\.1 400 Bad Request\r\n/);
    assert.match(text, /a plain HTTP request was sent to a port for HTTPS/);
  });

  it('is closed without a word under reset_conn_http_on_ssl_port', async () => {
    await bed.reload({ httpProfile: { reset_conn_http_on_ssl_port: true } });
    assert.equal(await askPlain(), '');
  });
});

describe('a request whose client goes away', () => {
  /** Sends a request, waits until the server has it, goes away, and lets the server answer. */
  async function leave(version: 'h1' | 'h2'): Promise<boolean> {
    seen = undefined;
    let answered: boolean | undefined;
    let answer = (): void => {};
    origin.handler = (request, response) => {
      seen = request;
      response.on('close', () => {
        answered = response.writableFinished;
      });
      answer = () => response.end('ok\n');
    };
    // A reset: the end of what a client sends alone may be a half-closed client that waits for its answer.
    const socket = await openProxy(bed.port);
    askOverTls(socket, version).catch(() => {});
    await eventually(() => seen !== undefined, 'the server has the request');
    const open = () => bed.engine.metric('limpet_connections_open');
    socket.resetAndDestroy();
    await eventually(async () => (await open()) === 0, 'the engine has seen the client go');
    if (answered === undefined) answer();
    await eventually(() => answered !== undefined, 'the server knows');
    return answered === true;
  }

  it('is given up at the server', async () => {
    await bed.reload({ httpProfile: {} });
    for (const version of bothVersions) assert.equal(await leave(version), false, version);
  });

  it('goes on under enable_fire_and_forget, and its answer is thrown away', async () => {
    await bed.reload({ httpProfile: { enable_fire_and_forget: true } });
    for (const version of bothVersions) assert.equal(await leave(version), true, version);
    const active = async () => (await bed.engine.runtime()).pools[0]?.servers[0]?.active_requests;
    await eventually(async () => (await active()) === 0, 'the place at the server is given back');
  });
});

describe('an HTTP/2 connection', () => {
  it('offers the streams and the window of http2_profile', async () => {
    await bed.reload({
      httpProfile: {
        http2_profile: { http2_initial_window_size: 256, max_http2_concurrent_streams_per_connection: 5 },
      },
    });
    const session = connectHttp2(`https://127.0.0.1:${bed.port}`, { rejectUnauthorized: false });
    await once(session, 'remoteSettings');
    const { initialWindowSize, maxConcurrentStreams } = session.remoteSettings;
    assert.deepEqual([initialWindowSize, maxConcurrentStreams], [262_144, 5]);
    session.destroy();
  });

  it('is ended in order after max_http2_requests_per_connection', async () => {
    await bed.reload({ httpProfile: { http2_profile: { max_http2_requests_per_connection: 3 } } });
    const session = connectHttp2(`https://127.0.0.1:${bed.port}`, { rejectUnauthorized: false });
    const statuses: unknown[] = [];
    const closed = once(session, 'close');
    const goaway = once(session, 'goaway');
    for (let request = 0; request < 3; request++) {
      const stream = session.request({ ':path': '/' });
      const [head] = (await once(stream, 'response')) as [Record<string, unknown>];
      stream.resume();
      statuses.push(head[':status']);
    }
    const [code] = (await goaway) as [number];
    await closed;
    assert.deepEqual([statuses, code], [[200, 200, 200], 0]);
  });
});
