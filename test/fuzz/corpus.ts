// Inputs that once broke an invariant, kept as files: corpus/TARGET/NAME.hex, 32 bytes a line.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, 'corpus');

export interface CorpusFile {
  readonly target: string;
  /** What it showed, in words. */
  readonly name: string;
  readonly input: Buffer;
}

export const corpusFiles: readonly CorpusFile[] = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.hex'))
  .sort()
  .map((path) => {
    const [target = '', file = ''] = path.split('/');
    const input = Buffer.from(readFileSync(join(folder, path), 'latin1').replaceAll('\n', ''), 'hex');
    return { target, name: file.replace(/\.hex$/, '').replaceAll('-', ' '), input };
  });

/** @returns the file. */
export function writeCorpusFile(target: string, name: string, input: Buffer): string {
  mkdirSync(join(folder, target), { recursive: true });
  const path = join(folder, target, `${name.replaceAll(' ', '-')}.hex`);
  writeFileSync(path, `${input.toString('hex').replace(/.{64}(?=.)/g, '$&\n')}\n`);
  return path;
}
