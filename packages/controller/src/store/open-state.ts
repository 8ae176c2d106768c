// Opening the state of a Controller: its store, and the secret box with the master key that the store needs.

import type { Clock } from '../lifecycle/clock.ts';
import type { RandomSource } from '../lifecycle/random.ts';
import {
  findMasterKey,
  findOrMakeMasterKey,
  type MasterKeySource,
  masterKeyCheck,
  neededKeyId,
} from './master-key.ts';
import type { ObjectStore, StoreContents } from './object-store.ts';
import { createSecretBox, type SecretBox } from './secret-box.ts';
import { openSqliteStore } from './sqlite-store.ts';
import { stateFolder } from './state-folder.ts';

export interface OpenState {
  readonly store: ObjectStore;
  readonly box: SecretBox;
  /** As read when it was opened. */
  readonly contents: StoreContents;
  /** Whether a master key was made, which the operator should keep a copy of. */
  readonly madeMasterKey: boolean;
}

/**
 * @param folder state folder, made where it is not there.
 * @throws LimpetError STORE_LOCKED, STORE_UNREADABLE, STORE_FULL, MASTER_KEY_WRONG, MASTER_KEY_INVALID
 */
export async function openState(
  path: string,
  source: MasterKeySource,
  { clock, random }: { readonly clock: Clock; readonly random: RandomSource },
): Promise<OpenState> {
  const folder = stateFolder(path);
  const store = await openSqliteStore(path);
  try {
    const contents = await store.readAll();
    const needed = neededKeyId(contents.vault);
    if (needed !== undefined) {
      const box = createSecretBox(findMasterKey(folder, source, needed), random);
      return { store, box, contents, madeMasterKey: false };
    }
    const { key, made } = findOrMakeMasterKey(folder, source, random);
    const record = masterKeyCheck(key, random);
    await store.commit({
      atUs: clock.unixMs() * 1000,
      actor: { user: 'system' },
      summary: 'master key',
      objects: [],
      vault: [{ kind: 'put', record }],
    });
    const box = createSecretBox(key, random);
    return { store, box, contents: { ...contents, vault: [...contents.vault, record] }, madeMasterKey: made };
  } catch (error) {
    await store.close();
    throw error;
  }
}
