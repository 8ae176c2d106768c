// Crash safety: an exception ends its own connection only, a worker that dies is replaced, and what the main thread suffers no client notices.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { demoConfiguration, TicketClient } from '@limpet/testkit';
import { createFleet, type Engine, eventually, type Fleet } from './support/engine.ts';
import { type HttpClient, openClient } from './support/http-clients.ts';
import { type OriginServer, startOriginServer } from './support/origin-server.ts';

const faults = mkdtempSync(join(tmpdir(), 'limpet-faults-'));
const preload = pathToFileURL(join(import.meta.dirname, 'support/faults.ts')).href;

let origin: OriginServer;
let fleet: Fleet;
before(async () => {
  mkdirSync(faults, { recursive: true });
  origin = await startOriginServer();
  fleet = await createFleet({
    // A heap that is full soon.
    nodeOptions: `--import=${preload} --max-old-space-size=100`,
    environment: { LIMPET_FAULTS: faults },
  });
});
after(async () => {
  await fleet.stop();
  await origin.stop();
  for (const left of [faults, `${faults}.armed`]) rmSync(left, { recursive: true, force: true });
});

function startEngine(workers: number, pool: Readonly<Record<string, unknown>> = {}): Promise<Engine> {
  return fleet.startEngine(
    demoConfiguration({
      port: 0,
      servers: [{ name: 'origin', port: origin.port }],
      certificate: fleet.certificate.certificatePem,
      key: fleet.certificate.privateKeyPem,
      monitored: false,
      httpProfile: { keepalive_timeout: 60_000 },
      pool,
    }),
    ['--workers', String(workers)],
  );
}

function isPending(name: string): boolean {
  return existsSync(join(faults, name));
}

/** Asks for the fault, and waits until the engine's thread has seen that. */
async function arm(name: string): Promise<void> {
  // Of the fault before.
  rmSync(`${faults}.armed`, { force: true });
  writeFileSync(join(faults, name), '');
  // It strikes at once, or says that it will.
  await eventually(() => !isPending(name) || existsSync(`${faults}.armed`), 'the fault is armed');
}

/** Connects and asks once; what comes of it is the victim's own affair. */
async function visit(engine: Engine, client: TicketClient): Promise<void> {
  const deadline = new Promise((_, reject) =>
    setTimeout(() => reject(new Error('still open')), 8000).unref(),
  );
  await Promise.race([client.visit(engine.port), deadline]).catch(() => {});
}

describe('an exception', () => {
  it('at any stage ends its own connection or request, and nothing else', async (context) => {
    const engine = await startEngine(1);
    const h1 = openClient('h1', engine.port);
    const h2 = openClient('h2', engine.port);
    const witnesses = async (): Promise<void> => {
      for (const client of [h1, h2]) assert.equal((await client.request()).status, 200);
    };
    await witnesses();
    for (const stage of ['hello', 'ticket', 'handshake', 'connect', 'record']) {
      await context.test(stage, async () => {
        const client = new TicketClient();
        await client.visit(engine.port);
        // So that the victim's request needs a connection of its own to the server.
        const held: (() => void)[] = [];
        origin.handler = (_request, response) => void held.push(() => response.end('late\n'));
        const busy = stage === 'connect' ? h2.request() : undefined;
        if (busy !== undefined) await eventually(() => held.length === 1, 'the idle connection is in use');
        origin.handler = (_request, response) => response.end('ok\n');
        await arm(stage);
        await visit(engine, client);
        assert.ok(!isPending(stage), 'the fault has struck');
        for (const end of held) end();
        if (busy !== undefined) assert.equal((await busy).status, 200);
        await witnesses();
        assert.equal((await client.visit(engine.port)).status, 200);
        await eventually(
          async () => (await engine.metric('limpet_connections_open')) === 2,
          'only the witnesses are open',
        );
        assert.equal(await engine.metric('limpet_server_requests_active'), 0);
      });
    }
    assert.match(engine.process.stderr(), /exception: injected: ticket/);
    assert.doesNotMatch(engine.process.stderr(), /a worker ended/);
    h1.close();
    h2.close();
    await engine.stop();
  });

  it('in the handling of an HTTP/2 stream ends that stream, and no other of its connection', async () => {
    const engine = await startEngine(1);
    const [client, witness] = [openClient('h2', engine.port), openClient('h1', engine.port)];
    assert.equal((await client.request()).status, 200);
    // Its neighbour has the idle connection to the server, so that the next stream needs one of its own.
    const held: (() => void)[] = [];
    origin.handler = (_request, response) => void held.push(() => response.end('late\n'));
    const neighbour = client.request();
    await eventually(() => held.length === 1, 'the neighbour is at the server');
    origin.handler = (_request, response) => response.end('ok\n');
    await arm('connect');
    await assert.rejects(client.request(), /INTERNAL_ERROR/);
    assert.ok(!isPending('connect'), 'the fault has struck');
    assert.equal((await witness.request()).status, 200);
    assert.equal((await client.request()).status, 200);
    for (const end of held) end();
    assert.equal((await neighbour).status, 200);
    assert.equal(await engine.metric('limpet_server_requests_active'), 0);
    client.close();
    witness.close();
    await engine.stop();
  });

  it('in a promise that nobody awaits is logged, in a worker and in the main thread, and serving goes on', async () => {
    const engine = await startEngine(1);
    const client = openClient('h1', engine.port);
    for (const name of ['worker-rejection', 'main-rejection']) {
      await arm(name);
      await eventually(() => engine.process.stderr().includes(`injected: ${name}`), 'it is logged');
      assert.equal((await client.request()).status, 200);
    }
    client.close();
    await engine.stop();
  });
});

