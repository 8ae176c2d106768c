// The bed of tests of a supervisor: a server that echoes, and a fleet whose engines lead to it.

import { after, before } from 'node:test';
import { type DemoConfigurationOptions, demoConfiguration } from '@limpet/testkit';
import { type EchoServer, startEchoServer } from './echo-server.ts';
import { createFleet, type Fleet } from './engine.ts';

export interface EchoBed {
  readonly fleet: Fleet;
  configuration(options?: Partial<DemoConfigurationOptions>): Record<string, unknown[]>;
}

/** Started before the tests of the file that calls it, and stopped after them. */
export function useEchoBed(): EchoBed {
  let server: EchoServer;
  let fleet: Fleet;
  before(async () => {
    server = await startEchoServer();
    fleet = await createFleet();
  });
  after(async () => {
    await fleet.stop();
    server.stop();
  });
  return {
    get fleet() {
      return fleet;
    },
    configuration: (options = {}) =>
      demoConfiguration({
        port: 0,
        servers: [{ name: 'echo', port: server.port }],
        certificate: fleet.certificate.certificatePem,
        key: fleet.certificate.privateKeyPem,
        ...options,
      }),
  };
}
