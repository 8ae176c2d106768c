// Running a Service Engine as a process: signals, the log on standard error, the ready line on standard output.

import { LimpetError } from '@limpet/model';
import { pino } from 'pino';
import { planEngineCapacity } from './engine/engine-capacity.ts';
import { logRefusal } from './engine/engine-log.ts';
import type { EngineOptions } from './engine/engine-options.ts';
import { ServiceEngine } from './engine/service-engine.ts';
import type { ParentChannel } from './supervisor/supervisor-link.ts';

/**
 * Serves until SIGTERM or SIGINT, or until its supervisor says so. Prints one JSON line `{"event":"ready",…}` on standard output once it listens;
 * SIGHUP reads the configuration again; a second SIGTERM ends it at once. Returns the exit code.
 */
export async function runServiceEngine(options: EngineOptions): Promise<number> {
  let engine: ServiceEngine | undefined;
  const log = pino(
    {
      name: options.engineName,
      base: { engine: options.engineName },
      hooks: {
        logMethod(args, method) {
          method.apply(this, args);
          const [first] = args as readonly unknown[];
          if (typeof first === 'object' && first !== null && 'event' in first) engine?.noteEvent(first);
        },
      },
    },
    pino.destination({ fd: 2, sync: true }),
  );
  try {
    const capacity = planEngineCapacity(options, process.constrainedMemory());
    engine = new ServiceEngine(options, capacity, log, options.supervised ? parentChannel() : undefined);
  } catch (error) {
    logRefusal(log, error, 'the engine cannot start');
    leaveParent();
    return error instanceof LimpetError ? 2 : 1;
  }
  let asked = false;
  const stop = (): void => {
    if (asked) engine.cut();
    else void engine.stop();
    asked = true;
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  if (options.stopWithStandardInput) process.stdin.once('end', stop).resume();
  // Else Node opens a debugger on loopback, by which every user of the machine could read the keys.
  process.on('SIGUSR1', () => log.warn({ event: 'SIGNAL_IGNORED', signal: 'SIGUSR1' }, 'no debugger'));
  process.on('SIGHUP', () => void engine.reload('SIGHUP'));
  // The main thread touches no client: a defect in what it does is no reason to end all of theirs.
  const onException = (error: unknown): void => log.error({ event: 'EXCEPTION', err: error }, 'exception');
  process.on('uncaughtException', onException);
  process.on('unhandledRejection', onException);
  try {
    const ready = await engine.start();
    if (ready !== undefined) {
      process.stdout.write(`${JSON.stringify({ event: 'ready', ...ready, pid: process.pid })}\n`);
      log.info({ event: 'READY', ...ready }, 'serving');
    }
  } catch (error) {
    logRefusal(log, error, 'the engine cannot start');
    await engine.stop();
    if (options.stopWithStandardInput) process.stdin.destroy();
    leaveParent();
    return error instanceof LimpetError ? 2 : 1;
  }
  await engine.stopped;
  if (options.stopWithStandardInput) process.stdin.destroy();
  leaveParent();
  log.info({ event: 'STOPPED' }, 'stopped');
  return 0;
}

function parentChannel(): ParentChannel {
  if (process.send === undefined) throw new LimpetError('APPLY_FAILED', 'no supervisor started this process');
  return {
    send: (message, callback) => process.send?.(message, undefined, undefined, callback),
    onMessage: (listener) => process.on('message', listener),
    onDisconnect: (listener) => process.once('disconnect', listener),
  };
}

/** The channel would keep the process. */
function leaveParent(): void {
  if (process.connected) process.disconnect();
}