describe('a thread of an engine', () => {
  it('that dies of a full heap is replaced; its siblings serve on, and its counts are given back', async () => {
    const engine = await startEngine(2);
    // As many as it takes to have some on either worker: which one accepts is the kernel's choice.
    const clients: HttpClient[] = [];
    const workers = () => new Set(engine.records().map(({ vcpu_id }) => vcpu_id)).size;
    await eventually(async () => {
      if (clients.length < 200) {
        const more = Array.from({ length: 8 }, () => openClient('h1', engine.port));
        clients.push(...more);
        await Promise.all(more.map((client) => client.request()));
      }
      return clients.length >= 16 && workers() === 2;
    }, 'either worker has connections');
    assert.equal(await engine.metric('limpet_server_connections_placed'), clients.length);
    await arm('worker-heap');
    await eventually(() => engine.process.stderr().includes('a worker ended'), 'the worker dies', 30_000);
    assert.match(engine.process.stderr(), /out of memory|heap/i);
    // Those of the worker that lives know nothing of it.
    const left = await engine.metric('limpet_server_connections_placed');
    assert.ok(left > 0 && left < clients.length, `${left} connections are left`);
    const outcomes = await Promise.allSettled(clients.map((client) => client.request()));
    const served = outcomes.filter(
      (outcome) => outcome.status === 'fulfilled' && outcome.value.status === 200,
    );
    assert.ok(served.length >= left);
    await eventually(async () => (await engine.runtime()).workers === 2, 'it is replaced');
    await Promise.all(
      Array.from({ length: 24 }, async () => {
        const client = openClient('h1', engine.port);
        assert.equal((await client.request()).status, 200);
        client.close();
      }),
    );
    for (const client of clients) client.close();
    await eventually(
      async () => (await engine.metric('limpet_server_connections_placed')) === 0,
      'nothing is counted any more',
    );
    assert.equal(await engine.metric('limpet_connections_open'), 0);
    await engine.stop();
  });

  it('that dies gives back the places at servers and in the queue that its requests had; the others get theirs', async () => {
    const engine = await startEngine(2, {
      max_concurrent_connections_per_server: 2,
      request_queue_enabled: true,
    });
    const held: (() => void)[] = [];
    origin.handler = (_request, response) => void held.push(() => response.end('late\n'));
    const clients = Array.from({ length: 20 }, () => openClient('h1', engine.port));
    const asked = clients.map((client) => client.request());
    const outcomes = Promise.allSettled(asked);
    await eventually(
      async () => held.length === 2 && (await engine.metric('limpet_requests_queued')) === 18,
      'two are at the server, the others wait',
    );
    await arm('worker-heap');
    await eventually(() => engine.process.stderr().includes('a worker ended'), 'a worker dies', 30_000);
    origin.handler = (_request, response) => response.end('ok\n');
    for (const release of held) release();
    // Whoever was on the worker that lives is served; the others see their connection closed.
    for (const outcome of await outcomes)
      if (outcome.status === 'fulfilled') assert.equal(outcome.value.status, 200);
    for (const client of clients) client.close();
    const counters = [
      'limpet_requests_queued',
      'limpet_server_requests_active',
      'limpet_server_connections_placed',
      'limpet_connections_open',
    ];
    for (const counter of counters)
      await eventually(async () => (await engine.metric(counter)) === 0, `${counter} is back at zero`);
    await eventually(async () => (await engine.runtime()).workers === 2, 'it is replaced');
    // Were a place lost, one of these would wait for it.
    const later = Array.from({ length: 8 }, () => openClient('h1', engine.port));
    for (const { status } of await Promise.all(later.map((client) => client.request())))
      assert.equal(status, 200);
    for (const client of later) client.close();
    await engine.stop();
  });

  it('the main one, may be stuck: the workers serve on', async () => {
    const engine = await startEngine(1);
    const client = openClient('h1', engine.port);
    await client.request();
    await arm('main-stuck');
    assert.ok(!isPending('main-stuck'));
    let answered = false;
    const answer = engine.metric('limpet_workers').then(() => {
      answered = true;
    });
    for (let turn = 0; turn < 20; turn++) assert.equal((await client.request()).status, 200);
    assert.equal((await new TicketClient().visit(engine.port)).status, 200);
    assert.equal(answered, false, 'the main thread has answered nobody meanwhile');
    writeFileSync(join(faults, 'main-go-on'), '');
    await answer;
    rmSync(join(faults, 'main-go-on'));
    client.close();
    await engine.stop();
  });
});
