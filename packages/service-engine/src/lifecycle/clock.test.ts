import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { systemClock } from './clock.ts';

describe('the system clock', () => {
  it('tells the same time on a thread that was started later', async () => {
    const url = new URL('./clock.ts', import.meta.url).href;
    const code = `import('${url}').then(({ systemClock }) =>
      require('node:worker_threads').parentPort.postMessage(systemClock.monotonicMs()))`;
    const beforeMs = systemClock.monotonicMs();
    const worker = new Worker(code, { eval: true });
    const [workerMs] = (await once(worker, 'message')) as [number];
    const afterMs = systemClock.monotonicMs();
    assert.ok(workerMs >= beforeMs && workerMs <= afterMs, `${beforeMs} <= ${workerMs} <= ${afterMs}`);
    await worker.terminate();
  });
});
