// The memory that the threads of an engine share, as the main thread has it: made once, and whose row is which in it.

import type { Snapshot } from '@limpet/model';
import { ConnectionCapacity } from '../listener/connection-capacity.ts';
import { CrowdCounter } from '../load-balancing/crowd-counter.ts';
import { TicketTrail } from '../load-balancing/ticket-trail.ts';
import { POOL_SLOTS_MAX, QueueTable } from '../pool/queue-table.ts';
import { SERVER_SLOTS_MAX, ServerTable } from '../pool/server-table.ts';
import { SlotAllocator } from '../snapshot/slot-allocator.ts';
import { type SlotNumbers, serverSlotKey } from '../snapshot/slot-numbers.ts';
import type { WorkerStart } from '../snapshot/worker-messages.ts';
import { MetricsTable, metricOffset, VIRTUAL_SERVICE_SLOTS_MAX } from '../telemetry/metrics-table.ts';

const CONNECTIONS_OPEN = metricOffset('limpet_connections_open');

/** What every worker thread is given of it. */
export type SharedMemory = Pick<
  WorkerStart,
  | 'workers'
  | 'serverTable'
  | 'queueTable'
  | 'capacity'
  | 'metricsTable'
  | 'crowdCounter'
  | 'ticketTrail'
  | 'serverSlots'
>;

export class EngineMemory {
  readonly shared: SharedMemory;
  readonly serverTable: ServerTable;
  readonly queueTable: QueueTable;
  readonly metrics: MetricsTable;
  readonly #servers: SlotAllocator;
  readonly #pools: SlotAllocator;
  readonly #virtualServices: SlotAllocator;

  constructor(workers: number) {
    this.shared = {
      workers,
      serverTable: ServerTable.allocate(workers),
      queueTable: QueueTable.allocate(workers, SERVER_SLOTS_MAX),
      capacity: ConnectionCapacity.allocate(workers),
      // The last column is the main thread's.
      metricsTable: MetricsTable.allocate(workers + 1, SERVER_SLOTS_MAX),
      crowdCounter: CrowdCounter.allocate(),
      ticketTrail: TicketTrail.allocate(),
      serverSlots: SERVER_SLOTS_MAX,
    };
    this.serverTable = new ServerTable(this.shared.serverTable, workers, -1);
    this.queueTable = new QueueTable(this.shared.queueTable, workers, -1);
    this.metrics = new MetricsTable(this.shared.metricsTable, workers + 1, workers, SERVER_SLOTS_MAX);
    this.#servers = new SlotAllocator(
      SERVER_SLOTS_MAX,
      (slot) => this.serverTable.placed(slot) === 0 && this.serverTable.active(slot) === 0,
      (slot) => {
        this.serverTable.reset(slot);
        this.queueTable.resetServer(slot);
        this.metrics.reset('server', slot);
      },
    );
    this.#pools = new SlotAllocator(
      POOL_SLOTS_MAX,
      (slot) => this.queueTable.waiting(slot) === 0,
      (slot) => this.queueTable.resetPool(slot),
    );
    this.#virtualServices = new SlotAllocator(
      VIRTUAL_SERVICE_SLOTS_MAX,
      (slot) => this.metrics.read('virtual_service', slot, CONNECTIONS_OPEN) === 0,
      (slot) => this.metrics.reset('virtual_service', slot),
    );
  }

  /** By connections of clients, and by streams beside the first of one. */
  get placesTaken(): number {
    return ConnectionCapacity.taken(this.shared.capacity);
  }

  get slots(): SlotNumbers {
    return {
      servers: this.#servers.slots,
      pools: this.#pools.slots,
      virtualServices: this.#virtualServices.slots,
    };
  }

  slotOf(poolUuid: string, serverId: string): number | undefined {
    return this.#servers.slots.get(serverSlotKey(poolUuid, serverId));
  }

  /** Rows for everything in the snapshot, beside those of what is in effect. @throws RangeError where there are not enough. */
  assign(snapshot: Snapshot): SlotNumbers {
    const keys = keysOf(snapshot);
    return {
      servers: this.#servers.assign(keys.servers),
      pools: this.#pools.assign(keys.pools),
      virtualServices: this.#virtualServices.assign(keys.virtualServices),
    };
  }

  /** Lets go of every row but those of the snapshot; call when it is what all workers have. */
  retain(snapshot: Snapshot): void {
    const keys = keysOf(snapshot);
    this.#servers.retain(new Set(keys.servers));
    this.#pools.retain(new Set(keys.pools));
    this.#virtualServices.retain(new Set(keys.virtualServices));
  }

  /** Takes out what a worker held; call once it has exited. */
  releaseWorker(worker: number): void {
    this.serverTable.releaseWorker(worker);
    ConnectionCapacity.releaseWorker(this.shared.capacity, worker);
    this.queueTable.releaseWorker(worker, this.#pools.highWater, this.#servers.highWater);
    this.metrics.releaseWorker(worker, {
      engine: 1,
      virtual_service: this.#virtualServices.highWater,
      server: this.#servers.highWater,
    });
  }
}

function keysOf({ pools, virtualServices }: Snapshot): Record<keyof SlotNumbers, readonly string[]> {
  return {
    servers: pools.flatMap(({ uuid, servers }) => servers.map(({ id }) => serverSlotKey(uuid, id))),
    pools: pools.map(({ uuid }) => uuid),
    virtualServices: virtualServices.map(({ uuid }) => uuid),
  };
}
