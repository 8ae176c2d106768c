// What a command that runs to its end tells: a line on standard output, or what is wrong on standard error and exit code 2.

import { LimpetError } from '@limpet/model';

export async function told(action: () => string | Promise<string>): Promise<void> {
  try {
    process.stdout.write(`${await action()}\n`);
  } catch (error) {
    if (!(error instanceof LimpetError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 2;
  }
}
