// The files of a standalone engine, read and checked as far as a file can be: a configuration with what it refers to, and a ring of ticket keys.

import { dirname, resolve } from 'node:path';
import { LimpetError, parseRingKeys, resolveFileReferences } from '@limpet/model';
import { describeJsonPlace } from './json-place.ts';
import { readTextFile } from './read-text-file.ts';

/** A configuration of a thousand virtual services and ten thousand servers has about 5 MB. */
const CONFIG_LIMIT_BYTES = 134_217_728;
/** As much as the schema takes of a certificate with its chain. */
const PEM_LIMIT_BYTES = 1_048_576;
const RING_LIMIT_BYTES = 65_536;

export interface ConfigurationInput {
  /** Arrays of API objects by type, as loadConfig takes them. */
  readonly input: unknown;
  /** Absolute paths of the files that it refers to. */
  readonly files: readonly string[];
}

/**
 * Reads a configuration file, and puts the text of another in the place of each `{"file": "…"}`, relative to its folder.
 *
 * @throws LimpetError CONFIG_UNREADABLE, CONFIG_NOT_JSON with the place, or CONFIG_INVALID that names object and field of a reference that
 * leads nowhere.
 */
export function readConfiguration(configFile: string): ConfigurationInput {
  const text = readNamed(configFile, CONFIG_LIMIT_BYTES, 'CONFIG_UNREADABLE');
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    throw new LimpetError('CONFIG_NOT_JSON', `${configFile}: ${describeJsonPlace(text)}`);
  }
  const folder = dirname(resolve(configFile));
  const files: string[] = [];
  const input = resolveFileReferences(raw, (path) => {
    const absolute = resolve(folder, path);
    files.push(absolute);
    return readTextFile(absolute, PEM_LIMIT_BYTES);
  });
  return { input, files };
}

/** Reads a ring file and checks it. @throws LimpetError KEYS_UNREADABLE or KEYS_INVALID. */
export function readRingFile(path: string): string {
  const text = readNamed(path, RING_LIMIT_BYTES, 'KEYS_UNREADABLE');
  try {
    parseRingKeys(text);
  } catch (error) {
    if (error instanceof LimpetError) throw new LimpetError(error.code, `${path}: ${error.detail}`);
    throw error;
  }
  return text;
}

function readNamed(path: string, limitBytes: number, code: 'CONFIG_UNREADABLE' | 'KEYS_UNREADABLE'): string {
  try {
    return readTextFile(path, limitBytes);
  } catch (error) {
    throw new LimpetError(code, `${path}: ${(error as NodeJS.ErrnoException).code}`, { cause: error });
  }
}
