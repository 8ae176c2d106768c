// A Controller with a large configuration and two engines that have it: real processes on loopback, and what is seen of them from outside.

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ControllerClient, type RunningProcess, startProcess } from '@limpet/testkit';
import { LARGE, largeConfiguration, type Objects } from './large-configuration.ts';

const main = resolve(import.meta.dirname, '../../packages/cli/src/main.ts');
const PASSWORD = 'a password for benchmarks';
const READY_TIMEOUT_MS = 300_000;
const ACK_TIMEOUT_MS = 60_000;
/** The Controller notes the time of each ack itself: this is how often it is asked, not how finely time is read. */
const ASK_EVERY_MS = 40;
const UNDER_WAY_AT_A_TIME = 4;

/** The address of the configuration, and where each engine listens in its place. */
const VIP = '127.77.0.1';
const ENGINE_ADDRESSES = [VIP, '127.77.0.2'];
/** Every ten seconds for 10,000 servers on two engines would be the benchmark of something else. */
const PROBE_EVERY_S = 300;

export interface Engine {
  readonly name: string;
  readonly uuid: string;
  readonly process: RunningProcess;
  /** Until it served. */
  readonly startMs: number;
}

export interface Fleet {
  readonly api: ControllerClient;
  readonly engines: readonly Engine[];
  /** Two ports, either of which any address of 127.0.0.0/8 answers on. */
  readonly serverPorts: readonly [number, number];
  /** Of a virtual service that is added. */
  readonly spareVirtualServicePort: (index: number) => number;
  readonly objects: number;
  readonly fillMs: number;
  readonly controller: () => RunningProcess;
  /** Ends the Controller and starts it with the same store. @returns until it listened. */
  restartController(): Promise<number>;
  /** When the last engine acknowledged what is stored, by the Controller's clock. */
  configurationAcknowledged(): Promise<number>;
  /** Of the ticket keys that engines hold. */
  ringGeneration(virtualServiceUuid: string): Promise<number>;
  /** When the last engine acknowledged keys of a later generation. */
  ringAcknowledged(virtualServiceUuid: string, afterGeneration: number): Promise<number>;
  stop(): Promise<void>;
}

interface Ready {
  readonly listen: { readonly port: number };
  readonly engine_listen: { readonly port: number };
}

