// Running a supervisor as a process: signals, its log on standard error, and the command line of the engines that it starts.

import { readFileSync } from 'node:fs';
import { pino } from 'pino';
import { systemClock } from './lifecycle/clock.ts';
import { Deadlines } from './lifecycle/deadlines.ts';
import { adoptSocket } from './supervisor/listening-socket.ts';
import { notifySystemd } from './supervisor/notify-systemd.ts';
import type { EngineCommand } from './supervisor/serving-engine.ts';
import { activatedDescriptors, withoutActivation } from './supervisor/socket-activation.ts';
import { Supervisor } from './supervisor/supervisor.ts';

export interface SuperviseOptions {
  /** Of `limpet engine`. */
  readonly engineOptions: readonly string[];
  /** More of them, one a line, read at each start. */
  readonly optionsFile: string | undefined;
  readonly readyTimeoutMs: number;
  readonly upgradeDrainMs: number;
  /** Stop when standard input ends. */
  readonly stopWithStandardInput: boolean;
}

/** Whether systemd has passed sockets to this process: somebody must keep them then. */
export function hasActivatedSockets(): boolean {
  return activatedDescriptors(process.env, process.pid).length > 0;
}

/** Runs engines until SIGTERM or SIGINT; SIGHUP has the configuration read again, SIGUSR2 starts the next process. Returns the exit code. */
export async function runSupervisor(options: SuperviseOptions): Promise<number> {
  const log = pino({ base: { supervisor: process.pid } }, pino.destination({ fd: 2, sync: true }));
  const activated = activatedDescriptors(process.env, process.pid).flatMap((fd) => {
    const socket = adoptSocket(fd);
    if (socket === undefined) log.warn({ fd }, 'a descriptor that systemd passed is no TCP socket');
    return socket === undefined ? [] : [socket];
  });
  if (activated.length > 0)
    log.info({ event: 'SOCKETS_PASSED', addresses: activated.map(({ address }) => address) }, 'by systemd');
  const deadlines = new Deadlines(systemClock);
  const supervisor = new Supervisor(
    activated,
    {
      command: () => engineCommand(options),
      readyTimeoutMs: options.readyTimeoutMs,
      upgradeDrainMs: options.upgradeDrainMs,
    },
    { clock: systemClock, deadlines, log, notify: (...states) => notifySystemd(process.env, states) },
  );
  let asked = false;
  const stop = (reason: string): void => {
    if (asked) supervisor.cut();
    else void supervisor.stop(reason);
    asked = true;
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('SIGHUP', () => supervisor.reload());
  process.on('SIGUSR2', () => void supervisor.upgrade());
  // Else Node opens a debugger on loopback.
  process.on('SIGUSR1', () => log.warn({ event: 'SIGNAL_IGNORED', signal: 'SIGUSR1' }, 'no debugger'));
  if (options.stopWithStandardInput) process.stdin.once('end', () => stop('end of standard input')).resume();
  const code = await supervisor.run();
  deadlines.stop();
  process.stdin.destroy();
  return code;
}

/** This command as it was called, so that new code under the same path is what the next process runs. */
function engineCommand({ engineOptions, optionsFile }: SuperviseOptions): EngineCommand {
  const program = process.argv[1];
  if (program === undefined) throw new Error('the path of this program is not known');
  const more = optionsFile === undefined ? [] : parseOptionsFile(readFileSync(optionsFile, 'utf8'));
  return {
    file: process.execPath,
    args: [...process.execArgv, program, 'engine', ...engineOptions, ...more, '--supervised'],
    environment: withoutActivation(process.env),
  };
}

/** One option a line, its value after a space; `#` begins a comment. */
function parseOptionsFile(text: string): readonly string[] {
  return text.split('\n').flatMap((line) => {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) return [];
    const space = trimmed.search(/\s/);
    return space === -1 ? [trimmed] : [trimmed.slice(0, space), trimmed.slice(space).trim()];
  });
}
