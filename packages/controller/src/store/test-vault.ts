// Test support: a vault in memory, whose disk can fail.

import type { Commit, ObjectStore, VaultRecord } from './object-store.ts';

export interface TestVault extends Pick<ObjectStore, 'commit'> {
  readonly commits: readonly Commit[];
  readonly records: readonly VaultRecord[];
  /** Until it is mended, commits reject. */
  fail(error: Error | undefined): void;
}

export function createTestVault(): TestVault {
  const records = new Map<string, VaultRecord>();
  const commits: Commit[] = [];
  let failure: Error | undefined;
  return {
    commits,
    get records() {
      return [...records.values()];
    },
    fail: (error) => {
      failure = error;
    },
    commit: async (commit) => {
      if (failure !== undefined) throw failure;
      commits.push(commit);
      for (const edit of commit.vault) {
        if (edit.kind === 'put') records.set(`${edit.record.kind}/${edit.record.id}`, edit.record);
        else records.delete(`${edit.recordKind}/${edit.id}`);
      }
      return 0;
    },
  };
}
