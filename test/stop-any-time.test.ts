// An engine that is told to stop does so at any time: as it starts, and in the middle of a reload, whatever servers do not answer.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { demoConfiguration } from '@limpet/testkit';
import { createFleet, eventually, type Fleet, refuses } from './support/engine.ts';
import { type OriginServer, startOriginServer } from './support/origin-server.ts';

const main = resolve(import.meta.dirname, '../packages/cli/src/main.ts');
/** As long as a probe may take: a stop that waited for it would fail the test. */
const PROBE_S = 60;

let probes: number;
let silent: OriginServer;
let fleet: Fleet;
before(async () => {
  silent = await startOriginServer(() => probes++);
  fleet = await createFleet();
});
beforeEach(() => {
  probes = 0;
});
after(async () => {
  await fleet.stop();
  await silent.stop();
});

function configuration(monitored: boolean): Record<string, unknown[]> {
  return demoConfiguration({
    port: 0,
    servers: [{ name: 'silent', port: silent.port }],
    certificate: fleet.certificate.certificatePem,
    key: fleet.certificate.privateKeyPem,
    monitored,
    healthMonitor: { send_interval: 2 * PROBE_S, receive_timeout: PROBE_S },
  });
}

describe('an engine that is told to stop', () => {
  for (const signals of [1, 2]) {
    it(`by ${signals === 1 ? 'a signal' : 'two signals'} as it starts never serves, and ends with 0`, async () => {
      const file = join(fleet.folder, 'starting.json');
      writeFileSync(file, JSON.stringify(configuration(true)));
      const args = ['engine', '--config', file, '--ticket-keys', fleet.ringFile, '--workers', '1'];
      const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
      const exited = once(child, 'exit');
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
      await eventually(() => probes > 0, 'it waits for its server');
      const startMs = performance.now();
      for (let sent = 0; sent < signals; sent++) child.kill('SIGTERM');
      const [code] = await exited;
      const tookMs = performance.now() - startMs;
      assert.equal(code, 0);
      assert.ok(tookMs < 5000, `${tookMs} ms`);
      assert.doesNotMatch(output, /"event":"ready"/);
    });
  }

  it('in the middle of a reload gives the reload up, and ends with 0', async () => {
    const engine = await fleet.startEngine(configuration(false), ['--workers', '1']);
    engine.replaceConfiguration(JSON.stringify(configuration(true)));
    await eventually(() => probes > 0, 'the reload waits for its server');
    const startMs = performance.now();
    engine.process.child.kill('SIGTERM');
    assert.equal(await engine.process.exited, 0);
    const tookMs = performance.now() - startMs;
    assert.ok(tookMs < 5000, `${tookMs} ms`);
    assert.doesNotMatch(engine.process.stderr(), /CONFIG_REFUSED/, 'which is no fault of the configuration');
    assert.ok(await refuses(engine.port));
  });
});
