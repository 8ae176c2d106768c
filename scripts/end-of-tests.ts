// Loaded into each process of `npm test`: one whose tests are over and that does not end has left something open, which is a failure and must not hold up the others.

import { after } from 'node:test';
import { isMainThread } from 'node:worker_threads';

/** What was closed last may need a moment. */
const ENDED_WITHIN_MS = 20_000;

function end(): void {
  process.stderr.write(`left open after the last test: ${process.getActiveResourcesInfo().join(', ')}\n`);
  process.exit(1);
}

// Threads that a test starts are given the same arguments.
if (isMainThread) after(() => void setTimeout(end, ENDED_WITHIN_MS).unref());
