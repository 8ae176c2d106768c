// File references of a standalone configuration: {"file": "…"} in place of a certificate or key, relative to the configuration file.

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { resolveFileReferences } from '@limpet/model';

/**
 * Puts the text of each file in the place of its reference.
 *
 * @throws LimpetError CONFIG_INVALID that names object and field where a file cannot be read.
 */
export async function resolveConfigFiles(
  raw: unknown,
  configFile: string,
): Promise<{ readonly input: unknown; readonly files: readonly string[] }> {
  const folder = dirname(resolve(configFile));
  const files: string[] = [];
  const input = resolveFileReferences(raw, (path) => {
    const absolute = resolve(folder, path);
    files.push(absolute);
    return readFileSync(absolute, 'utf8');
  });
  return { input, files };
}
