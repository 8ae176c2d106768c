import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type RunningProcess, runCommand, startProcess } from '@limpet/testkit';
import { eventually } from './support/engine.ts';

const root = resolve(import.meta.dirname, '..');
const start = ['--prefix', root, '--silent', 'start', '--'];
const FREE_PORTS = [
  ...['--server-ports', '0,0,0', '--controller-port', '0', '--engine-ports', '0,0', '--workers', '1'],
];

describe('npm start', () => {
  let folder: string;
  let demo: RunningProcess;
  const lines: string[] = [];
  const startDemo = async (): Promise<void> => {
    lines.length = 0;
    const started = await startProcess(
      'npm',
      [...start, '--folder', folder, ...FREE_PORTS],
      (line) => (line === 'Ctrl-C ends everything.' ? true : undefined),
      { onLine: (line) => lines.push(line), timeoutMs: 120_000 },
    );
    demo = started.process;
  };
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'limpet-demo-'));
    await startDemo();
  });
  after(async () => {
    await demo.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const command = (matching: RegExp): string => {
    const line = lines.find((candidate) => matching.test(candidate));
    assert.ok(line, `there is no command like ${matching}`);
    return line.trim();
  };
  const run = async (text: string): Promise<string> => {
    const { stdout, stderr } = await runCommand('bash', ['-c', text]);
    assert.notEqual(stdout, '', `${text}\n${stderr}`);
    return stdout.trim();
  };

  it('begins its output with one line that starts with "ready" and names engines and servers', () => {
    assert.match(
      lines[0] as string,
      /^ready: https:\/\/127\.0\.0\.1:\d+ and https:\/\/127\.0\.0\.1:\d+, before web-1 \(\d+\), web-2 \(\d+\), web-3 \(\d+\)$/,
    );
    assert.equal(lines.filter((line) => line.startsWith('ready')).length, 1);
  });

  it('prints commands that take a ticket from one engine to the other, and reach the same server', async () => {
    const first = await run(command(/-connect \S+ -sess_out/));
    assert.match(first, /^x-demo-server: web-\d$/i);
    const back = command(/s_client .*-sess_in /);
    for (let turn = 0; turn < 3; turn++) assert.equal(await run(back), first);
  });

  it('prints curl commands whose connections show one server', async () => {
    const answers = (await run(command(/curl -sk -H 'Connection: close'/))).split('\n');
    assert.equal(answers.length, 3);
    assert.equal(new Set(answers.map((line) => line.trim())).size, 1);
  });

  it('prints a loop of curl that shows several servers, also right after a client with a ticket', async () => {
    await run(command(/s_client .*-sess_in /));
    const lines = (await run(command(/^ *for i in/))).split('\n');
    const counts = lines.map((line) => /^(\d+) x-demo-server: web-\d$/i.exec(line.trim())?.[1]);
    assert.equal(
      counts.reduce((sum, count) => sum + Number(count), 0),
      30,
    );
    assert.ok(counts.length > 1);
  });

  it('prints commands that fail and heal a health check, and that show what the engines see', async () => {
    assert.match(await run(command(/fail-health$/)), /failing/);
    assert.match(await run(command(/pass-health$/)), /healthy/);
    const { pools } = JSON.parse(await run(command(/\/runtime$/))) as { pools: { persistence: unknown }[] };
    assert.deepEqual(
      pools.map(({ persistence }) => persistence),
      [{ type: 'PERSISTENCE_TYPE_TLS', profile: 'demo-persistence', recovery: 'immediate' }],
    );
    assert.match(await run(command(/grep persistence$/)), /limpet_persistence_hits_total/);
    const log = /tail -f (\S+)/.exec(command(/tail -f/))?.[1] as string;
    await eventually(
      () => readFileSync(log, 'utf8').includes('"record":"request"'),
      'records are in the log',
    );
  });

  const fromController = () => lines.filter((line) => line.includes('cookies')).map((line) => line.trim());
  const readPool = async () => {
    const [login, read] = fromController();
    await runCommand('bash', ['-c', login as string]);
    const { results } = JSON.parse(await run(read as string)) as {
      results: readonly { readonly uuid: string; readonly servers: readonly unknown[] }[];
    };
    return results[0];
  };
  let poolUuid: string | undefined;

  it('prints commands that read a pool from the Controller, and give its ticket keys a turn that clients do not notice', async () => {
    const server = await run(command(/-connect \S+ -sess_out/));
    const pool = await readPool();
    poolUuid = pool?.uuid;
    assert.equal(pool?.servers.length, 3);
    const rotate = fromController().at(-1);
    const rotated = await runCommand('bash', ['-c', `${rotate} -o /dev/null -w '%{http_code}'`]);
    assert.equal(rotated.stdout, '200', rotated.stderr);
    assert.equal(await run(command(/s_client .*-sess_in /)), server);
  });

  it('shows a page that says which server it is', async () => {
    const [, port] = /127\.0\.0\.1:(\d+)/.exec(lines[0] as string) as RegExpExecArray;
    const page = await run(`curl -sk -H 'Accept: text/html' https://127.0.0.1:${port}/`);
    assert.match(page, /^<!doctype html>/i);
    assert.match(page, /web-\d/);
    const json = await run(`curl -sk https://127.0.0.1:${port}/`);
    assert.match((JSON.parse(json) as { server: string }).server, /^web-\d$/);
  });

  // npm passes the signal to the shell that it runs the script in, and to nothing else.
  it('ends at SIGTERM to npm within ten seconds and leaves nothing running', async () => {
    assert.ok(processesWith(folder).length > 0);
    const askedAtMs = performance.now();
    demo.child.kill('SIGTERM');
    assert.equal(await demo.exited, 0);
    // A hundredth of it is usual.
    assert.ok(performance.now() - askedAtMs < 10_000);
    assert.deepEqual(processesWith(folder), []);
  });

  it('finds its state again when it is started again', async () => {
    const identity = () => {
      const { engineUuid } = JSON.parse(readFileSync(join(folder, 'engine-1/identity.json'), 'utf8'));
      return engineUuid as string;
    };
    const before = identity();
    await startDemo();
    assert.match(before, /^serviceengine-/);
    assert.equal(identity(), before);
    const pool = await readPool();
    assert.deepEqual([pool?.uuid, pool?.servers.length], [poolUuid, 3]);
    assert.match(await run(command(/-connect \S+ -sess_out/)), /^x-demo-server: web-\d$/i);
  });
});

describe('npm start with a port that is taken', () => {
  it('names the port and the option, and starts nothing', async () => {
    const taken = createServer();
    await new Promise<void>((listening) => taken.listen(0, '127.0.0.1', listening));
    const { port } = taken.address() as { port: number };
    const folder = mkdtempSync(join(tmpdir(), 'limpet-demo-'));
    try {
      for (const [option, ports] of [
        ['--engine-ports', `0,${port}`],
        ['--server-ports', `0,0,${port}`],
      ] as const) {
        const { code, stderr } = await runCommand('npm', [
          ...start,
          ...['--folder', folder, ...FREE_PORTS, option, ports],
        ]);
        assert.equal(code, 2);
        assert.match(stderr, new RegExp(`port ${port} .*taken.*${option}`));
        assert.deepEqual(processesWith(folder), []);
      }
    } finally {
      taken.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

/** Ids of processes whose command line has the text in it, this one left out. */
function processesWith(text: string): string[] {
  return readdirSync('/proc').filter((id) => {
    if (!/^\d+$/.test(id) || Number(id) === process.pid) return false;
    try {
      return readFileSync(`/proc/${id}/cmdline`, 'utf8').includes(text);
    } catch {
      return false;
    }
  });
}
