// `limpet check`: validates a configuration file without starting anything.

import { describeProblem, LimpetError, loadConfig } from '@limpet/model';
import { readConfiguration, systemClock } from '@limpet/service-engine';
import { Command } from 'commander';

export function checkCommand(): Command {
  return new Command('check')
    .description('validate a configuration file without starting anything; exit code 2 when it is not valid')
    .requiredOption('--config <file>', 'configuration: arrays of Avi objects, JSON')
    .action(({ config }: { config: string }) => {
      try {
        const { input } = readConfiguration(config);
        const { compiled, notices } = loadConfig(input, { nowS: Math.floor(systemClock.unixMs() / 1000) });
        for (const notice of notices) process.stderr.write(`warning: ${describeProblem(notice)}\n`);
        const { virtualServices, pools, hash } = compiled.snapshot;
        process.stdout.write(
          `valid: ${virtualServices.length} virtual services, ${pools.length} pools, hash ${hash.slice(0, 12)}\n`,
        );
      } catch (error) {
        if (!(error instanceof LimpetError)) throw error;
        for (const problem of error.problems) process.stderr.write(`error: ${describeProblem(problem)}\n`);
        // Where it is the file as a whole, the message names it.
        const where = error.problems.length > 0 ? `${config}: ` : '';
        process.stderr.write(`${where}${error.message}\n`);
        process.exitCode = 2;
      }
    });
}
