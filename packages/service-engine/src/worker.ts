// A worker thread: composes listener, pipeline and HTTP over the shared tables, and does what the main thread says.

import { getHeapStatistics } from 'node:v8';
import { parentPort, workerData } from 'node:worker_threads';
import { LimpetError } from '@limpet/model';
import { systemClock } from './lifecycle/clock.ts';
import { Deadlines, intervalTicker } from './lifecycle/deadlines.ts';
import { systemRandom } from './lifecycle/random.ts';
import { ConnectionCapacity } from './listener/connection-capacity.ts';
import { DescriptorGuard } from './listener/descriptor-guard.ts';
import { CrowdCounter } from './load-balancing/crowd-counter.ts';
import { TicketTrail } from './load-balancing/ticket-trail.ts';
import { QueueTable } from './pool/queue-table.ts';
import { RequestQueues } from './pool/request-queues.ts';
import { ServerTable } from './pool/server-table.ts';
import { type Door, SnapshotApplier } from './snapshot/apply-snapshot.ts';
import type { MainToWorker, WorkerStart, WorkerToMain } from './snapshot/worker-messages.ts';
import { openAccessLog } from './telemetry/access-log.ts';
import { MetricsTable, metricOffset } from './telemetry/metrics-table.ts';
import type { PipelineServices } from './virtual-service/connection-pipeline.ts';

if (parentPort === null) throw new Error('a worker is started by the engine');
const port = parentPort;
const start = workerData as WorkerStart;

const send = (message: WorkerToMain): void => port.postMessage(message);

const serverTable = new ServerTable(start.serverTable, start.workers, start.worker);
// The last column is the main thread's.
const metricsTable = new MetricsTable(start.metricsTable, start.workers + 1, start.worker, start.serverSlots);
const deadlines = new Deadlines(systemClock);
const dropped = metricOffset('limpet_log_records_dropped_total');
const accessLog = openAccessLog(start.accessLog, deadlines, () => metricsTable.add('engine', 0, dropped));

// Unique over workers and restarts: a random start, then a count.
const idPrefix = `${start.engineId}${start.worker.toString(36)}${systemRandom.bytes(3).toString('hex')}-`;
let connections = 0;
let requests = 0;

const onException = (error: unknown): void => {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  send({ kind: 'exception', message, stack: stack ?? '' });
};

const capacity = new ConnectionCapacity(start.capacity, start.capacityLimits, start.worker, systemClock, {
  onFull: (boundBy) => send({ kind: 'full', boundBy }),
  onRoom: (refused) => send({ kind: 'room', refused }),
});

const pipeline: PipelineServices = {
  onGreeted: (socket) => capacity.greeted(socket),
  streamPlaces: capacity,
  clock: systemClock,
  deadlines,
  accessLog,
  worker: start.worker,
  newConnectionId: () => `${idPrefix}${(++connections).toString(36)}`,
  newRequestId: () => `${idPrefix}${(++requests).toString(36)}`,
  newWebSocketKey: () => systemRandom.bytes(16).toString('base64'),
  pipelineOf: (uuid) => applier.current.virtualServices.get(uuid)?.pipeline,
  random: systemRandom,
  onException,
  onShortage: (code) => descriptors.note(code),
};

const refused = metricOffset('limpet_connections_refused_total');
const RECLAIM_MS = 500;
const descriptors = new DescriptorGuard(start.descriptorLimit, {
  onShort: (detail) => {
    send({ kind: 'descriptors', short: true, detail });
    reclaim();
  },
  onEnough: () => send({ kind: 'descriptors', short: false, detail: '' }),
});
/** As long as descriptors are short, no connection to a server is kept for later. */
function reclaim(): void {
  applier.reclaimIdle();
  if (descriptors.isShort) deadlines.start(RECLAIM_MS, reclaim);
}

const door: Door = {
  admits: (socket) => {
    const admitted = descriptors.admits(socket);
    if (!admitted) metricsTable.add('engine', 0, refused);
    return admitted;
  },
  onAcceptError: (code) => descriptors.note(code),
};

