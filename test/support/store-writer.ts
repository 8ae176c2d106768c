// A process that writes to the store of a state folder as fast as it can, and says on standard output what has been acknowledged.

import { rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { LimpetError } from '@limpet/model';
import { commitOf, pool, put } from '../../packages/controller/src/store/object-store.conformance.ts';
import type { Commit, ObjectStore } from '../../packages/controller/src/store/object-store.ts';
import { openSqliteStore } from '../../packages/controller/src/store/sqlite-store.ts';

const [, , task, folder = '', count = '0'] = process.argv;

/** Two new objects, a third that each commit changes, and a vault record: all of one revision, or none. */
function numbered(before: number, text = ''): Commit {
  const revision = before + 1;
  const body = { revision, text };
  const counter = pool('pool-counter', { body });
  return commitOf(before, {
    ...put(pool(`pool-${revision}-a`, { body }), counter, pool(`pool-${revision}-b`, { body })),
    vault: [{ kind: 'put', record: { kind: 'counter', id: '', value: { revision } } }],
  });
}

/** Does not wait for one before it asks for the next, so that a kill always meets some that are under way. */
async function write(store: ObjectStore, upTo: number): Promise<void> {
  const { revision } = await store.readAll();
  writeSync(1, `open ${revision}\n`);
  const commits: Promise<void>[] = [];
  for (let before = revision; before < upTo; before++) {
    commits.push(
      store.commit(numbered(before)).then((acknowledged) => void writeSync(1, `ack ${acknowledged}\n`)),
    );
  }
  await Promise.all(commits);
}

/** Until there is no room, three times over, with a little more room each time; every time it goes on. */
async function fill(store: ObjectStore): Promise<void> {
  const ballast = [1, 2, 3].map((at) => join(folder, `ballast-${at}`));
  for (const file of ballast) writeFileSync(file, Buffer.alloc(200_000, 1));
  let revision = 0;
  for (const file of ['', ...ballast]) {
    if (file !== '') rmSync(file);
    const roomAt = revision;
    for (;;) {
      try {
        revision = await store.commit(numbered(revision, 'x'.repeat(10_000)));
      } catch (error) {
        if (!(error instanceof LimpetError)) throw error;
        const contents = await store.readAll();
        writeSync(1, `${JSON.stringify({ code: error.code, roomAt, revision, read: contents.revision })}\n`);
        break;
      }
    }
  }
}

const store = await openSqliteStore(folder);
if (task === 'fill') await fill(store);
else await write(store, Number(count));
await store.close();
