// Engines of system tests: real processes, with their configuration in a folder that goes away with them.

import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  type Certificate,
  createSelfSigned,
  type RunningProcess,
  runCommand,
  startProcess,
} from '@limpet/testkit';

const main = resolve(import.meta.dirname, '../../packages/cli/src/main.ts');

interface Ready {
  readonly pid: number;
  readonly admin: string;
  readonly listeners: readonly { readonly virtual_service: string; readonly port: number }[];
}

export interface Engine {
  /** Of the first virtual service. */
  readonly port: number;
  portOf(virtualService: string): number;
  /** With access records. */
  readonly logFile: string;
  readonly process: RunningProcess;
  /** Of the metric, with these label texts in it, all series added up. */
  metric(name: string, ...labels: readonly string[]): Promise<number>;
  runtime(): Promise<Runtime>;
  /** What the admin server answers. */
  page(path: string): Promise<string>;
  /** Access records so far. */
  records(): Record<string, unknown>[];
  /** Replaces the configuration file and resolves when the engine has put it into effect. */
  reload(configuration: unknown): Promise<void>;
  /** Replaces the configuration file and does not wait. */
  replaceConfiguration(text: string): void;
  stop(): Promise<void>;
}

/** `process` is the supervisor. */
export interface SupervisedEngine extends Engine {
  readonly configFile: string;
  /** Of each engine that came to serve, in order; the last one serves. */
  readonly pids: readonly number[];
  /** Replaces the engine and resolves when the next one serves. */
  upgrade(): Promise<void>;
}

export interface Runtime {
  readonly config: { readonly version: number };
  readonly workers: number;
  readonly connections: {
    readonly limit: number;
    readonly limited_by: string;
    readonly places_taken: number;
    readonly places_limit: number;
  };
  readonly ticket_keys: { readonly rotations: number };
  readonly pools: readonly {
    readonly servers: readonly {
      readonly name: string;
      readonly oper_status: string;
      readonly share: number;
      readonly maintenance?: boolean;
      readonly fails_often?: boolean;
      readonly health_monitors: readonly { readonly failure_code?: string }[];
      readonly connections: number;
      readonly active_requests: number;
    }[];
  }[];
}

/** A folder with a ring file and a certificate, in which engines of one fleet are started. */
export interface Fleet {
  readonly folder: string;
  readonly ringFile: string;
  readonly certificate: Certificate;
  startEngine(configuration: unknown, args?: readonly string[]): Promise<Engine>;
  /** An engine under a supervisor. */
  startSupervised(
    configuration: unknown,
    args?: readonly string[],
    /** False: without the ring file. */
    withRing?: boolean,
  ): Promise<SupervisedEngine>;
  limpet(...args: readonly string[]): ReturnType<typeof runCommand>;
  /** The same where no file may grow: what a full disk does, without one. */
  limpetOnFullDisk(...args: readonly string[]): ReturnType<typeof runCommand>;
  stop(): Promise<void>;
}

export interface FleetOptions {
  /** Of Node, for its engines. */
  readonly nodeOptions?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** How many file descriptors an engine may have. */
  readonly descriptorLimit?: number;
}