const applier = new SnapshotApplier(
  {
    clock: systemClock,
    deadlines,
    random: systemRandom,
    serverTable,
    capacity,
    requestQueues: new RequestQueues(
      new QueueTable(start.queueTable, start.workers, start.worker),
      start.worker,
    ),
    metricsTable,
    crowdCounter: new CrowdCounter(start.crowdCounter),
    ticketTrail: new TicketTrail(start.ticketTrail),
    pipeline,
  },
  door,
);

// Every entry point catches its own; what still gets here must not end the other connections of this worker.
process.on('uncaughtException', onException);
process.on('unhandledRejection', onException);

let draining = false;
let drained = false;
let drainEndMs = Number.POSITIVE_INFINITY;
let keepIdle = false;

// One message after another: a commit must not overtake the prepare before it.
let last: Promise<void> = Promise.resolve();
let beforeDrain = last;
port.on('message', (message: MainToWorker) => {
  // A drain takes long, and what is said meanwhile must reach it.
  if (message.kind === 'reopen-log') {
    accessLog.reopen();
    return;
  }
  if (message.kind === 'cut') drainEndMs = 0;
  if (message.kind === 'leave-server' && draining) {
    void beforeDrain.then(() => drained || applier.leaveServer(message.slot)).catch(onException);
    return;
  }
  if (message.kind === 'drain') {
    drainEndMs = Math.min(drainEndMs, systemClock.monotonicMs() + message.drain.deadlineMs);
    keepIdle = message.drain.keepIdle;
    if (draining) void applier.drain(keepIdle).catch(onException);
    if (draining) return;
    draining = true;
    beforeDrain = last;
  }
  last = last.then(() => handle(message)).catch(onException);
});
const DEADLINES = metricOffset('limpet_deadlines_waiting');
const HEAP = metricOffset('limpet_heap_used_bytes');
const VITALS_EVERY_MS = 2000;
intervalTicker(() => {
  metricsTable.set('engine', 0, DEADLINES, deadlines.size);
  metricsTable.set('engine', 0, HEAP, getHeapStatistics().used_heap_size);
}, VITALS_EVERY_MS);
send({ kind: 'started' });

async function handle(message: MainToWorker): Promise<void> {
  switch (message.kind) {
    case 'prepare': {
      const { version } = message.config;
      try {
        take([...applier.unusedDescriptors, ...message.descriptors.values()]);
        await applier.prepare(message.config, message.descriptors);
        const descriptors = applier.unusedDescriptors;
        if (descriptors.length > 0) send({ kind: 'holds', descriptors });
        send({ kind: 'prepared', version });
      } catch (error) {
        send({ kind: 'refused', version, reason: describeRefusal(error) });
      }
      break;
    }
    case 'commit': {
      take(applier.unusedDescriptors);
      const failures = await applier.commit().catch((error: unknown) => [describeRefusal(error)]);
      const { version: serving } = applier.current;
      const { listening } = applier;
      send({ kind: 'committed', version: message.version, serving, listening, failures });
      break;
    }
    case 'discard':
      take(applier.unusedDescriptors);
      applier.discard();
      break;
    case 'rings':
      try {
        applier.applyRings(message.rings, message.destroyed);
        send({ kind: 'rings-applied', id: message.id });
      } catch (error) {
        send({ kind: 'rings-applied', id: message.id, reason: describeRefusal(error) });
      }
      break;
    case 'leave-server':
      applier.leaveServer(message.slot);
      break;
    case 'drain':
      await drain();
      break;
  }
}

/** What becomes of them is this thread's affair. */
function take(descriptors: readonly number[]): void {
  if (descriptors.length > 0) send({ kind: 'took', descriptors });
}

/** Errors of OpenSSL may quote what they choke on, but never key material; others are ours. */
function describeRefusal(error: unknown): string {
  if (error instanceof LimpetError) return error.message;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

const DRAIN_LOOK_MS = 50;

async function drain(): Promise<void> {
  await applier.drain(keepIdle);
  while (applier.openConnections > 0 && systemClock.monotonicMs() < drainEndMs) {
    await new Promise<void>((resolve) => deadlines.start(DRAIN_LOOK_MS, resolve));
  }
  const left = applier.openConnections;
  applier.destroyConnections();
  drained = true;
  await accessLog.close();
  send({ kind: 'drained', left });
}
