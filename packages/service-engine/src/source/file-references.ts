// File references of a standalone configuration: {"file": "…"} in place of a certificate or key, relative to the configuration file.

import { dirname, resolve } from 'node:path';
import { resolveFileReferences } from '@limpet/model';
import { readTextFile } from './read-text-file.ts';

/** As much as the schema takes of a certificate with its chain. */
const PEM_LIMIT_BYTES = 1_048_576;

/**
 * Puts the text of each file in the place of its reference.
 *
 * @throws LimpetError CONFIG_INVALID that names object and field where a file cannot be read.
 */
export function resolveConfigFiles(
  raw: unknown,
  configFile: string,
): { readonly input: unknown; readonly files: readonly string[] } {
  const folder = dirname(resolve(configFile));
  const files: string[] = [];
  const input = resolveFileReferences(raw, (path) => {
    const absolute = resolve(folder, path);
    files.push(absolute);
    return readTextFile(absolute, PEM_LIMIT_BYTES);
  });
  return { input, files };
}
