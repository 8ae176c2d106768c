// Behind a proxy that is listed, clients are who its PROXY protocol header says; nobody else is believed.

import assert from 'node:assert/strict';
import type { IncomingHttpHeaders } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { proxied, textHeader } from '../packages/service-engine/src/proxy-protocol/test-proxy-header.ts';
import { type Engine, eventually } from './support/engine.ts';
import { type OneEngine, startOneEngine } from './support/one-engine.ts';
import { type OriginServer, startOriginServer } from './support/origin-server.ts';
import { answerOf, askOverTls, askPlain, openProxy, type ProxiedAnswer } from './support/proxied-clients.ts';

const client = { ip: '192.0.2.7', port: 40_001 };
const destination = { ip: '198.51.100.1', port: 8443 };
const client6 = { ip: '2001:db8::7', port: 40_002 };
const destination6 = { ip: '2001:db8::1', port: 443 };
/** As a listed proxy's neighbour. */
const UNLISTED = '127.0.0.2';
const LOCAL = proxied(client, destination, { versionAndCommand: 0x20 });

let origin: OriginServer;
let bed: OneEngine;
let engine: Engine;
let plainPort: number;
before(async () => {
  origin = await startOriginServer((request, response) => response.end(JSON.stringify(request.headers)));
  const proxies = { limpet_proxy_protocol_sources: ['127.0.0.1', '2001:db8::/32'] };
  bed = await startOneEngine(origin, {
    virtualService: {
      services: [
        { port: 0, enable_ssl: true, enable_http2: true, ...proxies },
        { port: 0, ...proxies },
      ],
    },
  });
  engine = bed.engine;
  const { virtual_services } = (await engine.runtime()) as unknown as {
    readonly virtual_services: readonly { readonly listeners: readonly { readonly port: number }[] }[];
  };
  plainPort = virtual_services[0]?.listeners[1]?.port ?? 0;
});
after(async () => {
  await bed.stop();
  await origin.stop();
});

/** What the server was told. */
function told({ status, body }: ProxiedAnswer): IncomingHttpHeaders {
  assert.equal(status, 200, body);
  return JSON.parse(body.replace(/^[0-9a-f]+\r\n|\r\n0\r\n\r\n$/g, '')) as IncomingHttpHeaders;
}

async function askBehind(header: Buffer, version: 'h1' | 'h2'): Promise<IncomingHttpHeaders> {
  const socket = await openProxy(bed.port);
  socket.write(header);
  return told(await askOverTls(socket, version));
}

/** Connection records that these values are in, once there are so many. */
async function recordsWith(values: Readonly<Record<string, unknown>>, count: number): Promise<void> {
  const isMeant = (record: Record<string, unknown>): boolean =>
    Object.entries(values).every(([field, value]) => record[field] === value);
  const found = () =>
    engine
      .records()
      .filter(({ record }) => record === 'connection')
      .filter(isMeant);
  await eventually(() => found().length === count, `${count} records with ${JSON.stringify(values)}`);
}

