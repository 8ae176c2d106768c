// A configuration that could not be put into effect everywhere is told of, watched, tried again, and taken back by the former file.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type DemoConfigurationOptions, demoConfiguration, TicketClient } from '@limpet/testkit';
import { createFleet, eventually, type Fleet, type SupervisedEngine } from './support/engine.ts';
import { type OriginServer, startOriginServer } from './support/origin-server.ts';

let former: OriginServer;
let next: OriginServer;
let fleet: Fleet;
before(async () => {
  [former, next, fleet] = await Promise.all([startOriginServer(), startOriginServer(), createFleet()]);
});
after(async () => {
  await fleet.stop();
  await Promise.all([former.stop(), next.stop()]);
});

function configuration(
  server: OriginServer,
  ports: readonly number[],
  options: Partial<DemoConfigurationOptions> = {},
): Record<string, unknown[]> {
  return demoConfiguration({
    port: 0,
    servers: [{ name: server === former ? 'former' : 'next', port: server.port }],
    certificate: fleet.certificate.certificatePem,
    key: fleet.certificate.privateKeyPem,
    healthMonitor: { send_interval: 20, receive_timeout: 15 },
    virtualService: { services: ports.map((port) => ({ port, enable_ssl: true, enable_http2: true })) },
    ...options,
  });
}

/** How often an event stands in the log. */
function told(engine: SupervisedEngine, event: string): number {
  return engine.process.stderr().split(`"event":"${event}"`).length - 1;
}

async function isComplete(engine: SupervisedEngine): Promise<boolean> {
  return (JSON.parse(await engine.page('/runtime')) as { config: { complete: boolean } }).config.complete;
}

describe('a reload', () => {
  it('whose address another process takes in between is in effect but for that, and can be tried again or taken back', async () => {
    const taken = await freePort();
    const engine = await fleet.startSupervised(configuration(former, [0]), ['--workers', '2']);
    const both = configuration(next, [0, taken]);
    const held: (() => void)[] = [];
    next.handler = (_request, response) => void held.push(() => response.end('ok\n'));
    engine.replaceConfiguration(JSON.stringify(both));
    // The address is bound by then, and nobody listens on it yet.
    await eventually(() => held.length > 0, 'the new server is probed');
    const thief = createServer().listen(taken, '127.0.0.1');
    await once(thief, 'listening');
    next.handler = (_request, response) => response.end('ok\n');
    for (const release of held) release();

    await eventually(() => told(engine, 'CONFIG_INCOMPLETE') === 1, 'it is told');
    assert.match(engine.process.stderr(), new RegExp(`CONFIG_INCOMPLETE[^\\n]*127\\.0\\.0\\.1:${taken}`));
    assert.equal(await isComplete(engine), false);
    const { pools } = await engine.runtime();
    assert.deepEqual(
      pools.flatMap(({ servers }) => servers.map(({ name, oper_status }) => [name, oper_status])),
      [['next', 'OPER_UP']],
      'the servers that get traffic are those that are watched',
    );
    assert.equal((await new TicketClient().visit(engine.port)).status, 200);
    assert.ok(next.requests.includes('GET /'));
    assert.ok(!former.requests.includes('GET /'));

    // The same file again: it is not taken for unchanged.
    const [serving] = engine.pids as [number];
    process.kill(serving, 'SIGHUP');
    await eventually(() => told(engine, 'CONFIG_INCOMPLETE') === 2, 'it is tried again');
    assert.equal(told(engine, 'CONFIG_UNCHANGED'), 0);

    await engine.reload(configuration(former, [0]));
    assert.equal(await isComplete(engine), true);
    assert.equal((await new TicketClient().visit(engine.port)).status, 200);
    assert.ok(former.requests.includes('GET /'), 'the former file is in effect again');

    thief.close();
    await once(thief, 'close');
    await engine.reload(both);
    assert.equal(await isComplete(engine), true);
    for (const port of [engine.port, taken]) assert.equal((await new TicketClient().visit(port)).status, 200);
    await engine.stop();
  });
});

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return port;
}
