// The bed of most system tests: three demo servers behind two engines of one fleet.

import {
  type DemoConfigurationOptions,
  type DemoServer,
  demoConfiguration,
  startDemoServer,
} from '@limpet/testkit';
import { createFleet, type Engine, eventually, type Fleet } from './engine.ts';
import { startAll } from './start-all.ts';

export interface TwoEngines {
  readonly fleet: Fleet;
  readonly servers: readonly DemoServer[];
  readonly engines: readonly [Engine, Engine];
  /** Ports of the engines, for taking them in turn. */
  readonly ports: readonly [number, number];
  /** The configuration in effect, with changes, on the port of that engine. */
  configuration(changes?: Partial<DemoConfigurationOptions>, engine?: number): Record<string, unknown[]>;
  server(name: string): DemoServer;
  /** Fails or heals a server's health check and waits until both engines have seen it. */
  setHealth(name: string, healthy: boolean): Promise<void>;
  /** Applies changes of the configuration on both engines. */
  reload(changes: Partial<DemoConfigurationOptions>): Promise<void>;
  stop(): Promise<void>;
}

const FAST_MONITOR = { send_interval: 2, receive_timeout: 1, successful_checks: 1, failed_checks: 1 };

export async function startTwoEngines(
  options: Partial<DemoConfigurationOptions> = {},
  serverCount = 3,
  args: readonly string[] = [],
): Promise<TwoEngines> {
  const fleet = await createFleet();
  const servers = await Promise.all(
    Array.from({ length: serverCount }, (_, index) => startDemoServer({ name: `web-${index + 1}` })),
  );
  const base: DemoConfigurationOptions = {
    port: 0,
    servers,
    certificate: fleet.certificate.certificatePem,
    key: fleet.certificate.privateKeyPem,
    healthMonitor: FAST_MONITOR,
    ...options,
  };
  const configuration = (changes: Partial<DemoConfigurationOptions> = {}): Record<string, unknown[]> =>
    demoConfiguration({ ...base, ...changes });
  const engines = await startAll<[Engine, Engine]>(
    [fleet.startEngine(configuration(), args), fleet.startEngine(configuration(), args)],
    fleet,
    ...servers,
  );
  const find = (name: string): DemoServer => {
    const server = servers.find((candidate) => candidate.name === name);
    if (server === undefined) throw new Error(`there is no ${name}`);
    return server;
  };
  return {
    fleet,
    servers,
    engines,
    ports: [engines[0].port, engines[1].port],
    configuration,
    server: find,
    setHealth: async (name, healthy) => {
      find(name).setHealthy(healthy);
      const wanted = healthy ? 'OPER_UP' : 'OPER_DOWN';
      await Promise.all(
        engines.map((engine) =>
          eventually(async () => (await statusOf(engine, name)) === wanted, `${name} is ${wanted}`),
        ),
      );
    },
    reload: async (changes) => {
      await Promise.all(engines.map((engine) => engine.reload(configuration(changes))));
    },
    stop: async () => {
      await fleet.stop();
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}

async function statusOf(engine: Engine, name: string): Promise<string | undefined> {
  const { pools } = await engine.runtime();
  return pools.flatMap(({ servers }) => servers).find((server) => server.name === name)?.oper_status;
}
