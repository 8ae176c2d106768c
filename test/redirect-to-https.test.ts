// Clients that come without TLS are sent to where it is, and browsers are told to stay there.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { demoConfiguration, TicketClient } from '@limpet/testkit';
import { createFleet, type Engine, type Fleet } from './support/engine.ts';
import { type OriginServer, startOriginServer } from './support/origin-server.ts';

let fleet: Fleet;
let origin: OriginServer;
let engine: Engine;
let plainPort: number;
before(async () => {
  [fleet, origin] = await Promise.all([createFleet(), startOriginServer()]);
  engine = await fleet.startEngine(
    configuration({ http_to_https: true, hsts_enabled: true, hsts_max_age: 2 }),
  );
  plainPort = await portOf(1);
});
after(async () => {
  await fleet.stop();
  await origin.stop();
});

function configuration(httpProfile: Record<string, unknown>): Record<string, unknown[]> {
  return demoConfiguration({
    port: 0,
    servers: [{ name: 'origin', port: origin.port }],
    monitored: false,
    certificate: fleet.certificate.certificatePem,
    key: fleet.certificate.privateKeyPem,
    httpProfile,
    virtualService: { services: [{ port: 0, enable_ssl: true, enable_http2: true }, { port: 0 }] },
  });
}

/** The port that the engine took for a service of port 0. */
async function portOf(service: number): Promise<number> {
  const { virtual_services } = (await engine.runtime()) as unknown as {
    readonly virtual_services: readonly { readonly listeners: readonly { readonly port: number }[] }[];
  };
  return virtual_services[0]?.listeners[service]?.port ?? 0;
}

async function askPlain(text: string): Promise<string> {
  const socket = createConnection(plainPort, '127.0.0.1');
  socket.end(text);
  let answer = '';
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1');
  });
  await once(socket, 'close');
  return answer;
}

describe('a service without TLS, under http_to_https', () => {
  it('sends a GET to the same place over https, by the name that was asked for', async () => {
    const answer = await askPlain(
      'GET /path?query=1 HTTP/1.1\r\nHost: shop.test:80\r\nConnection: close\r\n\r\n',
    );
    assert.match(answer, /^HTTP\/1\.1 302 Found\r\n/);
    assert.match(
      answer,
      new RegExp(`\\r\\nLocation: https://shop\\.test:${engine.port}/path\\?query=1\\r\\n`),
    );
    assert.match(answer, /\r\nX-Request-Id: /);
  });

  it('sends other methods there without a change of method, and does not forward their bodies', async () => {
    const answer = await askPlain(
      'POST /form HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody',
    );
    assert.match(answer, /^HTTP\/1\.1 308 Permanent Redirect\r\n/);
    assert.deepEqual(origin.requests, []);
  });

  it('serves no request, whatever is wrong with it', async () => {
    assert.match(await askPlain('GET / HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 400 /);
    assert.match(
      await askPlain('OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'),
      /^HTTP\/1\.1 400 /,
    );
    // The target must not be able to add a field to the answer, nor another host to the address.
    assert.match(await askPlain('GET /a\rSet-Cookie:x HTTP/1.1\r\nHost: a\r\n\r\n'), /^HTTP\/1\.1 400 /);
    assert.match(await askPlain('GET / HTTP/1.1\r\nHost: a@b\r\n\r\n'), /^HTTP\/1\.1 400 /);
    const doubled = await askPlain('GET //evil.test/x HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n');
    assert.match(doubled, new RegExp(`\\r\\nLocation: https://a\\.test:${engine.port}//evil\\.test/x\\r\\n`));
    assert.deepEqual(origin.requests, []);
  });

  it('tells no HSTS, which is for TLS alone', async () => {
    const answer = await askPlain('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    assert.doesNotMatch(answer, /strict-transport-security/i);
  });
});

describe('HSTS', () => {
  it('is told in every answer over TLS, with its days in seconds', async () => {
    const { headers } = await new TicketClient().visit(engine.port);
    assert.equal(headers.get('strict-transport-security'), 'max-age=172800; includeSubDomains');
  });

  it('is left to a server that tells it itself', async () => {
    origin.handler = (_request, response) => {
      response.setHeader('Strict-Transport-Security', 'max-age=1');
      response.end();
    };
    const { headers } = await new TicketClient().visit(engine.port);
    assert.equal(headers.get('strict-transport-security'), 'max-age=1');
  });
});
