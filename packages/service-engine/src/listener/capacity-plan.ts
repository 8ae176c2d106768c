// The capacity plan: how many connections and streams an engine may hold, by its memory and its descriptors, and how large its workers' heaps may grow.

import type { CapacityBound, CapacityLimits } from './connection-capacity.ts';

/** What a budget of memory has to hold; figures in docs/memory.md, measured by scripts/measure-connection-memory.ts. */
const ENGINE_BYTES = 96 * 2 ** 20;
const WORKER_BYTES = 64 * 2 ** 20;
/** The dearest state that a client can bring a connection or a stream into by itself, and hold it there (docs/decisions/0032-places.md). */
const CONNECTION_BYTES = 160 * 2 ** 10;
/** The part of it that lies in the heap of JavaScript, with room to spare. */
const CONNECTION_HEAP_BYTES = 24 * 2 ** 10;
/** Code, configuration and contexts of a worker. */
const WORKER_HEAP_BYTES = 192 * 2 ** 20;

/** One to the client, one to a server. */
const DESCRIPTORS_PER_CONNECTION = 2;
/** Files, sockets of probes, the admin server. */
const ENGINE_DESCRIPTORS = 400;
const WORKER_DESCRIPTORS = 32;

export interface MachineLimits {
  readonly memoryBytes: number;
  /** The most that a process may open. */
  readonly descriptors: number;
  readonly workers: number;
}

/** `connections` is 0 where not one fits. */
export interface CapacityPlan extends CapacityLimits {
  /** What says how many connections. Places are the memory's alone. */
  readonly boundBy: CapacityBound;
  /** Of each worker: the kernel may give one of them every connection. */
  readonly workerHeapMb: number;
}

export function planCapacity({ memoryBytes, descriptors, workers }: MachineLimits): CapacityPlan {
  const leftBytes = memoryBytes - ENGINE_BYTES - workers * WORKER_BYTES;
  const places = Math.min(Math.max(0, Math.floor(leftBytes / CONNECTION_BYTES)), PLACES_MAX);
  const leftDescriptors = descriptors - ENGINE_DESCRIPTORS - workers * WORKER_DESCRIPTORS;
  const byDescriptors = Math.max(0, Math.floor(leftDescriptors / DESCRIPTORS_PER_CONNECTION));
  return {
    connections: Math.min(places, byDescriptors),
    places,
    boundBy: places <= byDescriptors ? 'memory' : 'descriptors',
    workerHeapMb: Math.ceil((WORKER_HEAP_BYTES + places * CONNECTION_HEAP_BYTES) / 2 ** 20),
  };
}

/** What counters in 32 bits hold, by far. */
const PLACES_MAX = 2 ** 30;

/** The memory that an engine may use where nobody says: four fifths of what its container has, half of what its machine has. */
export function defaultMemoryBytes(machineBytes: number, constrainedBytes: number): number {
  // Without a limit there are zeros or numbers beyond all machines.
  const isConstrained = constrainedBytes > 0 && constrainedBytes < machineBytes;
  return Math.floor(isConstrained ? constrainedBytes * 0.8 : machineBytes * 0.5);
}

/** "Max open files" of /proc/self/limits; undefined where that says nothing. */
export function parseDescriptorLimit(limits: string): number | undefined {
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1];
  if (soft === undefined) return undefined;
  return soft === 'unlimited' ? Number.MAX_SAFE_INTEGER : Number(soft);
}
