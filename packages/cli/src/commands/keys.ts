// `limpet keys`: makes and rotates the ring file of ticket keys.

import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import {
  createRingKeys,
  DEFAULT_ROTATE_PERIOD_S,
  DEFAULT_TICKET_LIFETIME_S,
  LimpetError,
  parseRingKeys,
  rotateRingKeys,
  serializeRingKeys,
} from '@limpet/model';
import { systemClock, systemRandom } from '@limpet/service-engine';
import { Command } from 'commander';
import { told } from './told.ts';

export function keysCommand(): Command {
  const keys = new Command('keys').description('make and rotate the ring of ticket keys');
  keys
    .command('init')
    .argument(
      '<file>',
      'the ring file; it is a secret: copy it to every engine, readable by the engine alone',
    )
    .option(
      '--lifetime <seconds>',
      'how long a ticket may live (ssl_session_timeout)',
      Number,
      DEFAULT_TICKET_LIFETIME_S,
    )
    .option('--period <seconds>', 'how often you will rotate', Number, DEFAULT_ROTATE_PERIOD_S)
    .option('--force', 'replace a ring that is there: every client loses its mapping', false)
    .action((file: string, flags: { lifetime: number; period: number; force: boolean }) =>
      told(() => {
        const ring = createRingKeys(systemRandom, nowS(), flags.lifetime, flags.period);
        writeRing(file, serializeRingKeys(ring), flags.force);
        return `made ${file}`;
      }),
    );
  keys
    .command('rotate')
    .argument('<file>', 'the ring file')
    .option('--force', 'even if the last rotation was less than 60 s ago', false)
    .action((file: string, flags: { force: boolean }) =>
      told(() => {
        const ring = rotateRingKeys(parseRingKeys(readRing(file)), systemRandom, nowS(), flags.force);
        writeRing(file, serializeRingKeys(ring), true);
        return `rotated ${file}: ${2 + ring.previous.length} keys; copy it to every engine before the next rotation`;
      }),
    );
  return keys;
}

function nowS(): number {
  return Math.floor(systemClock.unixMs() / 1000);
}

function readRing(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new LimpetError('KEYS_UNREADABLE', `${file}: ${(error as NodeJS.ErrnoException).code}`);
  }
}

/** Written beside, synced, then renamed: an engine reads the old ring or the new one, and a crash leaves one of them. */
function writeRing(file: string, text: string, replace: boolean): void {
  const beside = `${file}.${process.pid}.new`;
  try {
    const descriptor = openSync(beside, 'wx', 0o600);
    try {
      writeSync(descriptor, text);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    if (replace) {
      renameSync(beside, file);
    } else {
      // A link, since a rename would replace a ring that somebody makes at the same moment.
      linkSync(beside, file);
      unlinkSync(beside);
    }
    syncFolder(dirname(file));
  } catch (error) {
    removeQuietly(beside);
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && !replace) {
      throw new LimpetError(
        'KEYS_INVALID',
        `${file} is there already; "limpet keys rotate ${file}" rotates it, --force replaces it`,
      );
    }
    throw new LimpetError('KEYS_UNWRITABLE', `${file}: ${code}`);
  }
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}

function removeQuietly(file: string): void {
  try {
    unlinkSync(file);
  } catch {
    // It was not there.
  }
}
