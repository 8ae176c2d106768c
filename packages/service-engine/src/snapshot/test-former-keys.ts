// A process in which a worker's rings are replaced and every key in memory is counted: of its own, since the keys of other tests would count, too.

import assert from 'node:assert/strict';
import { queryObjects } from 'node:v8';
import { createRingKeys, loadConfig, serializeRingKeys } from '@limpet/model';
import { createSelfSigned, demoConfiguration } from '@limpet/testkit';
import { EngineMemory } from '../engine/engine-memory.ts';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import { systemRandom } from '../lifecycle/random.ts';
import { ConnectionCapacity } from '../listener/connection-capacity.ts';
import { CrowdCounter } from '../load-balancing/crowd-counter.ts';
import { TicketTrail } from '../load-balancing/ticket-trail.ts';
import { QueueTable } from '../pool/queue-table.ts';
import { RequestQueues } from '../pool/request-queues.ts';
import { ServerTable } from '../pool/server-table.ts';
import { CookieKey } from '../session-ticket/cookie-key.ts';
import type { RingTexts } from '../session-ticket/ring-texts.ts';
import { TicketKey } from '../session-ticket/ticket-key.ts';
import { MetricsTable } from '../telemetry/metrics-table.ts';
import type { PipelineServices } from '../virtual-service/connection-pipeline.ts';
import { SnapshotApplier } from './apply-snapshot.ts';
import { changeFrom, EMPTY_SNAPSHOT } from './snapshot-change.ts';

const NOW_S = 1_767_225_600;
const certificate = await createSelfSigned({ dnsNames: ['limpet.test'] });

function newRing(): RingTexts {
  return { kind: 'one', text: serializeRingKeys(createRingKeys(systemRandom, NOW_S)) };
}

function keysInMemory(): readonly number[] {
  return [TicketKey, CookieKey].map((type) => queryObjects(type, { format: 'count' }));
}

const clock = createFakeClock();
const memory = new EngineMemory(1);
const { shared } = memory;
const applier = new SnapshotApplier(
  {
    clock,
    deadlines: clock.deadlines,
    random: systemRandom,
    serverTable: new ServerTable(shared.serverTable, 1, 0),
    capacity: new ConnectionCapacity(shared.capacity, { connections: 10, places: 10 }, 0, clock, {
      onFull: () => {},
      onRoom: () => {},
    }),
    requestQueues: new RequestQueues(new QueueTable(shared.queueTable, 1, 0), 0),
    metricsTable: new MetricsTable(shared.metricsTable, 2, 0, shared.serverSlots),
    crowdCounter: new CrowdCounter(shared.crowdCounter),
    ticketTrail: new TicketTrail(shared.ticketTrail),
    // No client comes.
    pipeline: {} as PipelineServices,
  },
  { admits: () => true, onAcceptError: () => {} },
);
const objects = demoConfiguration({
  port: 0,
  servers: [{ name: 'one', port: 9001 }],
  certificate: certificate.certificatePem,
  key: certificate.privateKeyPem,
});
const { snapshot, secrets } = loadConfig(objects, { nowS: NOW_S }).compiled;
const change = changeFrom(EMPTY_SNAPSHOT, snapshot);
const slots = memory.assign(snapshot);
await applier.prepare({ version: 1, since: 0, change, secrets, rings: newRing(), slots });
assert.deepEqual(await applier.commit(), []);
const before = keysInMemory();
assert.ok(before.every((count) => count > 0));

applier.applyRings(newRing(), new Set());
// Handshakes under way may still need the former ones.
assert.deepEqual(
  keysInMemory(),
  before.map((count) => 2 * count),
);
clock.advance(60_000);
assert.deepEqual(keysInMemory(), before);
await applier.drain(false);
clock.deadlines.stop();
