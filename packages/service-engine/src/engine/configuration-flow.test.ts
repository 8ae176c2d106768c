// Tests of the way of a configuration, with a source that is told what becomes of what it delivers.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Address, describeAddress, LimpetError, loadConfig, type Snapshot } from '@limpet/model';
import { createSelfSigned, demoConfiguration } from '@limpet/testkit';
import { pino } from 'pino';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import { systemRandom } from '../lifecycle/random.ts';
import { BoundPorts } from '../snapshot/bound-ports.ts';
import { WorkerGroup } from '../snapshot/worker-group.ts';
import type { ConfigurationSource, Delivery, Outcome } from '../source/configuration-source.ts';
import { VIRTUAL_SERVICE_SLOTS_MAX } from '../telemetry/metrics-table.ts';
import { CertificateExpiry } from '../tls/certificate-expiry.ts';
import { ConfigurationFlow } from './configuration-flow.ts';
import { EngineMemory } from './engine-memory.ts';
import { ServerWatch } from './server-watch.ts';

/** A flow without a worker, with sockets that are only noted down. */
function startFlow(take: ConfigurationSource['take']) {
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
  const servers = new ServerWatch({ clock, deadlines, random, log, memory, onDrained: () => {} });
  const certificateExpiry = new CertificateExpiry(clock, deadlines, () => {});
  const flow = new ConfigurationFlow({
    ...{ log, clock, random, memory, servers, certificateExpiry },
    source: { start: () => {}, take, stop: () => {} },
    workers: new WorkerGroup([], deadlines, sockets, {
      onWorkerLost: () => {},
      onFull: () => {},
      onRoom: () => {},
      onException: () => {},
      onDescriptors: () => {},
    }),
    boundPorts: new BoundPorts(sockets),
    keepTicketKeys: async () => {},
  });
  const stop = (): void => {
    servers.stop();
    certificateExpiry.stop();
    deadlines.stop();
  };
  return { flow, memory, open, stop };
}

/** Deliveries of the demo, each on a port, and what became of them. */
async function startSource() {
  const { certificatePem, privateKeyPem } = await createSelfSigned({ dnsNames: ['limpet.test'] });
  const outcomes: Outcome[] = [];
  const deliver = (port: number): Delivery => ({
    ...loadConfig(
      demoConfiguration({
        ...{ port, servers: [{ name: 'a', port: 9001 }], monitored: false },
        ...{ certificate: certificatePem, key: privateKeyPem },
      }),
      { nowS: 1_767_225_600 },
    ),
    rings: undefined,
    settle: (outcome) => void outcomes.push(outcome),
  });
  return { deliver, outcomes };
}

describe('the way of a configuration', () => {
  it('ends with word to its source: applied under a new version, or under the one that it had already', async () => {
    const { deliver, outcomes } = await startSource();
    const deliveries = [deliver(8443), deliver(8443), deliver(8444)];
    const { flow, open, stop } = startFlow(async () => deliveries.shift() as Delivery);
    for (let load = 0; load < 3; load++) await flow.load();
    assert.deepEqual(outcomes, [
      { kind: 'applied', version: 1 },
      { kind: 'applied', version: 1 },
      { kind: 'applied', version: 2 },
    ]);
    assert.deepEqual([...open], ['127.0.0.1:8444']);
    stop();
  });

  it('tells the source why a configuration is refused, and leaves the former one in effect', async () => {
    const { deliver, outcomes } = await startSource();
    const refused = { ...deliver(8444), rings: { kind: 'one', text: 'no ring' } as const };
    const deliveries = [deliver(8443), refused];
    const { flow, open, stop } = startFlow(async () => deliveries.shift() as Delivery);
    await flow.load();
    await assert.rejects(flow.load(), { code: 'KEYS_INVALID' });
    const [, outcome] = outcomes;
    assert.ok(outcome?.kind === 'refused' && outcome.error instanceof LimpetError);
    assert.equal(outcome.error.code, 'KEYS_INVALID');
    assert.equal(flow.inEffect?.version, 1);
    assert.deepEqual([...open], ['127.0.0.1:8443']);
    stop();
  });

  it('gives back the sockets that it opened where there is no row left for the virtual service', async () => {
    const { deliver, outcomes } = await startSource();
    const { flow, memory, open, stop } = startFlow(async () => deliver(8443));
    // Every row is another's.
    const others = Array.from({ length: VIRTUAL_SERVICE_SLOTS_MAX }, (_, index) => ({
      uuid: `other-${index}`,
    }));
    memory.assign({ pools: [], virtualServices: others } as unknown as Snapshot);
    await assert.rejects(flow.load(), /there is room for 1024 only/);
    assert.deepEqual([...open], []);
    assert.equal(flow.inEffect, undefined);
    assert.deepEqual(
      outcomes.map(({ kind }) => kind),
      ['refused'],
    );
    stop();
  });

  it('is given up, as the engine stops, while the source has nothing yet', async () => {
    const { flow, stop } = startFlow(() => new Promise(() => {}));
    const load = flow.load();
    flow.abandon();
    await assert.rejects(load, /the engine stops/);
    await assert.rejects(flow.load(), /the engine stops/);
    stop();
  });
});
