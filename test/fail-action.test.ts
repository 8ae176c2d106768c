// What clients get while every server of a pool is down, or at its limit (Pool.fail_action), over both HTTP versions.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type DemoServer, demoConfiguration, startDemoServer, TicketClient } from '@limpet/testkit';
import { createFleet, type Engine, eventually, type Fleet } from './support/engine.ts';
import { startHeldServer } from './support/held-server.ts';
import { bothVersions, openClient } from './support/http-clients.ts';

describe('a pool without a server that is up', () => {
  let fleet: Fleet;
  let server: DemoServer;
  let engine: Engine;
  const configuration = (fail_action: unknown, changes: Readonly<Record<string, unknown>> = {}) =>
    demoConfiguration({
      port: 0,
      servers: [server],
      certificate: fleet.certificate.certificatePem,
      key: fleet.certificate.privateKeyPem,
      persistence: false,
      pool: { ...(fail_action === undefined ? {} : { fail_action }), ...changes },
    });
  before(async () => {
    fleet = await createFleet();
    server = await startDemoServer({ name: 'web' });
    engine = await fleet.startEngine(configuration(undefined), ['--workers', '2']);
  });
  after(async () => {
    await fleet.stop();
    await server.stop();
  });

  const setHealth = async (healthy: boolean) => {
    server.setHealthy(healthy);
    await eventually(
      async () =>
        (await engine.runtime()).pools[0]?.servers[0]?.oper_status === (healthy ? 'OPER_UP' : 'OPER_DOWN'),
      'the monitor has seen it',
    );
  };

  it('answers 503 with Retry-After where nothing is configured, and serves the connection on', async () => {
    const clients = bothVersions.map((version) => openClient(version, engine.port));
    const all = () => Promise.all(clients.map((client) => client.request()));
    for (const { status } of await all()) assert.equal(status, 200);
    await setHealth(false);
    for (const { status, headers } of await all()) {
      assert.equal(status, 503);
      assert.equal(headers['retry-after'], '1');
    }
    await setHealth(true);
    for (const { status } of await all()) assert.equal(status, 200);
    for (const client of clients) client.close();
    await setHealth(false);
  });

  for (const [code, status] of [
    ['FAIL_HTTP_STATUS_CODE_200', 200],
    ['FAIL_HTTP_STATUS_CODE_503', 503],
  ] as const) {
    it(`answers with the page that was prepared, and ${status}`, async () => {
      const file = { content_type: 'text/html; charset=utf-8', file_content: '<h1>Zurück um zwölf</h1>' };
      await engine.reload(
        configuration({ type: 'FAIL_ACTION_HTTP_LOCAL_RSP', local_rsp: { status_code: code, file } }),
      );
      for (const version of bothVersions) {
        const client = openClient(version, engine.port);
        for (let at = 0; at < 2; at++) {
          const reply = await client.request({ path: '/any?thing=1' });
          assert.equal(reply.status, status);
          assert.equal(reply.body.toString(), file.file_content);
          assert.equal(reply.headers['content-type'], file.content_type);
          assert.equal(reply.headers['cache-control'], 'no-store');
          assert.equal(reply.headers['retry-after'], status === 503 ? '1' : undefined);
        }
        const head = await client.request({ method: 'HEAD' });
        assert.equal(head.status, status);
        assert.equal(head.body.length, 0);
        assert.equal(head.headers['content-length'], String(Buffer.byteLength(file.file_content)));
        const posted = await client.request({ method: 'POST', body: Buffer.alloc(100_000) });
        assert.equal(posted.status, status);
        client.close();
      }
    });
  }

  it('redirects, with path and query of the request unless others are given', async () => {
    const cases = [
      [{ host: 'sorry.example' }, 302, 'https://sorry.example/a/b?c=d'],
      [
        { host: 'sorry.example:8080', protocol: 'HTTP', status_code: 'HTTP_REDIRECT_STATUS_CODE_301' },
        301,
        'http://sorry.example:8080/a/b?c=d',
      ],
      [
        { host: 'sorry.example', path: 'closed', query: '', status_code: 'HTTP_REDIRECT_STATUS_CODE_307' },
        307,
        'https://sorry.example/closed',
      ],
      [{ host: 'sorry.example', query: 'from=here' }, 302, 'https://sorry.example/a/b?from=here'],
    ] as const;
    for (const [redirect, status, location] of cases) {
      await engine.reload(configuration({ type: 'FAIL_ACTION_HTTP_REDIRECT', redirect }));
      for (const version of bothVersions) {
        const client = openClient(version, engine.port);
        const reply = await client.request({ path: '/a/b?c=d' });
        assert.equal(reply.status, status);
        assert.equal(reply.headers.location, location);
        assert.equal(reply.headers['cache-control'], 'no-store', 'nobody remembers it afterwards');
        client.close();
      }
    }
  });

  it('resets connections by FAIL_ACTION_CLOSE_CONN, new ones before the handshake and open ones at a request', async () => {
    await engine.reload(configuration({ type: 'FAIL_ACTION_CLOSE_CONN' }));
    await assert.rejects(new TicketClient().visit(engine.port), { code: 'ECONNRESET' });
    assert.ok((await engine.metric('limpet_connections_failed_total', 'select_server')) > 0);
    await setHealth(true);
    const clients = bothVersions.map((version) => openClient(version, engine.port));
    for (const client of clients) assert.equal((await client.request()).status, 200);
    await setHealth(false);
    for (const client of clients) {
      await assert.rejects(client.request());
      client.close();
    }
    await setHealth(true);
    assert.equal((await new TicketClient().visit(engine.port)).status, 200);
  });

  it('gives the page, and no reset, to who finds every server at its limit', async () => {
    const held = await startHeldServer('busy');
    const file = { content_type: 'text/plain', file_content: 'come back later' };
    const page = {
      type: 'FAIL_ACTION_HTTP_LOCAL_RSP',
      local_rsp: { status_code: 'FAIL_HTTP_STATUS_CODE_503', file },
    };
    const limited = (fail_action: unknown, queue: number) => ({
      ...configuration(fail_action, {
        max_concurrent_connections_per_server: 1,
        health_monitor_refs: [],
        ...(queue === 0 ? {} : { request_queue_enabled: true, request_queue_depth: queue }),
        servers: [{ ip: { addr: '127.0.0.1', type: 'V4' }, port: held.port }],
      }),
    });
    await engine.reload(limited(page, 0));
    const holder = openClient('h2', engine.port);
    const holding = holder.request({ path: '/hold' });
    await eventually(() => held.inFlight === 1, 'the place is taken');
    const bodies = async () => {
      const seen = new Set<string>();
      for (const version of bothVersions) {
        const client = openClient(version, engine.port);
        // The connection stays.
        for (let at = 0; at < 2; at++) {
          const { status, body } = await client.request();
          assert.equal(status, 503);
          seen.add(body.toString().split('\n')[0] as string);
        }
        client.close();
      }
      return [...seen];
    };
    assert.deepEqual(await bodies(), [file.file_content]);
    // A request that waits, and no room for another.
    await engine.reload(limited(page, 1));
    const waiting = holder.request();
    await eventually(async () => (await engine.metric('limpet_requests_queued')) === 1, 'one waits');
    assert.deepEqual(await bodies(), [file.file_content]);
    await engine.reload(limited({ type: 'FAIL_ACTION_CLOSE_CONN' }, 1));
    assert.deepEqual(await bodies(), ['503 Service Unavailable']);
    held.release();
    assert.deepEqual([(await holding).status, (await waiting).status], [200, 200]);
    holder.close();
    await held.stop();
  });
});
