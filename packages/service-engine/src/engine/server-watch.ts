// All that watches servers, put together: health monitors, outcomes of requests, and the time that disabled ones have left.

import type { Snapshot } from '@limpet/model';
import type { Logger } from 'pino';
import { HealthSchedule } from '../health-monitor/health-schedule.ts';
import { PassiveHealth } from '../health-monitor/passive-health.ts';
import type { Clock } from '../lifecycle/clock.ts';
import type { Deadlines } from '../lifecycle/deadlines.ts';
import type { RandomSource } from '../lifecycle/random.ts';
import { type DisabledServer, ServerDrains } from '../pool/server-drains.ts';
import { MonitorTls } from '../tls/monitor-tls.ts';
import type { EngineMemory } from './engine-memory.ts';
import { ServerConditions } from './server-conditions.ts';

export interface ServerWatchServices {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly random: RandomSource;
  readonly log: Logger;
  readonly memory: EngineMemory;
  /** The time of a disabled server is over: what is left at it is to be cut. */
  readonly onDrained: (slot: number) => void;
}

export class ServerWatch {
  readonly health: HealthSchedule;
  readonly drains: ServerDrains;
  readonly #services: ServerWatchServices;
  readonly #monitorTls: MonitorTls;
  readonly #passive: PassiveHealth;
  /** Whose servers the monitors watch. */
  #watched: Snapshot | undefined;
  /** What is in effect. */
  #applied: Snapshot | undefined;

  constructor(services: ServerWatchServices) {
    const { clock, deadlines, random, log, memory } = services;
    const { serverTable, queueTable, metrics } = memory;
    const slotOf = (poolUuid: string, serverId: string) => memory.slotOf(poolUuid, serverId);
    this.#services = services;
    this.#monitorTls = new MonitorTls(clock);
    const conditions = new ServerConditions({
      clock,
      log,
      serverTable,
      metrics,
      slotOf,
      poolInEffect: (poolUuid) => this.#applied?.pools.find(({ uuid }) => uuid === poolUuid),
    });
    this.health = new HealthSchedule({
      clock,
      deadlines,
      random,
      tlsClientOf: (snapshot) => this.#monitorTls.of(snapshot),
      onTransition: (transition) => {
        conditions.noteHealth(transition);
        // Who waits for a server may have one now.
        queueTable.signalAll();
      },
    });
    this.#passive = new PassiveHealth({
      deadlines,
      slotOf,
      countsOf: (slot) => conditions.outcomesOf(slot),
      onTransition: (transition) => conditions.notePassive(transition),
    });
    this.drains = new ServerDrains({
      clock,
      deadlines,
      serverTable,
      slotOf,
      onStart: (disabled) => log.info(this.#describeDrain('SE_SERVER_DISABLED', disabled), 'disabled'),
      onOver: (disabled) => {
        log.info(this.#describeDrain('SE_SERVER_DRAINED', disabled), 'the time to drain is over');
        services.onDrained(disabled.slot);
        // Its health matters no more.
        this.#watch();
      },
    });
  }

  /**
   * Probes the servers of a snapshot before they get traffic; those that are known keep their state.
   *
   * @param secrets private keys (PEM) by hash.
   * @throws where OpenSSL refuses the TLS of a monitor; then those are watched that were before.
   */
  prepare(snapshot: Snapshot, secrets: ReadonlyMap<string, string>): void {
    this.#monitorTls.prepare(snapshot, secrets);
    this.#watched = snapshot;
    this.#watch();
  }

  /** Resolves when each server has had its first verdict. */
  firstVerdicts(): Promise<void> {
    return this.health.firstVerdicts();
  }

  /** What was prepared is in effect. */
  apply(snapshot: Snapshot): void {
    this.#applied = snapshot;
    this.#passive.apply(snapshot.pools);
    this.drains.apply(snapshot.pools);
  }

  /** What was prepared does not come into effect. */
  revert(): void {
    this.#watched = this.#applied;
    this.#watch();
  }

  stop(): void {
    this.#watched = undefined;
    this.health.stop();
    this.drains.stop();
    this.#passive.stop();
  }

  #watch(): void {
    const pools = this.#watched?.pools ?? [];
    this.health.apply(pools, (pool, server) => this.drains.isMonitored(pool, server));
  }

  #describeDrain(event: string, { pool, server, slot }: DisabledServer): object {
    const { serverTable } = this.#services.memory;
    return {
      event,
      pool: pool.name,
      server: server.name,
      graceful_disable_timeout_ms: pool.gracefulDisable.timeoutMs ?? -1,
      connections: serverTable.placed(slot),
      active_requests: serverTable.active(slot),
    };
  }
}