describe('a listed proxy', () => {
  const seen: Record<string, number> = {};
  for (const version of ['h1', 'h2'] as const) {
    for (const [form, header] of [
      ['version 1', textHeader(client, destination)],
      ['version 2', proxied(client, destination, { checksum: 'right' })],
    ] as const) {
      it(`says who the client is, to the server and in the records (${form}, ${version})`, async () => {
        const fields = await askBehind(header, version);
        assert.equal(fields['x-forwarded-for'], client.ip);
        assert.equal(fields['x-forwarded-port'], String(destination.port));
        assert.equal(fields['x-forwarded-proto'], 'https');
        const alpn = version === 'h2' ? 'h2' : 'http/1.1';
        seen[alpn] = (seen[alpn] ?? 0) + 1;
        const { ip: client_ip, port: client_src_port } = client;
        await recordsWith({ client_ip, client_src_port, proxy_ip: '127.0.0.1', alpn }, seen[alpn]);
      });
    }

    it(`can say so over IPv6 (${version})`, async () => {
      for (const header of [textHeader(client6, destination6), proxied(client6, destination6)]) {
        const fields = await askBehind(header, version);
        assert.equal(fields['x-forwarded-for'], client6.ip);
        assert.equal(fields['x-forwarded-port'], '443');
      }
    });
  }

  it('may send its header byte by byte, and what follows in the same segment', async () => {
    const socket = await openProxy(bed.port);
    socket.setNoDelay(true);
    for (const byte of proxied(client, destination)) {
      socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(told(await askOverTls(socket, 'h1'))['x-forwarded-for'], client.ip);
    const joined = Buffer.concat([
      textHeader(client, destination),
      Buffer.from('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n'),
    ]);
    const answer = answerOf(await askPlain(await openProxy(plainPort), joined));
    assert.equal(told(answer)['x-forwarded-for'], client.ip);
  });

  it('says where a client of HTTP/1.0 without Host connected to', async () => {
    const bytes = Buffer.concat([textHeader(client, destination), Buffer.from('GET / HTTP/1.0\r\n\r\n')]);
    const fields = told(answerOf(await askPlain(await openProxy(plainPort), bytes)));
    assert.equal(fields.host, '198.51.100.1:8443');
    assert.equal(fields['x-forwarded-proto'], 'http');
  });

  it('speaks for itself with LOCAL, as for health checks', async () => {
    assert.equal((await askBehind(LOCAL, 'h1'))['x-forwarded-for'], '127.0.0.1');
    const bytes = Buffer.concat([LOCAL, Buffer.from('GET / HTTP/1.0\r\n\r\n')]);
    const fields = told(answerOf(await askPlain(await openProxy(plainPort), bytes)));
    assert.equal(fields['x-forwarded-for'], '127.0.0.1');
  });

  it('is not served without a header: neither over TLS nor without', async () => {
    const failed = await engine.metric('limpet_connections_failed_total', 'proxy_header');
    const requests = origin.requests.length;
    await assert.rejects(askOverTls(await openProxy(bed.port), 'h1'));
    assert.deepEqual(await askPlain(await openProxy(plainPort), Buffer.from('GET / HTTP/1.0\r\n\r\n')), '');
    await recordsWith({ ended_by: 'proxy_header', error: 'PROXY_HEADER_MALFORMED' }, 2);
    assert.equal(await engine.metric('limpet_connections_failed_total', 'proxy_header'), failed + 2);
    assert.equal(origin.requests.length, requests);
  });

  it('is not served with a header whose checksum is wrong', async () => {
    const bytes = Buffer.concat([
      proxied(client, destination, { checksum: 'wrong' }),
      Buffer.from('GET / HTTP/1.0\r\n\r\n'),
    ]);
    assert.equal(await askPlain(await openProxy(plainPort), bytes), '');
  });
});

describe('anybody else', () => {
  it('is served by the address that it has', async () => {
    const fields = told(await askOverTls(await openProxy(bed.port, UNLISTED), 'h2'));
    assert.equal(fields['x-forwarded-for'], UNLISTED);
  });

  it('is not believed: a header is no ClientHello and no request', async () => {
    const requests = origin.requests.length;
    for (const header of [textHeader(client, destination), proxied(client, destination)]) {
      const overTls = await openProxy(bed.port, UNLISTED);
      overTls.write(header);
      await assert.rejects(askOverTls(overTls, 'h1'));
      const bytes = Buffer.concat([header, Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')]);
      assert.match(await askPlain(await openProxy(plainPort, UNLISTED), bytes), /^HTTP\/1\.1 400 /);
    }
    assert.equal(origin.requests.length, requests);
  });
});

describe('a client key', () => {
  it('is of the client behind the proxy, not of the proxy', async (test) => {
    const other = await startOriginServer();
    test.after(() => other.stop());
    const servers = [
      { name: 'one', port: origin.port },
      { name: 'two', port: other.port },
    ];
    other.handler = origin.handler;
    // Else the server that is added would get its share little by little. And the load of round robin is what it gave lately: a server that has had more than its share of
    // these few clients would be passed over, as it should.
    const pool = { connection_ramp_duration: 0, lb_algorithm: 'LB_ALGORITHM_LEAST_CONNECTIONS' };
    await bed.reload({ servers, pool, virtualService: { services: [listening()] } });
    const visit = (ip: string) => askBehind(textHeader({ ip, port: 1 }, destination), 'h1');
    const counts = async (ip: string) => {
      const [before, otherBefore] = [origin.requests.length, other.requests.length];
      for (let visits = 0; visits < 4; visits++) await visit(ip);
      return [origin.requests.length - before, other.requests.length - otherBefore];
    };
    const firstOf = new Set<number>();
    for (let host = 1; host <= 4 || (firstOf.size < 2 && host <= 50); host++) {
      const [here = 0, there = 0] = await counts(`203.0.113.${host}`);
      assert.ok(here === 4 || there === 4, `one client is on one server: ${here} and ${there}`);
      firstOf.add(here);
    }
    assert.equal(firstOf.size, 2, 'clients are on both servers');
  });
});

function listening() {
  return { port: 0, enable_ssl: true, enable_http2: true, limpet_proxy_protocol_sources: ['127.0.0.0/24'] };
}
