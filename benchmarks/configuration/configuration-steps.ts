// What a configuration of a thousand virtual services costs: loaded alone, and beside one that differs in one server.

import { loadConfig } from '@limpet/model';
import { largeConfiguration } from './large-configuration.ts';

const ROUNDS = 7;

function cpuMsOf<T>(work: () => T): { readonly result: T; readonly cpuMs: number } {
  const before = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(before);
  return { result, cpuMs: (user + system) / 1000 };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}

const text = JSON.stringify(await largeConfiguration());
const options = { nowS: Math.floor(Date.now() / 1000) };
const alone: number[] = [];
const beside: number[] = [];
let former = loadConfig(JSON.parse(text), options);
for (let round = 0; round < ROUNDS; round++) {
  const input = JSON.parse(text) as { Pool: { servers: { port: number }[] }[] };
  const server = input.Pool[round * 100]?.servers[3];
  if (server === undefined) throw new Error('the configuration has no such server');
  server.port = 9000 + round;
  const whole = cpuMsOf(() => loadConfig(input, options));
  const changed = cpuMsOf(() => loadConfig(input, options, former));
  if (changed.result.compiled.snapshot.hash !== whole.result.compiled.snapshot.hash)
    throw new Error('loaded beside another it is not the same');
  former = changed.result;
  alone.push(whole.cpuMs);
  beside.push(changed.cpuMs);
}
console.log(`${text.length} bytes of JSON; parse, validate, compile and hash, ms of CPU time:`);
console.log(`  alone                      ${median(alone).toFixed(0)}`);
console.log(`  with one server changed    ${median(beside).toFixed(0)}`);
