// `limpet reseal`: another master key for the secrets of a Controller that does not run.

import { resolve } from 'node:path';
import { Command } from 'commander';
import { told } from './told.ts';

export function resealCommand(): Command {
  return new Command('reseal')
    .description(
      'seal the secrets of a Controller that does not run under another master key: LIMPET_NEW_MASTER_KEY, or one that is made',
    )
    .requiredOption('--state <folder>', 'state folder of the Controller')
    .option('--master-key <file>', 'as of limpet controller')
    .action((flags: { readonly state: string; readonly masterKey?: string }) =>
      told(async () => {
        const { reseal, systemRandom } = await import('@limpet/controller/state');
        const source = { environment: process.env.LIMPET_MASTER_KEY, file: flags.masterKey };
        const { formerKeyId, keyId } = await reseal(
          resolve(flags.state),
          source,
          process.env.LIMPET_NEW_MASTER_KEY,
          systemRandom,
        );
        return `resealed ${flags.state}: master key ${keyId} in place of ${formerKeyId}; backups from before need the former`;
      }),
    );
}
