#!/usr/bin/env node
// The `limpet` command: reads the command line and starts what it names.

import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { backupCommand } from './commands/backup.ts';
import { checkCommand } from './commands/check.ts';
import { controllerCommand } from './commands/controller.ts';
import { engineCommand } from './commands/engine.ts';
import { keysCommand } from './commands/keys.ts';
import { resealCommand } from './commands/reseal.ts';
import { restoreCommand } from './commands/restore.ts';
import { superviseCommand } from './commands/supervise.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('limpet')
  .description(
    'An HTTPS load balancer whose clients return to their own server through their TLS session ticket',
  )
  .version(version)
  .exitOverride()
  .showHelpAfterError()
  .addCommand(engineCommand())
  .addCommand(controllerCommand())
  .addCommand(superviseCommand())
  .addCommand(keysCommand())
  .addCommand(checkCommand())
  .addCommand(backupCommand())
  .addCommand(restoreCommand())
  .addCommand(resealCommand());

// Commander hands its settings on to those commands only that it makes itself.
function inheritSettings(parent: Command): void {
  for (const command of parent.commands) {
    command.copyInheritedSettings(parent);
    inheritSettings(command);
  }
}
inheritSettings(program);

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // Commander has printed what is wrong; a wrong command line is exit code 2.
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}
