// The time that disabled servers have left: when it is over, what is still under way at them is cut. Kept by the main thread for all workers.

import type { PoolSnapshot, ServerSnapshot } from '@limpet/model';
import type { Clock } from '../lifecycle/clock.ts';
import type { Deadline, Deadlines } from '../lifecycle/deadlines.ts';
import { keepsPersisted } from './disabled-server.ts';
import type { ServerTable } from './server-table.ts';

export interface DisabledServer {
  readonly pool: PoolSnapshot;
  readonly server: ServerSnapshot;
  readonly slot: number;
}

export interface ServerDrainServices {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly serverTable: ServerTable;
  readonly slotOf: (poolUuid: string, serverId: string) => number | undefined;
  readonly onStart: (disabled: DisabledServer) => void;
  /** Every worker is to cut what is left at the server. */
  readonly onOver: (disabled: DisabledServer) => void;
}

/** One drain, as /runtime shows it. */
export interface DrainReport {
  readonly over: boolean;
  /** Undefined: it may take as long as it takes, or is over. */
  readonly leftMs: number | undefined;
}

interface Drain {
  readonly disabled: DisabledServer;
  readonly startedAtMs: number;
  readonly timeoutMs: number | undefined;
  readonly deadline: Deadline | undefined;
  over: boolean;
}

/**
 * A drain begins when a configuration with the server disabled is put into effect, and ends by graceful_disable_timeout or by enabling the
 * server again. An engine that starts with a disabled server begins its drain then, as it cannot know when it was disabled.
 */
export class ServerDrains {
  readonly #services: ServerDrainServices;
  readonly #drains = new Map<string, Drain>();

  constructor(services: ServerDrainServices) {
    this.#services = services;
  }

  /** Call once every worker serves this configuration: from then on nothing new comes to a server that it disables. */
  apply(pools: readonly PoolSnapshot[]): void {
    const disabled = new Map<string, DisabledServer>();
    for (const pool of pools) {
      for (const server of pool.servers) {
        const slot = this.#services.slotOf(pool.uuid, server.id);
        if (!server.enabled && slot !== undefined) disabled.set(keyOf(pool, server), { pool, server, slot });
      }
    }
    for (const [key, drain] of this.#drains) {
      if (disabled.has(key)) continue;
      drain.deadline?.cancel();
      this.#drains.delete(key);
      // A server that left the pool has given its row up, or keeps it and may come back to it enabled.
      const { pool, server, slot } = drain.disabled;
      if (this.#services.slotOf(pool.uuid, server.id) === slot)
        this.#services.serverTable.setDrained(slot, false);
    }
    for (const [key, now] of disabled) this.#begin(key, now);
  }

  /** Whether the server's health matters: it is enabled, or disabled and its clients still come to it. */
  isMonitored(pool: PoolSnapshot, server: ServerSnapshot): boolean {
    if (server.enabled) return true;
    return keepsPersisted(pool, server) && this.#drains.get(keyOf(pool, server))?.over !== true;
  }

  /** Undefined where the server is enabled. */
  describe(pool: PoolSnapshot, server: ServerSnapshot): DrainReport | undefined {
    const drain = this.#drains.get(keyOf(pool, server));
    if (drain === undefined) return undefined;
    const { over, startedAtMs, timeoutMs } = drain;
    const spentMs = this.#services.clock.monotonicMs() - startedAtMs;
    return { over, leftMs: over || timeoutMs === undefined ? undefined : Math.max(0, timeoutMs - spentMs) };
  }

  stop(): void {
    for (const { deadline } of this.#drains.values()) deadline?.cancel();
    this.#drains.clear();
  }

  #begin(key: string, disabled: DisabledServer): void {
    const { clock, deadlines } = this.#services;
    const known = this.#drains.get(key);
    const { timeoutMs } = disabled.pool.gracefulDisable;
    const startedAtMs = known?.startedAtMs ?? clock.monotonicMs();
    // What was cut does not come back because there would be time for it now.
    const over = known?.over === true;
    known?.deadline?.cancel();
    const leftMs = timeoutMs === undefined ? undefined : startedAtMs + timeoutMs - clock.monotonicMs();
    const deadline =
      over || leftMs === undefined || leftMs <= 0 ? undefined : deadlines.start(leftMs, () => this.#end(key));
    this.#drains.set(key, { disabled, startedAtMs, timeoutMs, deadline, over });
    if (known === undefined) this.#services.onStart(disabled);
    if (!over && leftMs !== undefined && leftMs <= 0) this.#end(key);
  }

  #end(key: string): void {
    const drain = this.#drains.get(key);
    if (drain === undefined || drain.over) return;
    drain.over = true;
    this.#services.serverTable.setDrained(drain.disabled.slot, true);
    this.#services.onOver(drain.disabled);
  }
}

function keyOf(pool: PoolSnapshot, server: ServerSnapshot): string {
  return `${pool.uuid}/${server.id}`;
}
