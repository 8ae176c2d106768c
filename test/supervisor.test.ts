// A supervisor keeps its engine alive: one that dies is started again, one that cannot start replaces nobody, addresses and keys outlive processes.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { TicketClient } from '@limpet/testkit';
import { useEchoBed } from './support/echo-bed.ts';
import { startEchoServer } from './support/echo-server.ts';
import { eventually, isAlive, refuses, type SupervisedEngine } from './support/engine.ts';
import { openClient } from './support/http-clients.ts';
import { newConnections, webSocket } from './support/steady-load.ts';

const bed = useEchoBed();

function serving({ pids }: SupervisedEngine): number {
  return pids.at(-1) as number;
}

describe('an engine under a supervisor', { concurrency: 2 }, () => {
  it('that is killed is started again, and who waited is served', async () => {
    const engine = await bed.fleet.startSupervised(bed.configuration(), ['--workers', '2']);
    process.kill(serving(engine), 'SIGKILL');
    // Nobody accepts now; the kernel completes the TCP handshakes and keeps the connections.
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const client = openClient('h1', engine.port);
        const reply = await client.request();
        client.close();
        return reply.status;
      }),
    );
    assert.deepEqual(new Set(answers), new Set([200]));
    assert.equal(engine.pids.length, 2);
    assert.match(engine.process.stderr(), /"event":"ENGINE_DIED","pid":\d+,"reason":"SIGKILL"/);
    await engine.stop();
  });

  it('keeps the one that serves where the next cannot: bad configuration, bad options', async () => {
    const optionsFile = join(bed.fleet.folder, 'options');
    writeFileSync(optionsFile, '# none yet\n--workers 1\n');
    const engine = await bed.fleet.startSupervised(bed.configuration(), ['--options-file', optionsFile]);
    const client = new TicketClient();
    const refused = async (times: number, reason: RegExp): Promise<void> => {
      engine.process.child.kill('SIGUSR2');
      const failures = () => engine.process.stderr().match(/"event":"UPGRADE_FAILED"/g)?.length ?? 0;
      await eventually(() => failures() === times, 'the upgrade fails');
      assert.match(engine.process.stderr(), reason);
      assert.equal((await client.visit(engine.port)).status, 200);
      assert.equal(engine.pids.length, 1);
    };
    engine.replaceConfiguration('{ "VirtualService": [');
    await refused(1, /CONFIG_NOT_JSON/);
    engine.replaceConfiguration(JSON.stringify(bed.configuration()));
    writeFileSync(optionsFile, '--no-such-option\n');
    await refused(2, /unknown option '--no-such-option'/);
    writeFileSync(optionsFile, '--workers 3\n');
    await engine.upgrade();
    assert.equal((await engine.runtime()).workers, 3, 'the options file is read at each start');
    await engine.stop();
  });

  it('opens and closes addresses at a reload, and has them all after the next upgrade', async () => {
    const [first, second] = [await freePort(), await freePort()];
    const withPorts = (...ports: readonly number[]) =>
      bed.configuration({
        virtualService: {
          services: ports.map((port) => ({ port, enable_ssl: true, enable_http2: true })),
        },
      });
    const engine = await bed.fleet.startSupervised(withPorts(first), ['--workers', '2']);
    const ask = async (port: number) => (await new TicketClient().visit(port)).status;
    await engine.reload(withPorts(first, second));
    assert.deepEqual([await ask(first), await ask(second)], [200, 200]);
    const load = newConnections(second);
    await engine.upgrade();
    await load.stop();
    assert.deepEqual([await ask(first), await ask(second)], [200, 200]);
    await engine.reload(withPorts(second));
    await eventually(() => refuses(first), 'the address that is gone refuses connections');
    assert.equal(await ask(second), 200);
    // Taken by another: the reload is refused, and the address is not kept.
    const taken = await bed.fleet.startEngine(bed.configuration());
    engine.replaceConfiguration(JSON.stringify(withPorts(second, taken.port)));
    await eventually(() => engine.process.stderr().includes('ADDRESS_IN_USE'), 'it is refused');
    await taken.stop();
    await eventually(() => refuses(taken.port), 'nobody listens there');
    await engine.stop();
  });

  it('without a ring file leaves its ticket keys to the next one', async () => {
    const engine = await bed.fleet.startSupervised(bed.configuration(), ['--workers', '1'], false);
    const client = new TicketClient();
    await client.visit(engine.port);
    await engine.upgrade();
    assert.equal((await client.visit(engine.port)).reused, true);
    await engine.stop();
  });

  it('is stopped by SIGTERM with what waits served, and at once by a second one', async () => {
    const engine = await bed.fleet.startSupervised(bed.configuration(), [
      '--workers',
      '1',
      '--drain-timeout',
      '60',
    ]);
    const tunnel = await webSocket(engine.port);
    const startMs = performance.now();
    engine.process.child.kill('SIGTERM');
    await eventually(() => refuses(engine.port), 'it refuses connections');
    assert.equal(engine.process.child.exitCode, null, 'it waits for the WebSocket');
    engine.process.child.kill('SIGTERM');
    assert.equal(await engine.process.exited, 0);
    assert.ok(performance.now() - startMs < 50_000, 'long before the time to drain is over');
    await assert.rejects(tunnel.stop());
    assert.ok(!isAlive(serving(engine)));
  });
});

async function freePort(): Promise<number> {
  const probe = await startEchoServer();
  probe.stop();
  return probe.port;
}
