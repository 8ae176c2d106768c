// Running a Service Engine as a process: signals, the log on standard error, the ready line on standard output.

import { LimpetError } from '@limpet/model';
import { pino } from 'pino';
import type { EngineOptions } from './options.ts';
import { logRefusal, ServiceEngine } from './service-engine.ts';

/**
 * Serves until SIGTERM or SIGINT. Prints one JSON line `{"event":"ready",…}` on standard output once it listens; SIGHUP reads the configuration
 * again. Returns the exit code.
 */
export async function runServiceEngine(options: EngineOptions): Promise<number> {
  const log = pino(
    { name: options.engineName, base: { engine: options.engineName } },
    pino.destination({ fd: 2, sync: true }),
  );
  const engine = new ServiceEngine(options, log);
  const stopSignal = new Promise<string>((resolve) => {
    process.on('SIGTERM', resolve);
    process.on('SIGINT', resolve);
    if (options.stopWithStandardInput)
      process.stdin.once('end', () => resolve('end of standard input')).resume();
  });
  process.on('SIGHUP', () => void engine.reload('SIGHUP'));
  try {
    const ready = await engine.start();
    process.stdout.write(`${JSON.stringify({ event: 'ready', ...ready, pid: process.pid })}\n`);
    log.info({ event: 'READY', ...ready }, 'serving');
  } catch (error) {
    logRefusal(log, error, 'the engine cannot start');
    await engine.stop();
    return error instanceof LimpetError ? 2 : 1;
  }
  const signal = await stopSignal;
  log.info({ event: 'DRAINING', signal }, 'draining');
  await engine.stop();
  if (options.stopWithStandardInput) process.stdin.destroy();
  log.info({ event: 'STOPPED' }, 'stopped');
  return 0;
}
