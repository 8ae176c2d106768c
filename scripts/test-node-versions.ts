// Runs the unit tests on the other Node versions that the packages promise to run on.

import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const VERSIONS = ['22', '26'];

const files = globSync('packages/*/src/**/*.test.ts').sort();
for (const version of VERSIONS) {
  const folder = mkdtempSync(join(tmpdir(), `limpet-node-${version}-`));
  try {
    const install = spawnSync(
      'npm',
      ['install', '--prefix', folder, '--no-audit', '--no-fund', `node@${version}`],
      { encoding: 'utf8' },
    );
    if (install.status !== 0) throw new Error(install.stderr);
    const run = spawnSync(
      join(folder, 'node_modules', '.bin', 'node'),
      ['--test', '--test-reporter=dot', '--test-concurrency=2', ...files],
      { encoding: 'utf8' },
    );
    if (run.status !== 0) {
      process.stderr.write(run.stdout + run.stderr);
      process.exitCode = 1;
    }
    process.stdout.write(`unit tests on Node ${version}: ${run.status === 0 ? 'passed' : 'FAILED'}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
