// One server of a pool as one worker sees it: its configuration, its row in the shared tables, its connections.

import type { ServerSnapshot } from '@limpet/model';
import type { Clock } from '../lifecycle/clock.ts';
import type { MetricsRow } from '../telemetry/metrics-table.ts';
import type { IdleConnections, PooledConnection } from './idle-connections.ts';
import type { ServerTable } from './server-table.ts';
import type { SharedConnection, SharedConnections } from './shared-connections.ts';
import type { TlsSessions } from './tls-sessions.ts';

/** How long other servers are preferred after a connection to this one could not be opened. */
export const SUSPECT_MS = 3000;

export interface ServerRuntime {
  readonly snapshot: ServerSnapshot;
  /** The 48 bits of {@link ServerSnapshot.id}, as a session ticket carries them. */
  readonly id: number;
  readonly slot: number;
  readonly table: ServerTable;
  readonly metrics: MetricsRow;
  readonly idle: IdleConnections<PooledConnection>;
  /** Of HTTP/2. */
  readonly shared: SharedConnections<SharedConnection>;
  readonly tlsSessions: TlsSessions;
}

export function serverIdNumber(id: string): number {
  return Number.parseInt(id, 16);
}

/** Enabled by the operator and found up by the health monitors. */
export function isServerUp(server: ServerRuntime): boolean {
  return server.snapshot.enabled && isServerHealthy(server);
}

/** Found up by the health monitors, whatever the operator wants. */
export function isServerHealthy(server: ServerRuntime): boolean {
  return server.table.isUp(server.slot);
}

/** Down by its own word, which is not "down": it was taken out on purpose, as by the operator. */
export function isServerInMaintenance(server: ServerRuntime): boolean {
  return server.table.health(server.slot) === 'maintenance';
}

export function isServerSuspect(server: ServerRuntime, clock: Clock): boolean {
  return server.table.isSuspect(server.slot, clock.monotonicMs());
}

/** Whether every upstream connection that the limit allows is in use. */
export function isServerFull(server: ServerRuntime, connectionLimit: number): boolean {
  return connectionLimit > 0 && server.table.active(server.slot) >= connectionLimit;
}
