// The signals of a supervisor and the deaths around it: log rotation while a former engine drains, SIGHUP at any time, kill -9 of either.

import assert from 'node:assert/strict';
import { readdirSync, readlinkSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { TicketClient } from '@limpet/testkit';
import { useEchoBed } from './support/echo-bed.ts';
import { eventually, isAlive, refuses, type SupervisedEngine } from './support/engine.ts';
import { webSocket } from './support/steady-load.ts';

const bed = useEchoBed();

function serving({ pids }: SupervisedEngine): number {
  return pids.at(-1) as number;
}

describe('an engine under a supervisor', { concurrency: 2 }, () => {
  it('has what drains write into the new file after SIGHUP, and does not mind its death', async () => {
    const engine = await bed.fleet.startSupervised(bed.configuration(), ['--workers', '1']);
    const first = serving(engine);
    const tunnel = await webSocket(engine.port);
    await engine.upgrade();
    const logFile = engine.configFile.replace(/json$/, 'log');
    renameSync(logFile, `${logFile}.1`);
    engine.process.child.kill('SIGHUP');
    for (const pid of [first, serving(engine)])
      await eventually(() => hasOpen(pid, logFile) && !hasOpen(pid, `${logFile}.1`), 'it has the new file');
    await tunnel.stop();
    await eventually(
      () => engine.records().some(({ response_code }) => response_code === 101),
      'its last record is in the new file',
    );
    await eventually(() => !isAlive(first), 'it ends');

    const second = serving(engine);
    const other = await webSocket(engine.port);
    await engine.upgrade();
    process.kill(second, 'SIGKILL');
    await eventually(
      () => engine.process.stderr().includes('ended before its connections did'),
      'it is told',
    );
    await assert.rejects(other.stop());
    assert.equal((await new TicketClient().visit(engine.port)).status, 200);
    await engine.upgrade();
    assert.equal((await new TicketClient().visit(engine.port)).status, 200);
    assert.equal(engine.pids.length, 4);
    await engine.stop();
    assert.equal(await engine.process.exited, 0);
  });

  it('ends in order when the supervisor is killed: nothing is left behind', async () => {
    const engine = await bed.fleet.startSupervised(bed.configuration(), [
      '--workers',
      '1',
      '--drain-timeout',
      '1',
    ]);
    const tunnel = await webSocket(engine.port);
    process.kill(engine.process.child.pid as number, 'SIGKILL');
    await eventually(() => !isAlive(serving(engine)), 'the engine ends');
    await assert.rejects(tunnel.stop());
    assert.ok(await refuses(engine.port));
  });

  it('that cannot start the first time is not tried again: the supervisor ends with its exit code', async () => {
    const broken = { ...bed.configuration(), Pool: [] };
    await assert.rejects(bed.fleet.startSupervised(broken), /ended \(2\)[\s\S]*there is no Pool/);
  });

  it('reads everything after SIGHUP, however quickly they come, and also as it starts, and opens no debugger at SIGUSR1', async () => {
    const engine = await bed.fleet.startSupervised(bed.configuration(), ['--workers', '1']);
    const { child } = engine.process;
    for (let times = 0; times < 5; times++) child.kill('SIGHUP');
    await eventually(() => engine.process.stderr().includes('"event":"CONFIG_UNCHANGED"'), 'it is answered');
    // At which Node would open a debugger, for every user of the machine.
    child.kill('SIGUSR1');
    await eventually(
      () => engine.process.stderr().includes('"event":"SIGNAL_IGNORED"'),
      'the supervisor ignores SIGUSR1',
    );
    assert.doesNotMatch(engine.process.stderr(), /Debugger listening/);
    const before = engine.pids.length;
    child.kill('SIGUSR2');
    await eventually(
      () => engine.process.stderr().split('"event":"ENGINE_STARTING"').length > 2,
      'one starts',
    );
    child.kill('SIGHUP');
    await eventually(() => engine.pids.length > before, 'it serves all the same');
    assert.doesNotMatch(engine.process.stderr(), /UPGRADE_FAILED/);
    assert.equal((await new TicketClient().visit(engine.port)).status, 200);
    await engine.stop();
  });
});

/** Whether the process has the file open, under this name. */
function hasOpen(pid: number, file: string): boolean {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).some((descriptor) => {
    try {
      return readlinkSync(join(folder, descriptor)) === file;
    } catch {
      // It was closed meanwhile.
      return false;
    }
  });
}
