// `npm test`: what the tests need, then every test, or those that are named.

import { globSync } from 'node:fs';
import { resolve } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { compileCacheFolder } from './compile-cache-folder.ts';
import { ensureDebianPackages } from './install-debian-packages.ts';
import { testPackages } from './test-packages.ts';
import { writeUnitTestGroups } from './unit-test-groups.ts';

const TIMEOUT_MS = 240_000;

/** They begin first, so that no long one is left to run alone in the end. */
const LONGEST = [
  'cookie-recovery',
  'compatibility',
  'floods-http2',
  'floods-connections',
  'supervisor',
  'upgrade',
  'request-queue',
  'connection-limit',
  'request-smuggling',
  'fail-action',
  'ramp',
  'backup-pool',
].map((name) => `test/${name}.test.ts`);

const { missing, command } = ensureDebianPackages(testPackages);
if (missing.length > 0) {
  process.stderr.write(`missing: ${missing.join(', ')}. The tests need them; as root:\n  ${command}\n`);
  process.exit(1);
}

const named = process.argv.slice(2);
const units = named.length > 0 ? undefined : writeUnitTestGroups(4);
const system = globSync(['test/**/*.test.ts', 'benchmarks/**/*.test.ts']).sort();
const files =
  units === undefined
    ? named
    : [
        ...system.filter((file) => LONGEST.includes(file)),
        ...units.files,
        ...system.filter((file) => !LONGEST.includes(file)),
      ];

process.env.NODE_COMPILE_CACHE = compileCacheFolder;

run({
  files: files.map((file) => resolve(file)),
  // Small machines have two cores, and system tests wait most of the time, for monitors and for what is to expire.
  concurrency: 3,
  timeout: TIMEOUT_MS,
  execArgv: [`--test-timeout=${TIMEOUT_MS}`, '--import', import.meta.resolve('./end-of-tests.ts')],
})
  .on('test:fail', () => {
    process.exitCode = 1;
  })
  .on('end', () => units?.remove())
  .compose(spec)
  .pipe(process.stdout);
