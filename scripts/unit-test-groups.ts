// Unit tests in few processes: starting Node and reading the sources costs more than most of these files do.

import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface UnitTestGroups {
  /** Modules that each import the tests of a group. */
  readonly files: readonly string[];
  remove(): void;
}

/** One after another in a process, in the order of their names; a failure says its own file and line all the same. */
export function writeUnitTestGroups(count: number): UnitTestGroups {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-unit-tests-'));
  const tests = globSync('packages/*/src/**/*.test.ts').sort();
  const groups = Array.from({ length: count }, (_, group) => ({
    file: join(folder, `unit-tests-${group + 1}.mjs`),
    // In turn: neighbours are of one kind, and some kinds take long.
    tests: tests.filter((_, index) => index % count === group),
  }));
  for (const { file, tests } of groups) {
    const imports = tests.map((test) => `import ${JSON.stringify(pathToFileURL(resolve(test)).href)};\n`);
    writeFileSync(file, imports.join(''));
  }
  return {
    files: groups.map(({ file }) => file),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
