// The connection limit of a server holds exactly over all workers, and every place comes back, however its request ends.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { demoConfiguration } from '@limpet/testkit';
import { createFleet, type Engine, eventually, type Fleet } from './support/engine.ts';
import { type HeldServer, startHeldServer } from './support/held-server.ts';
import { openClient } from './support/http-clients.ts';

const LIMIT = 3;
const CLIENTS = 16;

let fleet: Fleet;
let server: HeldServer;
before(async () => {
  fleet = await createFleet();
  server = await startHeldServer('web-1');
});
after(async () => {
  await fleet.stop();
  await server.stop();
});

function startEngine(queue: boolean): Promise<Engine> {
  const configuration = demoConfiguration({
    port: 0,
    servers: [server],
    certificate: fleet.certificate.certificatePem,
    key: fleet.certificate.privateKeyPem,
    monitored: false,
    persistence: false,
    pool: { max_concurrent_connections_per_server: LIMIT, request_queue_enabled: queue },
  });
  return fleet.startEngine(configuration, ['--workers', '2']);
}

/** Requests of both versions over many connections, until each client has made so many; returns how many had each status. */
async function load(engine: Engine, requests: number): Promise<Map<number, number>> {
  const statuses = new Map<number, number>();
  const runs = Array.from({ length: CLIENTS }, async (_, index) => {
    const client = openClient(index % 2 === 0 ? 'h1' : 'h2', engine.port);
    // An HTTP/2 client has several under way at a time.
    const streams = client.version === 'h1' ? 1 : 4;
    await Promise.all(
      Array.from({ length: streams }, async () => {
        for (let count = 0; count < requests; count++) {
          const { status } = await client.request({ path: `/?ms=${count % 4}` });
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
        }
      }),
    );
    client.close();
  });
  await Promise.all(runs);
  return statuses;
}

/** Clients that leave, at a random moment, while they wait, send, or read. */
async function abort(engine: Engine, rounds: number): Promise<void> {
  const paths = ['/?ms=5', '/hold', '/stream', '/'];
  for (let round = 0; round < rounds; round++) {
    await Promise.all(
      Array.from({ length: CLIENTS }, async (_, index) => {
        const client = openClient(index % 2 === 0 ? 'h1' : 'h2', engine.port);
        const path = paths[(index + round) % paths.length] as string;
        const sending = index % 3 === 0 ? { method: 'POST', path, body: Buffer.alloc(200_000) } : { path };
        // Closed again when it is over: one that had no socket yet when it was closed gets one all the same.
        const over = () => client.close();
        client.request(sending).then(over, over);
        if (client.version === 'h2') client.request({ path }).then(over, over);
        await new Promise((resolve) => setTimeout(resolve, (index * 7 + round * 3) % 40));
        client.close();
      }),
    );
  }
}

async function nothingIsLeft(engine: Engine): Promise<void> {
  const metrics = [
    'limpet_server_requests_active',
    'limpet_server_connections_placed',
    'limpet_requests_queued',
    'limpet_connections_open',
  ];
  await eventually(async () => {
    // HTTP/1.1 lets a client close its side and wait: what it asked for goes on until the server answers.
    server.release();
    const left = await Promise.all(metrics.map((metric) => engine.metric(metric)));
    return server.inFlight === 0 && left.every((count) => count === 0);
  }, 'nothing is at the server, nothing waits, and no connection is open');
}

/** Exactly as many as the limit says have a place. */
async function fill(engine: Engine): Promise<void> {
  const clients = Array.from({ length: LIMIT + 2 }, (_, index) =>
    openClient(index % 2 === 0 ? 'h1' : 'h2', engine.port),
  );
  const replies = clients.map((client) => client.request({ path: '/hold' }).catch(() => undefined));
  await eventually(() => server.inFlight === LIMIT, 'every place is taken');
  assert.equal(await engine.metric('limpet_server_requests_active'), LIMIT);
  let answered = false;
  void Promise.all(replies).then(() => {
    answered = true;
  });
  await eventually(() => {
    server.release();
    return answered;
  }, 'all are answered');
  for (const client of clients) client.close();
}

for (const queue of [false, true]) {
  describe(`the connection limit of a server, ${queue ? 'with' : 'without'} a request queue`, () => {
    it('is never passed, at the server itself, and is whole again after clients have left at any stage', async () => {
      const engine = await startEngine(queue);
      server.mostInFlight = 0;
      const statuses = await load(engine, 8);
      // How near it comes to the limit is chance; fill() below shows that every place is used.
      assert.ok(server.mostInFlight <= LIMIT, `${server.mostInFlight} at a time`);
      if (queue) assert.deepEqual([...statuses.keys()], [200]);
      else
        assert.ok((statuses.get(200) ?? 0) > 0 && [...statuses.keys()].every((s) => s === 200 || s === 503));
      await nothingIsLeft(engine);
      await abort(engine, 6);
      await nothingIsLeft(engine);
      server.mostInFlight = 0;
      await fill(engine);
      assert.equal(server.mostInFlight, LIMIT);
      await nothingIsLeft(engine);
      await engine.stop();
    });
  });
}
