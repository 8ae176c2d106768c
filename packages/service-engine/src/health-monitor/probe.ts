// What every probe takes and gives.

import type { Address, HealthMonitorSnapshot, TlsClientSnapshot } from '@limpet/model';
import type { TlsClient } from '../channel/tls-client.ts';
import type { Clock } from '../lifecycle/clock.ts';
import type { Deadlines } from '../lifecycle/deadlines.ts';
import type { CheckOutcome } from './health-state.ts';

/** Avi's failure codes, as far as these probes can tell them apart. */
export type FailureCode =
  | 'CONNECTION_REFUSED'
  | 'CONNECTION_TIMEOUT'
  | 'CONNECTION_RESET'
  | 'CONNECTION_ERROR'
  | 'SERVER_UNREACHABLE'
  | 'SSL_ERROR'
  | 'SSL_CERT_ERROR'
  | 'PAYLOAD_TIMEOUT'
  | 'PAYLOAD_CONTENT_MISMATCH'
  | 'RESPONSE_CODE_MISMATCH'
  /** Ours: there was no descriptor or port for the probe, which says nothing of the server. */
  | 'LOCAL_SHORTAGE'
  | 'MAINTENANCE_RESPONSE_CODE_MATCH'
  | 'MAINTENANCE_PAYLOAD_CONTENT_MATCH';

export type ProbeResult =
  | { readonly ok: true; readonly responseMs: number }
  | { readonly ok: false; readonly failureCode: FailureCode; readonly reason: string };

/** What a result is to the health state. */
export function outcomeOf(result: ProbeResult): CheckOutcome {
  if (result.ok) return 'ok';
  if (result.failureCode === 'LOCAL_SHORTAGE') return 'unknown';
  return result.failureCode.startsWith('MAINTENANCE_') ? 'maintenance' : 'failed';
}

export interface ProbeServices {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  /** The TLS of a monitor, made once; only probes over TLS need it. */
  readonly tlsClientOf?: (snapshot: TlsClientSnapshot) => TlsClient;
  /** Ends a probe under way, whose result nobody waits for. */
  readonly signal?: AbortSignal;
}

/** A probe ends within the monitor's receive timeout, closes what it opened, and never throws. */
export type Probe<M extends HealthMonitorSnapshot> = (
  target: Address,
  monitor: M,
  services: ProbeServices,
) => Promise<ProbeResult>;

/** Avi looks for keywords in the first 2 kB of an answer. */
export const MATCH_BYTES = 2048;
