// `limpet engine`: runs a Service Engine, from a configuration file or under a Controller.

import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { availableParallelism, hostname } from 'node:os';
import type { EngineOptions } from '@limpet/service-engine';
import { Command, InvalidArgumentError, Option } from 'commander';
import { SUPERVISE_DEFAULTS } from './supervise.ts';
import { wholeNumber } from './whole-number.ts';

interface Flags {
  readonly config?: string;
  readonly controller?: string;
  readonly token?: string;
  readonly state?: string;
  readonly stateKeyFile?: string;
  readonly ticketKeys?: string;
  readonly workers: number;
  readonly memoryLimit?: number;
  readonly listenMap: EngineOptions['listenMap'];
  readonly admin: { ip: string; port: number } | 'off';
  readonly accessLog: string;
  readonly engineName: string;
  readonly engines: number;
  readonly drainTimeout: number;
  readonly withParent: boolean;
  readonly supervised: boolean;
}

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const WORKERS_MAX = 64;

export function engineCommand(): Command {
  return new Command('engine')
    .description(
      'run a Service Engine; SIGHUP or a change of a file reloads, SIGTERM drains, a second one ends at once',
    )
    .option('--config <file>', 'configuration: arrays of Avi objects, JSON; or else a Controller is named')
    .option(
      '--controller <url>',
      'API of a Controller, as https://10.0.0.5:9443, which has the configuration',
    )
    .addOption(
      new Option(
        '--token <token>',
        'enrolment token of the Controller, needed at the first start; from the environment no list of processes shows it',
      ).env('LIMPET_ENROLMENT_TOKEN'),
    )
    .option(
      '--state <folder>',
      'where identity and last configuration of an engine with a Controller are kept',
    )
    .addOption(
      new Option(
        '--state-key-file <file>',
        'what the last configuration is sealed under, at least 32 bytes; without it a key in the state folder',
      ).env('LIMPET_STATE_KEY_FILE'),
    )
    .option(
      '--ticket-keys <file>',
      'ring of ticket keys that the engines share (limpet keys init); without it tickets are good for this process only',
    )
    .option(
      '--workers <n>',
      'worker threads',
      wholeNumber(1, WORKERS_MAX),
      Math.min(availableParallelism(), WORKERS_MAX),
    )
    .addOption(
      new Option(
        '--memory-limit <bytes>',
        'memory that the engine may use, as 512M or 2G; it holds as many connections as fit (default: half of the machine, four fifths of its container)',
      ).argParser(bytes),
    )
    .addOption(
      new Option('--admin <ip:port>', 'address of /healthz, /metrics and /runtime, or "off"')
        .argParser(adminAddress)
        .default({ ip: '127.0.0.1', port: 0 }, '127.0.0.1, any free port'),
    )
    .addOption(
      new Option(
        '--listen-map <ip:port=ip:port>',
        'listen on the second address where the configuration says the first, as on a host that engines share or behind a translation of addresses; may be repeated',
      )
        .argParser(listenMapping)
        .default([], 'none'),
    )
    .option('--access-log <file>', 'where access records go: a file, "-" for standard output, or "off"', '-')
    .option('--engine-name <name>', 'name in logs and metrics', hostname())
    .option(
      '--engines <n>',
      'engines over which the virtual services are spread: connection limits are divided by it',
      wholeNumber(1, 1000),
      1,
    )
    .option(
      '--drain-timeout <seconds>',
      'how long connections may go on after SIGTERM',
      wholeNumber(0, 86_400),
      8,
    )
    .option(
      '--with-parent',
      'stop when standard input ends, as it does when the parent process is gone',
      false,
    )
    .addOption(new Option('--supervised', 'started by limpet supervise').default(false).hideHelp())
    .action(async (flags: Flags, command: Command) => {
      requireOneSource(flags, command);
      const { hasActivatedSockets, runSupervisor } = await import('@limpet/service-engine/supervisor');
      if (!flags.supervised && hasActivatedSockets()) {
        // The sockets that systemd passes are this process's; the one that serves is another, so that it can be replaced.
        const engineOptions = process.argv.slice(process.argv.indexOf('engine') + 1);
        process.exitCode = await runSupervisor({
          ...SUPERVISE_DEFAULTS,
          engineOptions: engineOptions.filter((option) => option !== '--with-parent'),
          stopWithStandardInput: flags.withParent,
        });
        return;
      }
      const options: EngineOptions = {
        engineName: flags.engineName,
        configFile: flags.config,
        controller: controllerOf(flags, command),
        ticketKeysFile: flags.ticketKeys,
        workers: flags.workers,
        listenMap: flags.listenMap,
        memoryLimitBytes: flags.memoryLimit,
        admin: flags.admin === 'off' ? undefined : flags.admin,
        accessLog: flags.accessLog,
        drainTimeoutMs: flags.drainTimeout * 1000,
        enginesPerVirtualService: flags.engines,
        stopWithStandardInput: flags.withParent,
        supervised: flags.supervised,
      };
      const { runServiceEngine } = await import('@limpet/service-engine');
      process.exitCode = await runServiceEngine(options);
    });
}

/** Ends the process with what is wrong. */
function requireOneSource(flags: Flags, command: Command): void {
  if ((flags.config === undefined) === (flags.controller === undefined))
    command.error('error: either --config or --controller is needed');
  if (flags.controller !== undefined && flags.ticketKeys !== undefined)
    command.error("error: the ticket keys of an engine with a Controller are that one's: no --ticket-keys");
  if (flags.controller !== undefined && flags.state === undefined)
    command.error('error: --controller needs a folder for its state (--state)');
}

function controllerOf(flags: Flags, command: Command): EngineOptions['controller'] {
  const { controller, state, token, stateKeyFile } = flags;
  if (controller === undefined || state === undefined) return undefined;
  if (!URL.canParse(controller) || new URL(controller).protocol !== 'https:')
    command.error('error: --controller must be a URL with https, as https://10.0.0.5:9443');
  const cacheKey = stateKeyFile === undefined ? undefined : readKeyFile(stateKeyFile, command);
  return { url: controller, token, stateFolder: state, cacheKey, engineVersion: version };
}

function readKeyFile(path: string, command: Command): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    return command.error(`error: --state-key-file ${path}: ${(error as NodeJS.ErrnoException).code}`);
  }
}

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

function bytes(text: string): number {
  const match = /^(\d{1,15})([KMG]?)$/i.exec(text);
  if (match === null)
    throw new InvalidArgumentError('It must be a number of bytes, or one with K, M or G, as 512M.');
  return Number(match[1]) * (UNITS[(match[2] as string).toUpperCase()] as number);
}

function listenMapping(text: string, former: Flags['listenMap']): Flags['listenMap'] {
  const [configured, listened, ...rest] = text.split('=');
  if (configured === undefined || listened === undefined || rest.length > 0)
    throw new InvalidArgumentError('It must be two addresses, as 10.0.0.1:443=10.0.0.7:8443.');
  return [...former, { configured: address(configured), listened: address(listened) }];
}

function adminAddress(text: string): Flags['admin'] {
  if (text === 'off') return text;
  try {
    return address(text);
  } catch {
    throw new InvalidArgumentError('It must be ip:port, as 127.0.0.1:9100, or "off".');
  }
}

function address(text: string): { ip: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([0-9.]+)):(\d{1,5})$/.exec(text);
  const ip = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3]);
  if (isIP(ip) === 0 || port > 65_535)
    throw new InvalidArgumentError('It must be ip:port, as 127.0.0.1:9100.');
  return { ip, port };
}
