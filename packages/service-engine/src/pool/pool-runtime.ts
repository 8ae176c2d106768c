// A pool as one worker sees it: its servers, and the frozen structures that choose among them.

import type { PoolSnapshot } from '@limpet/model';
import type { TlsClient } from '../channel/tls-client.ts';
import type { Clock } from '../lifecycle/clock.ts';
import type { RandomSource } from '../lifecycle/random.ts';
import { createPicker } from '../load-balancing/create-picker.ts';
import type { CrowdCounter } from '../load-balancing/crowd-counter.ts';
import type { Picker } from '../load-balancing/picker.ts';
import { createRendezvous, type Rendezvous } from '../load-balancing/rendezvous.ts';
import type { TicketTrail } from '../load-balancing/ticket-trail.ts';
import type { RequestQueue } from './request-queue.ts';
import type { ServerRuntime } from './server-runtime.ts';

export interface PoolRuntime {
  readonly snapshot: PoolSnapshot;
  /** In the order of the snapshot. */
  readonly servers: readonly ServerRuntime[];
  readonly ratios: readonly number[];
  readonly serversById: ReadonlyMap<number, ServerRuntime>;
  readonly picker: Picker;
  readonly rendezvous: Rendezvous;
  readonly crowdCounter: CrowdCounter;
  readonly ticketTrail: TicketTrail;
  /** The same through all reloads. */
  readonly queue: RequestQueue;
  readonly clock: Clock;
  /** What takes over while this pool is down (FAIL_ACTION_BACKUP_POOL). */
  readonly backup: PoolRuntime | undefined;
  /** Of TLS to the servers; absent where there is none. */
  readonly tlsClient?: TlsClient;
}

/** What the pools of a worker share. */
export interface PoolServices {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly crowdCounter: CrowdCounter;
  readonly ticketTrail: TicketTrail;
}

export function createPoolRuntime(
  snapshot: PoolSnapshot,
  servers: readonly ServerRuntime[],
  services: PoolServices,
  queue: RequestQueue,
  backup?: PoolRuntime,
  tlsClient?: TlsClient,
): PoolRuntime {
  const rendezvous = createRendezvous(snapshot.servers);
  return Object.freeze({
    snapshot,
    servers: Object.freeze([...servers]),
    serversById: new Map(servers.map((server) => [server.id, server])),
    ratios: Object.freeze(snapshot.servers.map(({ ratio }) => ratio)),
    picker: createPicker(snapshot.algorithm, snapshot.servers, { ...services, rendezvous }),
    rendezvous,
    crowdCounter: services.crowdCounter,
    ticketTrail: services.ticketTrail,
    queue,
    clock: services.clock,
    backup,
    ...(tlsClient === undefined ? {} : { tlsClient }),
  });
}
