// Installs the dependencies if need be, then runs a script with the Node that the project pins.
// This file is JavaScript because the Node of the machine may be too old to run TypeScript; it is the only one.
//
//   node scripts/with-pinned-node.mjs scripts/demo.ts [arguments]

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const pinnedNode = join(root, 'node_modules', '.bin', 'node');

/** Whether node_modules is what package-lock.json says. npm writes its own record of what it installed. */
function isInstalled() {
  const installed = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installed) || !existsSync(pinnedNode)) return false;
  return statSync(installed).mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs;
}

/** @param {readonly string[]} args */
function npm(args) {
  const result = spawnSync('npm', args, { cwd: root, encoding: 'utf8' });
  if (result.status === 0) return;
  process.stderr.write(`${result.stdout}${result.stderr}\nnpm ${args.join(' ')} failed\n`);
  process.exit(1);
}

if (!isInstalled()) {
  process.stderr.write('installing dependencies …\n');
  npm(['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  // Where npm was told not to run the install scripts of packages, the pinned Node is not there yet.
  if (!existsSync(pinnedNode)) npm(['rebuild', 'node', '--foreground-scripts', '--loglevel=error']);
  if (!existsSync(pinnedNode)) {
    process.stderr.write(
      'the pinned Node was not installed: does npm forbid install scripts (ignore-scripts)?\n',
    );
    process.exit(1);
  }
}

const child = spawn(pinnedNode, process.argv.slice(2), {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, PATH: `${dirname(pinnedNode)}:${process.env.PATH}` },
});
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  // A terminal sends Ctrl-C to the child, too; passing it on again would be a second one.
  process.on(signal, () => {
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  });
}
child.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal === null ? 1 : 128);
});
