import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';

const root = resolve(import.meta.dirname, '..');
const rows = [...readFileSync(join(root, 'docs/threat-model.md'), 'utf8').matchAll(/^\| (R\d+) +\|.*$/gm)];

describe('docs/threat-model.md', () => {
  it('has a row for each of R1 to R18', () => {
    assert.deepEqual(
      rows.map(([, requirement]) => requirement),
      Array.from({ length: 18 }, (_, index) => `R${index + 1}`),
    );
  });

  for (const [row, requirement = ''] of rows) {
    it(`names files of ${requirement} that are there and mention it`, () => {
      const files = [...row.matchAll(/`((?:test|packages|docs)\/[^`]+)`/g)].map(([, file = '']) => file);
      if (requirement !== 'R17') assert.ok(files.length > 0);
      for (const file of files) {
        assert.ok(existsSync(join(root, file)), file);
        assert.match(readFileSync(join(root, file), 'utf8'), new RegExp(`\\b${requirement}\\b`), file);
      }
    });
  }
});
