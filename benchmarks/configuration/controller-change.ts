// What one changed server costs a Controller that has a thousand virtual services: validated, stored in memory, compiled for two engines, published.

import type { ObjectEdit } from '../../packages/controller/src/config/configuration.ts';
import { engine, group, object, startBed } from '../../packages/controller/src/config/test-configuration.ts';
import type { JsonObject } from '../../packages/controller/src/json.ts';
import { largeConfiguration } from './large-configuration.ts';

const CHANGES = 50;

interface Named {
  readonly name: string;
}

/** References by name, as a file has them, made those of a Controller. */
function canonical(value: unknown, uuids: ReadonlyMap<string, string>): unknown {
  if (typeof value === 'string') {
    const [, path, name] = /^\/api\/([a-z]+)\/\?name=(.+)$/.exec(value) ?? [];
    return name === undefined ? value : `/api/${path}/${uuids.get(`${path} ${name}`)}`;
  }
  if (Array.isArray(value)) return value.map((item) => canonical(item, uuids));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([field, inner]) => [field, canonical(inner, uuids)]));
}

async function edits(view: { list(type: string): readonly Named[] }): Promise<readonly ObjectEdit[]> {
  const configuration = await largeConfiguration();
  const uuids = new Map<string, string>();
  for (const type of ['ApplicationPersistenceProfile', 'SSLProfile'])
    for (const known of view.list(type) as readonly (Named & { readonly uuid: string })[])
      uuids.set(`${type.toLowerCase()} ${known.name}`, known.uuid);
  for (const [type, list] of Object.entries(configuration))
    for (const { name } of list) uuids.set(`${type.toLowerCase()} ${name}`, `${type.toLowerCase()}-${name}`);
  return Object.entries(configuration).flatMap(([type, list]) =>
    list.map(({ key, ...body }) =>
      object(
        type,
        `${type.toLowerCase()}-${body.name}`,
        canonical(body, uuids) as JsonObject,
        typeof key === 'string' ? { key } : {},
      ),
    ),
  );
}

function percentile(values: readonly number[], share: number): string {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1);
}

async function timed(
  work: () => Promise<unknown>,
): Promise<{ readonly cpuMs: number; readonly wallMs: number }> {
  const [before, startMs] = [process.cpuUsage(), performance.now()];
  await work();
  const { user, system } = process.cpuUsage(before);
  return { cpuMs: (user + system) / 1000, wallMs: performance.now() - startMs };
}

const bed = await startBed();
await bed.put(engine('se-1'), engine('se-2'), group({ min_scaleout_per_vs: 2, max_vs_per_se: 1000 }));
const all = await edits(bed.configuration.view as never);
const whole = await timed(() => bed.put(...all));
console.log(`${all.length} objects in one change: ${whole.cpuMs.toFixed(0)} ms of CPU time`);

const server: { cpuMs: number; wallMs: number }[] = [];
const added: { cpuMs: number; wallMs: number }[] = [];
for (let round = 0; round < CHANGES; round++) {
  const uuid = `pool-pool-${(round * 7) % 1000}`;
  const pool = bed.configuration.view.get('Pool', uuid);
  if (pool === undefined) throw new Error(`there is no ${uuid}`);
  const body = structuredClone(pool.body) as { servers: { port: number }[] };
  (body.servers[3] as { port: number }).port = 9000 + round;
  const edit = { kind: 'put' as const, object: { ...pool, body: body as unknown as JsonObject } };
  server.push(await timed(() => bed.put(edit)));
}
for (let round = 0; round < CHANGES; round++) {
  const service = bed.configuration.view.get('VirtualService', `virtualservice-service-${round}`);
  if (service === undefined) throw new Error('there is no such virtual service');
  const body = {
    ...service.body,
    name: `added-${round}`,
    services: [{ port: 30_000 + round, enable_ssl: true }],
  };
  added.push(await timed(() => bed.put(object('VirtualService', `virtualservice-added-${round}`, body))));
}
for (const [what, times] of [
  ['one changed server', server],
  ['one added virtual service', added],
] as const) {
  const cpu = times.map(({ cpuMs }) => cpuMs);
  const wall = times.map(({ wallMs }) => wallMs);
  console.log(
    `${what}: CPU p50 ${percentile(cpu, 0.5)} p99 ${percentile(cpu, 0.99)} ms, wall p50 ${percentile(wall, 0.5)} p99 ${percentile(wall, 0.99)} ms`,
  );
}
const again = await timed(() => startBed(bed.store));
console.log(`start with that store: ${again.cpuMs.toFixed(0)} ms of CPU time`);
console.log(`memory: ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB resident`);
