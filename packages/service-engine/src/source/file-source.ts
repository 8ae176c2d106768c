// The file source: API objects from a configuration file, ticket keys from a ring file, read again when they change or on SIGHUP.

import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { LimpetError, parseRingKeys } from '@limpet/model';
import type { Deadline, Deadlines } from '../lifecycle/deadlines.ts';
import { describeJsonPlace } from './json-place.ts';
import { readTextFile } from './read-text-file.ts';

/** A configuration of a thousand virtual services and ten thousand servers has about 5 MB. */
const CONFIG_LIMIT_BYTES = 134_217_728;
const RING_LIMIT_BYTES = 65_536;

/** Editors and `mv` touch a file several times within this. */
const SETTLE_MS = 150;

/** Reads a configuration file. @throws LimpetError CONFIG_UNREADABLE or CONFIG_NOT_JSON that names the file and, for JSON, the place. */
export function readConfigFile(path: string): unknown {
  let text: string;
  try {
    text = readTextFile(path, CONFIG_LIMIT_BYTES);
  } catch (error) {
    throw new LimpetError('CONFIG_UNREADABLE', `${path}: ${(error as NodeJS.ErrnoException).code}`, {
      cause: error,
    });
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new LimpetError('CONFIG_NOT_JSON', `${path}: ${describeJsonPlace(text)}`);
  }
}

/** Reads a ring file and checks it. @throws LimpetError KEYS_UNREADABLE or KEYS_INVALID. */
export function readRingFile(path: string): string {
  let text: string;
  try {
    text = readTextFile(path, RING_LIMIT_BYTES);
  } catch (error) {
    throw new LimpetError('KEYS_UNREADABLE', `${path}: ${(error as NodeJS.ErrnoException).code}`, {
      cause: error,
    });
  }
  try {
    parseRingKeys(text);
  } catch (error) {
    if (error instanceof LimpetError) throw new LimpetError(error.code, `${path}: ${error.detail}`);
    throw error;
  }
  return text;
}

/** Calls back when one of the files may have changed, once for a burst of changes. */
export class FileWatcher {
  readonly #deadlines: Deadlines;
  readonly #onChange: () => void;
  #watchers: FSWatcher[] = [];
  #settling: Deadline | undefined;

  constructor(deadlines: Deadlines, onChange: () => void) {
    this.#deadlines = deadlines;
    this.#onChange = onChange;
  }

  /** Replaces the set of files. Their folders are watched, since a file that is replaced by a rename is another file. */
  watch(files: readonly string[]): void {
    this.stop();
    const namesByFolder = new Map<string, Set<string>>();
    for (const file of files) {
      const path = resolve(file);
      const names = namesByFolder.get(dirname(path)) ?? new Set();
      namesByFolder.set(dirname(path), names.add(basename(path)));
    }
    for (const [folder, names] of namesByFolder) {
      try {
        const watcher = watch(folder, { persistent: false }, (_event, name) => {
          if (name === null || names.has(name)) this.#changed();
        });
        // A folder that goes away takes its watcher along; SIGHUP still works.
        watcher.on('error', () => watcher.close());
        this.#watchers.push(watcher);
      } catch {
        // No inotify watch left, or no such folder: SIGHUP still works.
      }
    }
  }

  stop(): void {
    this.#settling?.cancel();
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }

  #changed(): void {
    if (this.#settling === undefined) this.#settling = this.#deadlines.start(SETTLE_MS, this.#onChange);
    else this.#settling.restart(SETTLE_MS);
  }
}
