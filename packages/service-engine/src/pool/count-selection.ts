// The metrics of persistence: what became of an entry, counted the same way for every method.

import { type MetricsRow, metricOffset } from '../telemetry/metrics-table.ts';
import type { ConnectionSelection } from './select-for-connection.ts';

/** As the label of the metrics names them. */
export type CountedMethod = 'tls' | 'http_cookie';

const offsetsOf = (method: CountedMethod) =>
  ({
    hit: metricOffset('limpet_persistence_hits_total', method),
    new: metricOffset('limpet_persistence_new_total', method),
    changed: metricOffset('limpet_persistence_changed_total', method),
    down: metricOffset('limpet_persistence_server_down_total', method),
    invalid: metricOffset('limpet_persistence_server_invalid_total', method),
  }) as const;

const OFFSETS = { tls: offsetsOf('tls'), http_cookie: offsetsOf('http_cookie') } as const;

export function countSelection(
  metrics: MetricsRow,
  method: CountedMethod,
  { persistence, failure }: Pick<ConnectionSelection, 'persistence' | 'failure'>,
): void {
  const offsets = OFFSETS[method];
  if (persistence !== 'none') metrics.add(offsets[persistence]);
  if (failure !== undefined) metrics.add(offsets[failure]);
}
