// The bed of tests of the HTTP proxy: one engine before one server that the test controls.

import { type DemoConfigurationOptions, demoConfiguration } from '@limpet/testkit';
import { createFleet, type Engine, eventually, type Fleet } from './engine.ts';
import { startAll } from './start-all.ts';

export interface OneEngine {
  readonly fleet: Fleet;
  readonly engine: Engine;
  readonly port: number;
  /** Applies changes of the configuration. */
  reload(changes: Partial<DemoConfigurationOptions>): Promise<void>;
  /** The record of a request, once it is written. */
  recordOf(requestId: string): Promise<Record<string, unknown>>;
  stop(): Promise<void>;
}

export async function startOneEngine(
  server: { readonly port: number },
  options: Partial<DemoConfigurationOptions> = {},
  args: readonly string[] = [],
): Promise<OneEngine> {
  const fleet = await createFleet();
  const base: DemoConfigurationOptions = {
    port: 0,
    servers: [{ name: 'origin', port: server.port }],
    certificate: fleet.certificate.certificatePem,
    key: fleet.certificate.privateKeyPem,
    // What the server is asked is what a client asked.
    monitored: false,
    ...options,
  };
  // One worker: each request finds the server connection that the last one left.
  const starting = fleet.startEngine(demoConfiguration(base), ['--workers', '1', ...args]);
  const [engine] = await startAll<[Engine]>([starting], fleet);
  return {
    fleet,
    engine,
    port: engine.port,
    reload: (changes) => engine.reload(demoConfiguration({ ...base, ...changes })),
    recordOf: async (requestId) => {
      const find = () =>
        engine.records().find(({ record, request_id }) => record === 'request' && request_id === requestId);
      await eventually(() => find() !== undefined, `the record of request ${requestId} is written`);
      return find() as Record<string, unknown>;
    },
    stop: () => fleet.stop(),
  };
}
