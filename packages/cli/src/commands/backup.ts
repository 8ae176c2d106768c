// `limpet backup`: the whole store of a Controller in one file, while it runs or when it does not.

import { resolve } from 'node:path';
import { Command } from 'commander';
import { told } from './told.ts';

export function backupCommand(): Command {
  return new Command('backup')
    .description('write the store of a Controller into a file, also while it runs; secrets stay sealed')
    .argument('<file>', 'a new file')
    .requiredOption('--state <folder>', 'state folder of the Controller')
    .action((file: string, flags: { readonly state: string }) =>
      told(async () => {
        const { backUp } = await import('@limpet/controller/state');
        const { revision, objects, masterKeyId } = backUp(resolve(flags.state), resolve(file));
        const key =
          masterKeyId === undefined
            ? ''
            : `; its secrets need master key ${masterKeyId}: keep a copy of that apart`;
        return `wrote ${file}: revision ${revision}, ${objects} objects${key}`;
      }),
    );
}
