// The file source: API objects from a configuration file, ticket keys from a ring file; a change of one of them is news.

import { type LoadedConfig, loadConfig } from '@limpet/model';
import type { Clock } from '../lifecycle/clock.ts';
import type { Deadlines } from '../lifecycle/deadlines.ts';
import type { RingTexts } from '../session-ticket/ring-texts.ts';
import { readConfiguration, readRingFile } from './configuration-files.ts';
import type { ConfigurationSource, Delivery } from './configuration-source.ts';
import { FileWatcher } from './file-watcher.ts';

export interface FileSourceOptions {
  readonly configFile: string;
  /** Absent: no ticket keys are delivered. */
  readonly ticketKeysFile: string | undefined;
  readonly enginesPerVirtualService: number;
}

export class FileSource implements ConfigurationSource {
  readonly #options: FileSourceOptions;
  readonly #clock: Clock;
  readonly #watcher: FileWatcher;
  /** The last that was valid, whether it came into effect or not: what the next has in common with it is not compiled again. */
  #loaded: LoadedConfig | undefined;
  #onNews: () => void = () => {};

  constructor(options: FileSourceOptions, clock: Clock, deadlines: Deadlines) {
    this.#options = options;
    this.#clock = clock;
    this.#watcher = new FileWatcher(deadlines, () => this.#onNews());
  }

  start(onNews: () => void): void {
    this.#onNews = onNews;
  }

  async take(): Promise<Delivery> {
    const { configFile, ticketKeysFile, enginesPerVirtualService } = this.#options;
    const { input, files } = readConfiguration(configFile);
    // From here on, since what they hold may change while the rest is read.
    this.#watcher.watch([configFile, ...files, ...(ticketKeysFile === undefined ? [] : [ticketKeysFile])]);
    const nowS = Math.floor(this.#clock.unixMs() / 1000);
    this.#loaded = loadConfig(input, { enginesPerVirtualService, nowS }, this.#loaded);
    const { compiled, notices } = this.#loaded;
    const rings: RingTexts | undefined =
      ticketKeysFile === undefined ? undefined : { kind: 'one', text: readRingFile(ticketKeysFile) };
    // Nobody waits behind a file but the operator, who reads the log.
    return { compiled, notices, rings, settle: () => {} };
  }

  stop(): void {
    this.#watcher.stop();
  }
}
