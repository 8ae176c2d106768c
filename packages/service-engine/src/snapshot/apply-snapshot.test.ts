import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { runCommand } from '@limpet/testkit';

describe('a worker that has a configuration in effect', () => {
  it('keeps nothing of the ticket keys that were replaced, however long the configuration stays (R5)', async () => {
    const { code, stderr } = await runCommand(process.execPath, [
      join(import.meta.dirname, 'test-former-keys.ts'),
    ]);
    assert.equal(code, 0, stderr);
  });
});
