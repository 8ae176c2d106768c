// `limpet restore`: puts a backup in place as the store of a Controller that does not run.

import { resolve } from 'node:path';
import { Command } from 'commander';
import { told } from './told.ts';

interface Flags {
  readonly state: string;
  readonly masterKey?: string;
  readonly force: boolean;
}

export function restoreCommand(): Command {
  return new Command('restore')
    .description('make a backup the store of a Controller that does not run')
    .argument('<file>', 'what limpet backup wrote')
    .requiredOption('--state <folder>', 'state folder of the Controller; made where it is not there')
    .option('--master-key <file>', 'as of limpet controller')
    .option('--force', 'replace a store that is there', false)
    .action((file: string, flags: Flags) =>
      told(async () => {
        const { restore } = await import('@limpet/controller/state');
        const source = { environment: process.env.LIMPET_MASTER_KEY, file: flags.masterKey };
        const { revision, objects, masterKeyId, masterKeyIsThere } = restore(
          resolve(flags.state),
          resolve(file),
          source,
          flags.force,
        );
        const key = masterKeyIsThere ? '' : `; before it starts it needs master key ${masterKeyId}`;
        return `restored ${flags.state}: revision ${revision}, ${objects} objects${key}`;
      }),
    );
}
