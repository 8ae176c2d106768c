// Test support: a vault in memory, and a secret box under a key of its own.

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { LimpetError } from '@limpet/model';
import type { Commit, ObjectStore, VaultRecord } from './object-store.ts';
import type { SecretBox } from './secret-box.ts';

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

export function createTestSecretBox(key = randomBytes(32)): SecretBox {
  return {
    seal: (purpose, secret) => {
      const iv = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(purpose));
      const sealed = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
      return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64');
    },
    open: (purpose, sealed) => {
      const bytes = Buffer.from(sealed, 'base64');
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12))
        .setAAD(Buffer.from(purpose))
        .setAuthTag(bytes.subarray(12, 28));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8');
      } catch {
        throw new LimpetError('SECRET_UNREADABLE');
      }
    },
  };
}
