// Reading a file that an operator named: whole, as UTF-8, and never more of it than such a file can be.

import { closeSync, openSync, readSync } from 'node:fs';

const CHUNK_BYTES = 65_536;

/**
 * Pipes are read, too: a configuration may come from another program.
 *
 * @throws Error with `code`, as node:fs does; EFBIG where there is more than `limitBytes`.
 */
export function readTextFile(path: string, limitBytes: number): string {
  const descriptor = openSync(path, 'r');
  try {
    const chunks: Buffer[] = [];
    let total = 0;
    for (;;) {
      const chunk = Buffer.alloc(CHUNK_BYTES);
      const bytes = readSync(descriptor, chunk);
      if (bytes === 0) return Buffer.concat(chunks).toString('utf8');
      total += bytes;
      if (total > limitBytes) throw Object.assign(new Error(`${path} is too large`), { code: 'EFBIG' });
      chunks.push(chunk.subarray(0, bytes));
    }
  } finally {
    closeSync(descriptor);
  }
}
