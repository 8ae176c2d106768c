import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Address, describeAddress, type Snapshot } from '@limpet/model';
import { createSelfSigned, demoConfiguration } from '@limpet/testkit';
import { pino } from 'pino';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import { systemRandom } from '../lifecycle/random.ts';
import { BoundPorts } from '../snapshot/bound-ports.ts';
import { WorkerGroup } from '../snapshot/worker-group.ts';
import { VIRTUAL_SERVICE_SLOTS_MAX } from '../telemetry/metrics-table.ts';
import { CertificateExpiry } from '../tls/certificate-expiry.ts';
import { ConfigurationFlow } from './configuration-flow.ts';
import { EngineMemory } from './engine-memory.ts';
import type { EngineOptions } from './engine-options.ts';
import { ServerWatch } from './server-watch.ts';

describe('the way of a configuration', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'limpet-flow-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('gives back the sockets that it opened where there is no row left for the virtual service', async () => {
    const configFile = join(folder, 'config.json');
    const { certificatePem, privateKeyPem } = await createSelfSigned({ dnsNames: ['limpet.test'] });
    const configuration = demoConfiguration({
      ...{
        port: 8443,
        servers: [{ name: 'a', port: 9001 }],
        certificate: certificatePem,
        key: privateKeyPem,
      },
      monitored: false,
    });
    writeFileSync(configFile, JSON.stringify(configuration));
    const open = new Set<string>();
    const sockets = {
      open: async (_place: string, address: Address) => {
        open.add(describeAddress(address));
        return address;
      },
      lend: async () => undefined,
      close: async (address: Address) => void open.delete(describeAddress(address)),
    };
    const clock = createFakeClock();
    const { deadlines } = clock;
    const [random, log, memory] = [systemRandom, pino({ level: 'silent' }), new EngineMemory(1)];
    // Every row is another's.
    const others = Array.from({ length: VIRTUAL_SERVICE_SLOTS_MAX }, (_, index) => ({
      uuid: `other-${index}`,
    }));
    memory.assign({ pools: [], virtualServices: others } as unknown as Snapshot);
    const servers = new ServerWatch({ clock, deadlines, random, log, memory, onDrained: () => {} });
    const certificateExpiry = new CertificateExpiry(clock, deadlines, () => {});
    const flow = new ConfigurationFlow({
      ...{ log, clock, random, memory, servers, certificateExpiry },
      options: { configFile, enginesPerVirtualService: 1 } as EngineOptions,
      workers: new WorkerGroup([], deadlines, sockets, {
        onWorkerLost: () => {},
        onFull: () => {},
        onRoom: () => {},
        onException: () => {},
        onDescriptors: () => {},
      }),
      boundPorts: new BoundPorts(sockets),
      onFiles: () => {},
      keepTicketKeys: async () => {},
    });
    await assert.rejects(flow.load(), /there is room for 1024 only/);
    assert.deepEqual([...open], []);
    assert.equal(flow.inEffect, undefined);
    servers.stop();
    certificateExpiry.stop();
    deadlines.stop();
  });
});
