// A worker thread, as it is, that tests can end or hold up from outside.

import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import '../worker.ts';
import type { WorkerStart, WorkerToMain } from './worker-messages.ts';

export type TestMessage =
  | { readonly kind: 'test-end'; readonly worker: number }
  /** Ends when it has said this. */
  | { readonly kind: 'test-end-after'; readonly worker: number; readonly said: WorkerToMain['kind'] }
  /** Stands still until the cell is not 0. */
  | { readonly kind: 'test-hold'; readonly worker: number; readonly cell: Int32Array };

parentPort?.on('message', (message: TestMessage) => {
  if (message.worker !== (workerData as WorkerStart).worker) return;
  if (message.kind === 'test-end') process.exit(7);
  if (message.kind === 'test-end-after') endAfter(message.said);
  if (message.kind === 'test-hold') Atomics.wait(message.cell, 0, 0, 20_000);
});

function endAfter(kind: WorkerToMain['kind']): void {
  const port = parentPort as MessagePort;
  const post = port.postMessage.bind(port);
  port.postMessage = (said: WorkerToMain) => {
    post(said);
    if (said.kind === kind) process.exit(7);
  };
}