export async function startFleet(added: number, log: (text: string) => void): Promise<Fleet> {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-flow-'));
  const stops: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  const stop = async (): Promise<void> => {
    for (const end of stops.splice(0).reverse()) await end();
  };
  try {
    const backEnds = await Promise.all([startBackEnd(), startBackEnd()]);
    for (const { server } of backEnds)
      stops.push(
        () => server.close(),
        () => server.closeAllConnections(),
      );
    const serverPorts = [backEnds[0].port, backEnds[1].port] as const;
    const first = await startController(folder, 0, 0);
    let controller = first.process;
    stops.push(() => controller.stop());
    const url = `https://127.0.0.1:${first.ready.listen.port}`;
    const api = new ControllerClient({ url, password: PASSWORD });
    stops.push(() => api.close());
    await api.login();
    const filledFromMs = performance.now();
    const objects = await fill(api, serverPorts[0]);
    const fillMs = performance.now() - filledFromMs;
    log(`${objects} objects in ${(fillMs / 1000).toFixed(1)} s`);
    const lastPort = LARGE.firstPort + LARGE.virtualServices + added;
    const engines: Engine[] = [];
    for (const [index, address] of ENGINE_ADDRESSES.entries()) {
      const { token } = await api.call('POST', '/api/enrolment-token');
      const name = `engine-${index + 1}`;
      const startedAtMs = performance.now();
      const running = await startEngine(name, url, token, join(folder, name), address, lastPort);
      stops.push(() => running.stop());
      const startMs = performance.now() - startedAtMs;
      log(`${name} serves after ${(startMs / 1000).toFixed(1)} s`);
      const { results } = await api.call('GET', `/api/serviceengine?name=${name}`);
      engines.push({ name, uuid: results[0].uuid, process: running, startMs });
    }
    const generationsOf = async (uuid: string): Promise<ReadonlyMap<string, number>> => {
      const { service_engine: seen } = await api.call('GET', `/api/virtualservice/${uuid}/runtime`);
      return new Map(
        seen.map((engine: { uuid: string; ticket_key_generation?: number }) => [
          engine.uuid,
          engine.ticket_key_generation ?? 0,
        ]),
      );
    };
    const runtimeOf = ({ uuid }: Engine) => api.call('GET', `/api/serviceengine/${uuid}/runtime`);
    return {
      ...{ api, engines, serverPorts, objects, fillMs, stop },
      spareVirtualServicePort: (index) => LARGE.firstPort + LARGE.virtualServices + index,
      controller: () => controller,
      restartController: async () => {
        await controller.stop();
        const fromMs = performance.now();
        const again = await startController(folder, first.ready.listen.port, first.ready.engine_listen.port);
        controller = again.process;
        const startMs = performance.now() - fromMs;
        await api.login();
        return startMs;
      },
      configurationAcknowledged: () =>
        last(engines, async (engine) => {
          const { at_curr_ver, configuration } = await runtimeOf(engine);
          return at_curr_ver === true ? configuration.acknowledged.atMs : undefined;
        }),
      ringGeneration: async (uuid) => Math.max(0, ...(await generationsOf(uuid)).values()),
      ringAcknowledged: (uuid, after) =>
        last(engines, async (engine) => {
          const generation = (await generationsOf(uuid)).get(engine.uuid) ?? 0;
          if (generation <= after) return undefined;
          return (await runtimeOf(engine)).configuration.ticket_keys_acknowledged_at_ms;
        }),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The last of the times that are asked for until each engine has one. */
async function last(
  engines: readonly Engine[],
  timeOf: (engine: Engine) => Promise<number | undefined>,
): Promise<number> {
  const untilMs = performance.now() + ACK_TIMEOUT_MS;
  let lastMs = 0;
  for (const engine of engines) {
    let atMs = await timeOf(engine);
    while (atMs === undefined) {
      if (performance.now() > untilMs)
        throw new Error(
          `${engine.name} has not acknowledged for ${ACK_TIMEOUT_MS / 1000} s\n${engine.process.stderr().slice(-4000)}`,
        );
      await delay(ASK_EVERY_MS);
      atMs = await timeOf(engine);
    }
    lastMs = Math.max(lastMs, atMs);
  }
  return lastMs;
}

function startController(state: string, port: number, enginePort: number) {
  return startProcess(
    process.execPath,
    [
      ...[main, 'controller', '--with-parent', '--state', join(state, 'controller')],
      ...['--listen', `127.0.0.1:${port}`, '--engine-listen', `127.0.0.1:${enginePort}`],
    ],
    (line) => (line.startsWith('{"event":"ready"') ? (JSON.parse(line) as Ready) : undefined),
    { timeoutMs: READY_TIMEOUT_MS, env: { LIMPET_ADMIN_PASSWORD: PASSWORD } },
  );
}

async function startEngine(
  name: string,
  url: string,
  token: string,
  state: string,
  address: string,
  lastPort: number,
): Promise<RunningProcess> {
  const ports = Array.from({ length: lastPort - LARGE.firstPort + 1 }, (_, index) => LARGE.firstPort + index);
  const mapped =
    address === VIP ? [] : ports.flatMap((port) => ['--listen-map', `${VIP}:${port}=${address}:${port}`]);
  const { process: running } = await startProcess(
    process.execPath,
    [
      ...[main, 'engine', '--with-parent', '--controller', url, '--state', state, '--engine-name', name],
      ...['--workers', '2', '--access-log', 'off', '--drain-timeout', '0', ...mapped],
    ],
    (line) => (line.startsWith('{"event":"ready"') ? true : undefined),
    { timeoutMs: READY_TIMEOUT_MS, env: { LIMPET_ENROLMENT_TOKEN: token } },
  );
  return running;
}

/** Answers a health monitor on every address of the loopback network. */
function startBackEnd(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer((_request, response) => response.end('well\n'));
  return new Promise((started, failed) => {
    server.once('error', failed);
    server.listen(0, '0.0.0.0', () => started({ server, port: (server.address() as AddressInfo).port }));
  });
}

/** Everything by the API, before there is an engine. @returns how many objects. */
async function fill(api: ControllerClient, serverPort: number): Promise<number> {
  const objects = placedOnLoopback(await largeConfiguration(), serverPort);
  const groups = await api.call('GET', '/api/serviceenginegroup?name=Default-Group');
  const [group] = groups.results;
  await api.call('PUT', `/api/serviceenginegroup/${group.uuid}`, {
    ...group,
    ...{ min_scaleout_per_vs: 2, max_scaleout_per_vs: 2, max_vs_per_se: 1000 },
  });
  const { VirtualService: virtualServices = [], Pool: pools = [], ...others } = objects;
  const isChild = ({ type }: Record<string, unknown>): boolean => type === 'VS_TYPE_VH_CHILD';
  // A virtual service and its pool in one transaction, as clients make them; parents share the pools of others.
  const poolOf = new Map(pools.map((pool) => [`/api/pool/?name=${pool.name}`, pool]));
  const together = (data: Record<string, unknown>) => {
    const pool = poolOf.get(String(data.pool_ref));
    poolOf.delete(String(data.pool_ref));
    const { pool_ref: _replaced, ...rest } = data;
    return pool === undefined ? { data } : { data: { ...rest, pool_ref_data: pool } };
  };
  const macro = (list: readonly Record<string, unknown>[]) =>
    list.map((data) => ({ model_name: 'VirtualService', ...together(data) }));
  const batches: readonly (readonly [type: string, list: readonly Record<string, unknown>[]])[] = [
    ...Object.entries(others),
    ['macro', macro(virtualServices.filter((object) => !isChild(object)))],
    ['macro', macro(virtualServices.filter(isChild))],
  ];
  for (const [type, list] of batches) {
    const left = list.values();
    await Promise.all(
      Array.from({ length: UNDER_WAY_AT_A_TIME }, async () => {
        for (const object of left) await api.call('POST', `/api/${type.toLowerCase()}`, object);
      }),
    );
  }
  return Object.values(objects).reduce((sum, list) => sum + list.length, 0);
}

function placedOnLoopback(objects: Objects, serverPort: number): Objects {
  const text = JSON.stringify(objects, (key, value) => {
    if (key === 'vip') return [{ vip_id: '1', ip_address: { addr: VIP, type: 'V4' } }];
    if (key === 'servers') return value.map((server: object) => ({ ...server, port: serverPort }));
    return key === 'send_interval' ? PROBE_EVERY_S : value;
  });
  return JSON.parse(text) as Objects;
}
