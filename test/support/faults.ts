// Faults from outside: loaded into an engine by `node --import`, it makes functions of Node throw once when a file of that name appears.

import crypto from 'node:crypto';
import { existsSync, readdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import tls from 'node:tls';
import { isMainThread } from 'node:worker_threads';

const folder = process.env.LIMPET_FAULTS ?? '';
const LOOK_MS = 10;

/** What the next call of which function does: throw. */
let armed = '';

/** True once after the fault was asked for; the file goes, which tells the test that it happened. */
function strikes(name: string): boolean {
  if (armed !== name) return false;
  armed = '';
  return remove(name);
}

// biome-ignore lint/suspicious/noExplicitAny: functions of all shapes are wrapped.
function breakable(owner: any, method: string, name: string): void {
  const original = owner[method];
  owner[method] = function (this: unknown, ...args: unknown[]) {
    if (strikes(name)) throw new Error(`injected: ${name}`);
    return Reflect.apply(original, this, args);
  };
}

/** Until it is let go, or for half a minute. */
function stayStuck(): void {
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  for (let turn = 0; turn < 600 && !existsSync(join(folder, 'main-go-on')); turn++)
    Atomics.wait(nothing, 0, 0, 50);
}

function look(): void {
  const asked = readdirSync(folder)[0] ?? '';
  if (isMainThread) {
    if (asked === 'main-rejection' && remove(asked)) void Promise.reject(new Error(`injected: ${asked}`));
    if (asked === 'main-stuck' && remove(asked)) stayStuck();
    return;
  }
  if (asked.startsWith('main-')) return;
  if (asked === armed) return;
  armed = asked;
  if (asked === 'worker-rejection' && strikes(asked)) void Promise.reject(new Error(`injected: ${asked}`));
  if (asked === 'worker-heap' && strikes(asked)) {
    const kept: unknown[] = [];
    for (;;) kept.push(Array.from({ length: 10_000 }, (_, index) => ({ index })));
  }
  // Whoever asked knows from this that the next call will be struck.
  if (armed !== '') writeFileSync(`${folder}.armed`, '');
}

/** Of two threads that look, one has it: the one that finds it still there to be removed. */
function remove(name: string): boolean {
  try {
    unlinkSync(join(folder, name));
    return true;
  } catch {
    return false;
  }
}

if (folder !== '') {
  if (!isMainThread) {
    breakable(Readable.prototype, 'unshift', 'hello');
    breakable(crypto, 'createHmac', 'ticket');
    breakable(tls.TLSSocket.prototype, 'isSessionReused', 'handshake');
    breakable(net, 'createConnection', 'connect');
    breakable(JSON, 'stringify', 'record');
    syncBuiltinESMExports();
  }
  setInterval(look, LOOK_MS).unref();
}
