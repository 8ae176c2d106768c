// Running a Controller as a process: signals, the log on standard error, the ready line on standard output.

import { LimpetError } from '@limpet/model';
import { pino } from 'pino';
import { Controller } from './controller.ts';
import type { ControllerOptions } from './options.ts';

/**
 * Serves until SIGTERM or SIGINT. Prints one JSON line `{"event":"ready",…}` on standard output once it listens; a second SIGTERM ends it at
 * once. Returns the exit code.
 */
export async function runController(options: ControllerOptions): Promise<number> {
  const log = pino({ name: 'limpet-controller', base: {} }, pino.destination({ fd: 2, sync: true }));
  const controller = new Controller(options, log, {
    adminPassword: process.env.LIMPET_ADMIN_PASSWORD,
    masterKey: process.env.LIMPET_MASTER_KEY,
  });
  // What is started from here on has no use for them, and they are secrets.
  delete process.env.LIMPET_ADMIN_PASSWORD;
  delete process.env.LIMPET_MASTER_KEY;
  const stopped = Promise.withResolvers<void>();
  let asked = false;
  const stop = (): void => {
    if (asked) controller.cut();
    else void controller.stop().then(stopped.resolve, stopped.reject);
    asked = true;
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  if (options.stopWithStandardInput) process.stdin.once('end', stop).resume();
  // Else Node opens a debugger on loopback, by which every user of the machine could read the keys.
  process.on('SIGUSR1', () => log.warn({ event: 'SIGNAL_IGNORED', signal: 'SIGUSR1' }, 'no debugger'));
  const onException = (error: unknown): void => log.error({ event: 'EXCEPTION', err: error }, 'exception');
  process.on('uncaughtException', onException);
  process.on('unhandledRejection', onException);
  try {
    const ready = await controller.start();
    process.stdout.write(`${JSON.stringify({ event: 'ready', ...ready, pid: process.pid })}\n`);
    log.info({ event: 'READY', listen: ready.listen, engine_listen: ready.engine_listen }, 'serving');
  } catch (error) {
    const known = error instanceof LimpetError;
    log.fatal(
      known ? { event: error.code, detail: error.detail } : { err: error },
      'the Controller cannot start',
    );
    await controller.stop();
    // Else the process waits for the end of it.
    if (options.stopWithStandardInput) process.stdin.destroy();
    return known ? 2 : 1;
  }
  await stopped.promise;
  if (options.stopWithStandardInput) process.stdin.destroy();
  log.info({ event: 'STOPPED' }, 'stopped');
  return 0;
}
