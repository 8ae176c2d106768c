// Watching files that an operator may replace at any time.

import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import type { Deadline, Deadlines } from '../lifecycle/deadlines.ts';

/** Editors and `mv` touch a file several times within this. */
const SETTLE_MS = 150;

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
