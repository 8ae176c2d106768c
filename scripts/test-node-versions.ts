// Runs the unit tests on the other Node versions that the packages promise to run on.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileCacheFolder } from './compile-cache-folder.ts';
import { writeUnitTestGroups } from './unit-test-groups.ts';

const VERSIONS = ['22', '26'];

const endOfTests = import.meta.resolve('./end-of-tests.ts');

interface Outcome {
  readonly passed: boolean;
  readonly output: string;
}

function runToEnd(command: string, args: readonly string[]): Promise<Outcome> {
  const env = { ...process.env, NODE_COMPILE_CACHE: compileCacheFolder };
  return new Promise((resolve) => {
    execFile(command, args, { env, maxBuffer: 64 << 20 }, (error, stdout, stderr) =>
      resolve({ passed: error === null, output: stdout + stderr }),
    );
  });
}

async function testOn(version: string, files: readonly string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), `limpet-node-${version}-`));
  try {
    const install = ['install', '--prefix', folder, '--no-audit', '--no-fund', `node@${version}`];
    const installed = await runToEnd('npm', install);
    if (!installed.passed) throw new Error(installed.output);
    const node = join(folder, 'node_modules', '.bin', 'node');
    const options = ['--test', '--test-reporter=dot', '--test-concurrency=1', '--import', endOfTests];
    const { passed, output } = await runToEnd(node, [...options, ...files]);
    if (!passed) {
      process.stderr.write(output);
      process.exitCode = 1;
    }
    process.stdout.write(`unit tests on Node ${version}: ${passed ? 'passed' : 'FAILED'}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// Several processes: Node 22 takes minutes more for thousands of tests in one.
const units = writeUnitTestGroups(8);
try {
  // At the same time: one is tested while the other is still being installed.
  await Promise.all(VERSIONS.map((version) => testOn(version, units.files)));
} finally {
  units.remove();
}
