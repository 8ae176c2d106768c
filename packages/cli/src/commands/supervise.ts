// `limpet supervise`: keeps the listening sockets and runs an engine in a process of its own, which can be replaced without a connection lost.

import { Command } from 'commander';
import { wholeNumber } from './whole-number.ts';

interface Flags {
  readonly optionsFile?: string;
  readonly readyTimeout: number;
  readonly upgradeDrainTimeout: number;
  readonly withParent: boolean;
}

const READY_TIMEOUT_S = 60;
const UPGRADE_DRAIN_S = 600;

export const SUPERVISE_DEFAULTS = {
  optionsFile: undefined,
  readyTimeoutMs: READY_TIMEOUT_S * 1000,
  upgradeDrainMs: UPGRADE_DRAIN_S * 1000,
} as const;

export function superviseCommand(): Command {
  return new Command('supervise')
    .description(
      'run a Service Engine in a process that is restarted when it dies; SIGUSR2 replaces it, SIGHUP reloads, SIGTERM drains',
    )
    .argument('[engine-options...]', 'options of limpet engine')
    .option('--options-file <file>', 'more options of limpet engine, one a line, read at each start')
    .option(
      '--ready-timeout <seconds>',
      'how long the next engine may take until it serves',
      wholeNumber(1, 3600),
      READY_TIMEOUT_S,
    )
    .option(
      '--upgrade-drain-timeout <seconds>',
      'how long connections may go on in an engine that was replaced',
      wholeNumber(0, 86_400),
      UPGRADE_DRAIN_S,
    )
    .option(
      '--with-parent',
      'stop when standard input ends, as it does when the parent process is gone',
      false,
    )
    .allowUnknownOption()
    .action(async (engineOptions: string[], flags: Flags) => {
      const { runSupervisor } = await import('@limpet/service-engine/supervisor');
      process.exitCode = await runSupervisor({
        engineOptions,
        optionsFile: flags.optionsFile,
        readyTimeoutMs: flags.readyTimeout * 1000,
        upgradeDrainMs: flags.upgradeDrainTimeout * 1000,
        stopWithStandardInput: flags.withParent,
      });
    });
}
