// The condition of servers: what monitors and clients' requests find out goes into shared memory, metrics and the log.

import type { PoolSnapshot } from '@limpet/model';
import type { Logger } from 'pino';
import type { HealthTransition } from '../health-monitor/health-schedule.ts';
import {
  FAILING_SHARE,
  type OutcomeCounts,
  type PassiveTransition,
} from '../health-monitor/passive-health.ts';
import type { Clock } from '../lifecycle/clock.ts';
import { beginsRamp } from '../pool/server-share.ts';
import type { ServerTable } from '../pool/server-table.ts';
import { type MetricsTable, metricOffset } from '../telemetry/metrics-table.ts';

const SERVER_UP = metricOffset('limpet_server_up');
const FAILURES = metricOffset('limpet_server_failures_total');
const UNAVAILABLE = metricOffset('limpet_server_unavailable_total');
const ANSWERS = ['2xx', '3xx', '4xx', '5xx'].map((status) =>
  metricOffset('limpet_server_responses_total', status),
);

export interface ServerConditionServices {
  readonly clock: Clock;
  readonly log: Logger;
  readonly serverTable: ServerTable;
  readonly metrics: MetricsTable;
  readonly slotOf: (poolUuid: string, serverId: string) => number | undefined;
  /** The pool as it is in effect; undefined where it is new. */
  readonly poolInEffect: (poolUuid: string) => PoolSnapshot | undefined;
}

export class ServerConditions {
  readonly #services: ServerConditionServices;

  constructor(services: ServerConditionServices) {
    this.#services = services;
  }

  /** A monitor has changed its mind: every worker sees it with its next look at the server. */
  noteHealth({ pool, server, verdict, monitor, failureCode, reason }: HealthTransition): void {
    const { clock, log, serverTable, metrics, slotOf, poolInEffect } = this.#services;
    const slot = slotOf(pool.uuid, server.id);
    if (slot !== undefined) {
      if (verdict === 'up' && beginsRamp(serverTable.health(slot), poolInEffect(pool.uuid), server))
        serverTable.startRamp(slot, clock.monotonicMs());
      serverTable.setHealth(slot, verdict);
      metrics.set('server', slot, SERVER_UP, verdict === 'up' ? 1 : 0);
    }
    // One that nobody probes is up because nothing says otherwise: of ten thousand that would be ten thousand lines without news.
    if (verdict === 'up' && monitor === '') return;
    const about = { pool: pool.name, server: server.name, monitor, failure_code: failureCode, reason };
    if (verdict === 'up') log.info({ event: 'SE_EV_SERVER_UP', ...about }, `server ${server.name} is up`);
    else
      log.warn(
        { event: 'SE_EV_SERVER_DOWN', ...about },
        `server ${server.name} is down${verdict === 'maintenance' ? ' for maintenance' : ''}`,
      );
  }

  /** Requests to the server fail often, or do not any more. */
  notePassive({ pool, server, failing }: PassiveTransition): void {
    const { log, serverTable, slotOf } = this.#services;
    const slot = slotOf(pool.uuid, server.id);
    if (slot !== undefined) serverTable.setPassiveShare(slot, failing ? FAILING_SHARE : 1);
    const about = { pool: pool.name, server: server.name };
    if (failing)
      log.warn(
        { event: 'SERVER_FAILS_OFTEN', ...about },
        `requests to ${server.name} fail often; its share is lowered`,
      );
    else log.info({ event: 'SERVER_RECOVERED', ...about }, `server ${server.name} has its share again`);
  }

  /** What all workers have counted of the server that has the slot. */
  outcomesOf(slot: number): OutcomeCounts {
    const { metrics } = this.#services;
    let answers = 0;
    for (const offset of ANSWERS) answers += metrics.read('server', slot, offset);
    const failures = metrics.read('server', slot, FAILURES);
    const unavailable = metrics.read('server', slot, UNAVAILABLE);
    return { requests: answers + failures, failures: failures + unavailable };
  }
}
