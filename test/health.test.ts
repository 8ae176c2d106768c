// Health is one thing for all workers of an engine, and a server has it before it has traffic.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type DemoServer, demoConfiguration, startDemoServer, TicketClient } from '@limpet/testkit';
import { createFleet, type Engine, eventually, type Fleet } from './support/engine.ts';

describe('the health of servers', () => {
  let fleet: Fleet;
  let servers: DemoServer[];
  let engine: Engine;
  const configuration = (names: readonly string[]) =>
    demoConfiguration({
      port: 0,
      servers: servers.filter(({ name }) => names.includes(name)),
      certificate: fleet.certificate.certificatePem,
      key: fleet.certificate.privateKeyPem,
      pool: { connection_ramp_duration: 0 },
    });
  before(async () => {
    fleet = await createFleet();
    servers = await Promise.all(['web-1', 'web-2', 'web-3'].map((name) => startDemoServer({ name })));
    engine = await fleet.startEngine(configuration(['web-1', 'web-2']), ['--workers', '4']);
  });
  after(async () => {
    await fleet.stop();
    await Promise.all(servers.map((server) => server.stop()));
  });

  /** The servers that new clients reach, and the workers that they came by. */
  async function reach(clients: number) {
    const known = engine.records().length;
    const visits = await Promise.all(
      Array.from({ length: clients }, (_, at) =>
        new TicketClient({ servername: `c${at}.limpet.test` }).visit(engine.port),
      ),
    );
    const ofRequests = () =>
      engine
        .records()
        .slice(known)
        .filter(({ record }) => record === 'request');
    await eventually(() => ofRequests().length === clients, 'every request has its record');
    return {
      servers: new Set(visits.map(({ server }) => server)),
      workers: new Set(ofRequests().map(({ vcpu_id }) => vcpu_id)),
    };
  }

  it('is seen by every worker as soon as it is found', async () => {
    const [, second] = servers as [DemoServer, DemoServer];
    const before = await reach(60);
    assert.deepEqual([...before.servers].sort(), ['web-1', 'web-2']);
    second.setHealthy(false);
    await eventually(
      async () => (await engine.runtime()).pools[0]?.servers[1]?.oper_status === 'OPER_DOWN',
      'web-2 is down',
    );
    // Which worker accepts is the kernel's choice.
    const workers = new Set<unknown>();
    await eventually(async () => {
      const down = await reach(30);
      assert.deepEqual([...down.servers], ['web-1']);
      for (const worker of down.workers) workers.add(worker);
      return workers.size === 4;
    }, 'every worker takes part');
    second.setHealthy(true);
    await eventually(
      async () => (await engine.runtime()).pools[0]?.servers[1]?.oper_status === 'OPER_UP',
      'web-2 is up',
    );
    assert.deepEqual([...(await reach(60)).servers].sort(), ['web-1', 'web-2']);
  });

  it('of a server that is added is found before the first client gets there', async () => {
    const third = servers[2] as DemoServer;
    third.setHealthy(false);
    await engine.reload(configuration(['web-1', 'web-2', 'web-3']));
    // The configuration is in effect, and the verdict came before it.
    assert.equal((await engine.runtime()).pools[0]?.servers[2]?.oper_status, 'OPER_DOWN');
    assert.deepEqual([...(await reach(60)).servers].sort(), ['web-1', 'web-2']);
    assert.equal(third.requests, 0);
    await engine.reload(configuration(['web-1', 'web-2']));
    third.setHealthy(true);
    await engine.reload(configuration(['web-1', 'web-2', 'web-3']));
    assert.equal((await engine.runtime()).pools[0]?.servers[2]?.oper_status, 'OPER_UP');
    assert.deepEqual([...(await reach(60)).servers].sort(), ['web-1', 'web-2', 'web-3']);
  });
});
