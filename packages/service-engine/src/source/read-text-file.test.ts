import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readTextFile } from './read-text-file.ts';

describe('readTextFile', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'limpet-read-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('gives a file of several chunks whole, characters across their borders included', () => {
    const text = 'größe '.repeat(40_000);
    writeFileSync(join(folder, 'text'), text);
    assert.equal(readTextFile(join(folder, 'text'), 1_000_000), text);
  });

  it('takes a file of exactly the limit, and no byte more', () => {
    writeFileSync(join(folder, 'limit'), 'x'.repeat(1000));
    assert.equal(readTextFile(join(folder, 'limit'), 1000).length, 1000);
    assert.throws(() => readTextFile(join(folder, 'limit'), 999), { code: 'EFBIG' });
  });

  it('ends at the limit of a file that never ends', () => {
    assert.throws(() => readTextFile('/dev/zero', 1_000_000), { code: 'EFBIG' });
  });

  it('says what node:fs says of a file that is not there, or is a folder', () => {
    assert.throws(() => readTextFile(join(folder, 'gone'), 10), { code: 'ENOENT' });
    assert.throws(() => readTextFile(folder, 10), { code: 'EISDIR' });
  });
});