export async function createFleet(fleetOptions: FleetOptions = {}): Promise<Fleet> {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-test-'));
  const ringFile = join(folder, 'ring.json');
  const limpet = (...args: readonly string[]) => runCommand(process.execPath, [main, ...args]);
  const [certificate, made] = await Promise.all([
    createSelfSigned({ dnsNames: ['localhost', 'limpet.test'] }),
    limpet('keys', 'init', ringFile),
  ]);
  if (made.code !== 0) {
    rmSync(folder, { recursive: true, force: true });
    throw new Error(made.stderr);
  }
  const engines: Engine[] = [];
  let started = 0;
  return {
    folder,
    ringFile,
    certificate,
    limpet,
    limpetOnFullDisk: (...args) =>
      runCommand('sh', ['-c', 'ulimit -f 0; exec "$@"', 'sh', process.execPath, main, ...args]),
    startEngine: async (configuration, args = []) => {
      const engine = await startEngine(
        folder,
        ringFile,
        started++,
        'engine',
        configuration,
        args,
        fleetOptions,
      );
      engines.push(engine);
      return engine;
    },
    startSupervised: async (configuration, args = [], withRing = true) => {
      const ring = withRing ? ringFile : undefined;
      const engine = await startEngine(
        folder,
        ring,
        started++,
        'supervise',
        configuration,
        args,
        fleetOptions,
      );
      engines.push(engine);
      return engine;
    },
    stop: async () => {
      await Promise.all(engines.map((engine) => engine.stop()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startEngine(
  folder: string,
  ringFile: string | undefined,
  number: number,
  command: 'engine' | 'supervise',
  configuration: unknown,
  args: readonly string[],
  { nodeOptions, environment, descriptorLimit }: FleetOptions,
): Promise<SupervisedEngine> {
  const pids: number[] = [];
  const configFile = join(folder, `engine-${number}.json`);
  const logFile = join(folder, `engine-${number}.log`);
  const replaceConfiguration = (text: string): void => {
    // As an operator should: written beside, then renamed.
    writeFileSync(`${configFile}.new`, text);
    renameSync(`${configFile}.new`, configFile);
  };
  replaceConfiguration(JSON.stringify(configuration));
  const { process: running, ready } = await startProcess(
    'sh',
    [
      ...['-c', `${descriptorLimit === undefined ? '' : `ulimit -n ${descriptorLimit}; `}exec "$@"`, 'sh'],
      ...[process.execPath, main],
      command,
      ...[
        '--config',
        configFile,
        ...(ringFile === undefined ? [] : ['--ticket-keys', ringFile]),
        '--access-log',
        logFile,
      ],
      ...['--engine-name', `engine-${number}`, '--drain-timeout', '3', ...args],
    ],
    (line) => parseReady(line),
    {
      timeoutMs: 60_000,
      env: { ...(nodeOptions === undefined ? {} : { NODE_OPTIONS: nodeOptions }), ...environment },
      onLine: (line) => pids.push(...[parseReady(line)?.pid ?? []].flat()),
    },
  );
  const port = ready.listeners[0]?.port ?? 0;
  const get = async (path: string): Promise<string> => (await fetch(ready.admin + path)).text();
  const runtime = async (): Promise<Runtime> => JSON.parse(await get('/runtime')) as Runtime;
  return {
    configFile,
    logFile,
    pids,
    upgrade: async () => {
      const before = pids.length;
      running.child.kill('SIGUSR2');
      await eventually(() => pids.length > before, 'the next engine serves');
    },
    port,
    portOf: (virtualService) =>
      ready.listeners.find(({ virtual_service }) => virtual_service === virtualService)?.port ?? 0,
    process: running,
    runtime,
    page: get,
    metric: async (name, ...labels) => {
      const series = (await get('/metrics'))
        .split('\n')
        .filter((line) => line.startsWith(`${name}{`) && labels.every((label) => line.includes(label)));
      // A misspelt name would else be a zero that never changes.
      if (series.length === 0) throw new Error(`there is no metric ${name} with ${labels.join(' and ')}`);
      return series.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
    },
    records: () =>
      readFileSync(logFile, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    replaceConfiguration,
    reload: async (next) => {
      const { version } = (await runtime()).config;
      replaceConfiguration(JSON.stringify(next));
      await eventually(
        async () => (await runtime()).config.version > version,
        'the configuration is in effect',
      );
    },
    stop: () => running.stop(),
  };
}

function parseReady(line: string): Ready | undefined {
  if (!line.startsWith('{"event":"ready"')) return undefined;
  return JSON.parse(line) as Ready;
}

/** Waits until something holds, and says what never did. It looks again every 25 ms; it never waits without looking. */
export async function eventually(
  holds: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 30_000,
): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Whether a process with this id is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Whether nobody listens on the port. */
export function refuses(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', () => resolve(true));
  });
}
