// `npm test`: what the tests need, then every test, or those that are named.

import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { ensureDebianPackages } from './install-debian-packages.ts';
import { testPackages } from './test-packages.ts';

const named = process.argv.slice(2);
const files =
  named.length > 0
    ? named
    : globSync(['packages/*/src/**/*.test.ts', 'test/**/*.test.ts', 'benchmarks/**/*.test.ts']).sort();

const { missing, command } = ensureDebianPackages(testPackages);
if (missing.length > 0) {
  process.stderr.write(`missing: ${missing.join(', ')}. The tests need them; as root:\n  ${command}\n`);
  process.exit(1);
}

// Two files at a time: system tests start several processes each, and small machines have two cores.
const { status } = spawnSync(
  process.execPath,
  ['--test', '--test-reporter=spec', '--test-concurrency=2', '--test-timeout=240000', ...files],
  { stdio: 'inherit' },
);
process.exitCode = status ?? 1;
