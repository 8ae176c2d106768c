// `npm run check`: types, formatter and linter, generated references; all are run, and all that fail are named.

import { spawnSync } from 'node:child_process';

const checks: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ['types', 'node_modules/.bin/tsc', '--noEmit'],
  ['format and lint', 'node_modules/.bin/biome', 'ci', '.'],
  ['references', process.execPath, 'scripts/generate-reference.ts', '--check'],
];

const failed: string[] = [];
for (const [name, command, ...args] of checks) {
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) failed.push(name);
}
if (failed.length > 0) {
  process.stderr.write(`failed: ${failed.join(', ')}\n`);
  process.exitCode = 1;
}
