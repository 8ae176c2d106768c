// Resealing: another master key for all that is sealed in a state folder, whose Controller does not run.

import { LimpetError } from '@limpet/model/errors';
import type { RandomSource } from '../lifecycle/random.ts';
import {
  findMasterKey,
  type MasterKeySource,
  neededKeyId,
  parseMasterKey,
  putNextInPlace,
  writeNextMasterKey,
} from './master-key.ts';
import { createResealing, MASTER_KEY_BYTES, masterKeyId } from './secret-box.ts';
import { openSqliteStore } from './sqlite-store.ts';
import { hasStore, stateFolder } from './state-folder.ts';

export interface Resealed {
  readonly formerKeyId: string;
  readonly keyId: string;
}

/**
 * The new key is written beside the former, then all is sealed under it in one transaction, then it takes the former's place. Whoever opens
 * the state after a crash finds which of the two the store needs (master-key.ts), so that no moment leaves it without its key.
 *
 * @param nextEnvironment value of LIMPET_NEW_MASTER_KEY; needed where the former comes from the environment, since nothing could keep another.
 * @throws LimpetError STORE_LOCKED, MASTER_KEY_WRONG, MASTER_KEY_INVALID, STORE_FULL
 */
export async function reseal(
  path: string,
  source: MasterKeySource,
  nextEnvironment: string | undefined,
  random: RandomSource,
): Promise<Resealed> {
  const folder = stateFolder(path);
  if (!hasStore(folder)) throw new LimpetError('STORE_UNREADABLE', `there is none in ${path}`);
  if (source.environment !== undefined && nextEnvironment === undefined) {
    throw new LimpetError(
      'MASTER_KEY_INVALID',
      'the present one comes from LIMPET_MASTER_KEY; give the new one in LIMPET_NEW_MASTER_KEY (openssl rand -base64 32)',
    );
  }
  const store = await openSqliteStore(path);
  try {
    const needed = neededKeyId((await store.readAll()).vault);
    if (needed === undefined) throw new LimpetError('STORE_UNREADABLE', 'it has no secrets yet');
    const former = findMasterKey(folder, source, needed);
    const next =
      nextEnvironment === undefined
        ? random.bytes(MASTER_KEY_BYTES)
        : parseMasterKey(nextEnvironment, 'LIMPET_NEW_MASTER_KEY');
    if (masterKeyId(next) === needed)
      throw new LimpetError('MASTER_KEY_INVALID', 'the new one is the present one');
    const inFile = source.environment === undefined;
    if (inFile) writeNextMasterKey(folder, source, next);
    await store.reseal(createResealing(former, next, random));
    if (inFile) putNextInPlace(folder, source);
    return { formerKeyId: needed, keyId: masterKeyId(next) };
  } finally {
    await store.close();
  }
}
