// Debian packages that tests and benchmarks need: installed when we may, named when we may not.

import { spawnSync } from 'node:child_process';

export interface PackageResult {
  /** Packages that are not there, and could not be installed. */
  readonly missing: readonly string[];
  /** What to run as root to install them. */
  readonly command: string;
}

/** Looks which packages are missing, and installs them if this is root. */
export function ensureDebianPackages(names: readonly string[]): PackageResult {
  let missing = names.filter((name) => !isInstalled(name));
  if (missing.length > 0 && process.getuid?.() === 0) {
    process.stderr.write(`installing ${missing.join(', ')} …\n`);
    // The second try is for a mirror that was just being updated.
    for (let attempt = 0; attempt < 2 && missing.length > 0; attempt++) {
      apt(['update']);
      apt(['install', '--yes', '--no-install-recommends', ...missing]);
      missing = missing.filter((name) => !isInstalled(name));
    }
  }
  return { missing, command: `apt-get install --no-install-recommends ${missing.join(' ')}` };
}

function isInstalled(name: string): boolean {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own syntax
  const format = '--showformat=${db:Status-Status}';
  const { stdout } = spawnSync('dpkg-query', ['--show', format, name], {
    encoding: 'utf8',
  });
  return stdout === 'installed';
}

function apt(args: readonly string[]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const result = spawnSync('apt-get', ['--quiet', ...args], { encoding: 'utf8', env });
  if (result.status !== 0) process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`);
}
