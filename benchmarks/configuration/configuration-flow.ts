// What a change takes from the API's answer until the last engine has acknowledged it, with a thousand virtual services and ten thousand servers.

import { writeFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { cpuMicros } from '../measure/cpu-time.ts';
import { memoryKb } from '../measure/memory.ts';
import { type Fleet, startFleet } from './configuration-fleet.ts';
import { type Flow, type FlowFigures, flowPage } from './flow-page.ts';

const RUN_TIMEOUT_MS = 1_200_000;
const RESTARTS = 5;

const { values: options } = parseArgs({
  options: { changes: { type: 'string', default: '100' }, markdown: { type: 'string' } },
});
const changes = Number(options.changes);
if (!Number.isInteger(changes) || changes < 1 || changes > 1000) throw new Error('--changes is 1 to 1000');

interface Change {
  readonly what: string;
  /** Makes it; the API has answered when this resolves. @returns when its last ack came. */
  readonly make: (index: number) => Promise<() => Promise<number>>;
  /** What is not measured. */
  readonly undo?: (index: number) => Promise<void>;
}

function unixMs(): number {
  return performance.timeOrigin + performance.now();
}

async function measure(fleet: Fleet, { what, make, undo }: Change): Promise<Flow> {
  const answerMs: number[] = [];
  const ackMs: number[] = [];
  const pids = [fleet.controller(), ...fleet.engines.map((engine) => engine.process)].map(({ child }) => [
    child.pid as number,
  ]);
  const before = pids.map((pid) => cpuMicros(pid));
  const load = [loadavg()[0] as number];
  const fromMs = unixMs();
  for (let index = 0; index < changes; index++) {
    const askedMs = unixMs();
    const acknowledged = await make(index);
    const answeredMs = unixMs();
    answerMs.push(answeredMs - askedMs);
    // An ack may come before the client has read the answer.
    ackMs.push(Math.max(0, (await acknowledged()) - answeredMs));
    await undo?.(index);
  }
  const seconds = (unixMs() - fromMs) / 1000;
  load.push(loadavg()[0] as number);
  const cpu = pids.map((pid, index) => (cpuMicros(pid) - (before[index] as number)) / 1000);
  const busy = cpu.map((cpuMs) => cpuMs / 10 / seconds);
  console.log(`${what}: ${changes} in ${seconds.toFixed(0)} s`);
  return { what, answerMs, ackMs, busyPercent: busy, load };
}

function changesOf(fleet: Fleet, pools: readonly Pool[], services: readonly Named[]): readonly Change[] {
  const { api, serverPorts } = fleet;
  const added = new Map<number, string>();
  return [
    {
      what: 'one changed server',
      make: async (index) => {
        const pool = pools[(index * 7) % pools.length] as Pool;
        const servers = pool.servers.map((server, at) =>
          at === 3 ? { ...server, port: serverPorts[index % 2 === 0 ? 1 : 0] } : server,
        );
        await api.call('PUT', `/api/pool/${pool.uuid}`, { ...pool, servers });
        return () => fleet.configurationAcknowledged();
      },
    },
    {
      what: 'one rotated ring',
      make: async (index) => {
        const { uuid } = services[(index * 7) % services.length] as Named;
        const before = await fleet.ringGeneration(uuid);
        await api.call('POST', `/api/virtualservice/${uuid}/rotatekeys`, {});
        return () => fleet.ringAcknowledged(uuid, before);
      },
    },
    {
      what: 'one added virtual service',
      make: async (index) => {
        const like = services[index % services.length] as Named & Readonly<Record<string, unknown>>;
        const { uuid: _uuid, url: _url, _last_modified, ...fields } = like;
        const made = await api.call('POST', '/api/virtualservice', {
          ...fields,
          name: `added-${index}`,
          services: [{ port: fleet.spareVirtualServicePort(index), enable_ssl: true, enable_http2: true }],
        });
        added.set(index, made.uuid);
        return () => fleet.configurationAcknowledged();
      },
      undo: async (index) => {
        await api.call('DELETE', `/api/virtualservice/${added.get(index)}`);
        await fleet.configurationAcknowledged();
      },
    },
  ];
}

interface Named {
  readonly uuid: string;
  readonly name: string;
}

interface Pool extends Named {
  readonly servers: readonly Readonly<Record<string, unknown>>[];
}

async function all<T>(fleet: Fleet, type: string): Promise<readonly T[]> {
  const found: T[] = [];
  for (let page = 1; ; page++) {
    const { results, next } = await fleet.api.call('GET', `/api/${type}?page=${page}&page_size=200`);
    found.push(...results);
    if (next === undefined || page > 100) return found;
  }
}

async function run(fleet: Fleet): Promise<FlowFigures> {
  await fleet.configurationAcknowledged();
  const pools = await all<Pool>(fleet, 'pool');
  const services = (await all<Named & { readonly type?: string }>(fleet, 'virtualservice')).filter(
    ({ name }) => Number(name.split('-')[1]) < 500 && name.startsWith('service-'),
  );
  const flows: Flow[] = [];
  for (const change of changesOf(fleet, pools, services)) flows.push(await measure(fleet, change));
  const memoryMb = [fleet.controller(), ...fleet.engines.map((engine) => engine.process)].map(
    ({ child }) => memoryKb([child.pid as number]).rssKb / 1024,
  );
  const restartMs: number[] = [];
  for (let round = 0; round < RESTARTS; round++) {
    restartMs.push(await fleet.restartController());
    await fleet.configurationAcknowledged();
  }
  const { objects, fillMs, engines } = fleet;
  return {
    ...{ objects, fillMs, flows, memoryMb, restartMs },
    engineStartMs: engines.map(({ startMs }) => startMs),
    cpus: availableParallelism(),
  };
}

const fleet = await startFleet(changes, (text) => console.log(text));
const tooLong = setTimeout(() => {
  console.error(`not done within ${RUN_TIMEOUT_MS / 1000} s`);
  process.exitCode = 1;
  void fleet.stop();
}, RUN_TIMEOUT_MS);
try {
  const page = flowPage(await run(fleet));
  console.log(page);
  if (options.markdown !== undefined) writeFileSync(options.markdown, page);
} finally {
  clearTimeout(tooLong);
  await fleet.stop();
}
