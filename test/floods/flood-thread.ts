// The thread of an attacker: its work must not slow down the client that measures.

import { parentPort, workerData } from 'node:worker_threads';
import { type FloodName, runFlood } from './attackers.ts';

const { name, port } = workerData as { readonly name: FloodName; readonly port: number };
let running = true;
let strikes = 0;
parentPort?.on('message', () => {
  running = false;
});
const timer = setInterval(() => parentPort?.postMessage(strikes), 50);
await runFlood(name, {
  port,
  running: () => running,
  strike: (count = 1) => {
    strikes += count;
  },
});
clearInterval(timer);
parentPort?.close();
