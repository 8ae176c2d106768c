// Passive health: a server that resets every second request gets less, not none, is not marked down, and recovers by itself.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { demoConfiguration } from '@limpet/testkit';
import { createFleet, type Engine, eventually, type Fleet } from './support/engine.ts';
import { openClient } from './support/http-clients.ts';
import { type OriginServer, startOriginServer } from './support/origin-server.ts';

const CLIENTS = 8;

describe('passive health', () => {
  let fleet: Fleet;
  let servers: OriginServer[];
  let engine: Engine;
  const configuration = (lb_algorithm: string, inline_health_monitor = true) =>
    demoConfiguration({
      port: 0,
      servers: servers.map(({ port }, at) => ({ name: `web-${at}`, port })),
      certificate: fleet.certificate.certificatePem,
      key: fleet.certificate.privateKeyPem,
      persistence: false,
      monitored: false,
      pool: { lb_algorithm, inline_health_monitor },
    });
  before(async () => {
    fleet = await createFleet();
    servers = await Promise.all([startOriginServer(), startOriginServer(), startOriginServer()]);
    engine = await fleet.startEngine(configuration('LB_ALGORITHM_ROUND_ROBIN'), ['--workers', '2']);
  });
  after(async () => {
    await fleet.stop();
    await Promise.all(servers.map((server) => server.stop()));
  });

  const firstServer = async () => (await engine.runtime()).pools[0]?.servers[0];

  /** Requests that reached each server, of so many by clients that see none fail. */
  async function send(requests: number): Promise<number[]> {
    const before = servers.map((server) => server.requests.length);
    await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        const client = openClient('h1', engine.port);
        for (let at = 0; at < requests / CLIENTS; at++) assert.equal((await client.request()).status, 200);
        client.close();
      }),
    );
    return servers.map((server, at) => server.requests.length - (before[at] as number));
  }

  for (const lb_algorithm of [
    'LB_ALGORITHM_ROUND_ROBIN',
    'LB_ALGORITHM_LEAST_CONNECTIONS',
    'LB_ALGORITHM_RANDOM',
  ]) {
    it(`gives a server that fails half of its requests about a quarter of its share by ${lb_algorithm}`, async () => {
      if (lb_algorithm !== 'LB_ALGORITHM_ROUND_ROBIN') await engine.reload(configuration(lb_algorithm));
      const [failing] = servers as [OriginServer];
      let turn = 0;
      failing.handler = (request, response) => {
        if (turn++ % 2 === 0) request.socket.resetAndDestroy();
        else response.end('ok\n');
      };
      await eventually(async () => {
        await send(80);
        return (await firstServer())?.fails_often === true;
      }, 'the failures are noticed');
      const [got, ...others] = (await send(600)) as [number, number, number];
      // A quarter beside two whole shares is a ninth: 67, and as many again for those that are sent twice.
      assert.ok(got > 0, 'it gets some');
      assert.ok(got < 150, `${got} of 600`);
      for (const other of others) assert.ok(other > 200, `${others}`);
      const seen = await firstServer();
      assert.equal(seen?.oper_status, 'OPER_UP', 'it is not marked down');
      assert.equal(seen?.share, 0.25);
    });
  }

  it('gives the share back when the server answers again', async () => {
    const [failing] = servers as [OriginServer];
    failing.handler = (_request, response) => void response.end('ok\n');
    await eventually(
      async () => {
        await send(400);
        return (await firstServer())?.share === 1;
      },
      'the server has its share again',
      60_000,
    );
    assert.equal(await engine.metric('limpet_server_share', 'server="web-0"'), 1);
  });

  it('takes 503 for a failure, and 500 and 404 for answers', async () => {
    const [failing] = servers as [OriginServer];
    const counted = () => engine.metric('limpet_server_unavailable_total', 'server="web-0"');
    const client = openClient('h1', engine.port);
    const answer = async (status: number): Promise<void> => {
      for (const server of servers)
        server.handler = (_request, response) => void response.writeHead(status).end();
      // At random, one of so many misses a third of the servers once in 10^10 runs.
      for (let at = 0; at < 60; at++) assert.equal((await client.request()).status, status);
    };
    const before = await counted();
    await answer(500);
    await answer(404);
    assert.equal(await counted(), before);
    const asked = failing.requests.length;
    await answer(503);
    client.close();
    const unavailable = failing.requests.length - asked;
    assert.ok(unavailable > 0);
    assert.equal((await counted()) - before, unavailable);
  });

  it('leaves a pool alone that has it turned off', async () => {
    const [failing] = servers as [OriginServer];
    await engine.reload(configuration('LB_ALGORITHM_ROUND_ROBIN', false));
    for (const server of servers) server.handler = (_request, response) => void response.end('ok\n');
    failing.handler = (request) => request.socket.resetAndDestroy();
    const failures = await engine.metric('limpet_server_failures_total', 'server="web-0"');
    const endMs = performance.now() + 2500;
    while (performance.now() < endMs) await send(40);
    assert.ok((await engine.metric('limpet_server_failures_total', 'server="web-0"')) > failures + 10);
    assert.equal((await firstServer())?.share, 1);
  });
});
