// What /metrics says of an engine: its metrics table, with the gauges that are a look at something else.

import { exposeMetrics, type MetricOwners } from '../telemetry/exposition.ts';
import { metricOffset } from '../telemetry/metrics-table.ts';
import { type EngineFacts, observeServer } from './engine-facts.ts';

const KEY_AGE = metricOffset('limpet_ticket_key_age_seconds');
const WORKERS = metricOffset('limpet_workers');
const CONNECTIONS_LIMIT = metricOffset('limpet_connections_limit');
const SERVER_SHARE = metricOffset('limpet_server_share');
const SERVER_ACTIVE = metricOffset('limpet_server_requests_active');
const SERVER_DRAINING = metricOffset('limpet_server_draining');

export function describeMetrics(facts: EngineFacts): string {
  const { engineName, clock, memory, capacity, inEffect, workers } = facts;
  const { metrics, slots } = memory;
  const { snapshot, ringKeys } = inEffect;
  metrics.set('engine', 0, KEY_AGE, Math.floor(clock.unixMs() / 1000) - ringKeys.rotatedAtS);
  metrics.set('engine', 0, WORKERS, workers);
  metrics.set('engine', 0, CONNECTIONS_LIMIT, capacity.connections);
  const owners: MetricOwners = {
    engine: [{ slot: 0, labels: { engine: engineName } }],
    virtual_service: snapshot.virtualServices.map(({ uuid, name }) => ({
      slot: slots.virtualServices.get(uuid) ?? 0,
      labels: { engine: engineName, virtual_service: name },
    })),
    server: snapshot.pools.flatMap((pool) =>
      pool.servers.map((server) => {
        const { slot, share, activeRequests, draining } = observeServer(facts, pool, server);
        metrics.set('server', slot, SERVER_ACTIVE, activeRequests);
        metrics.set('server', slot, SERVER_DRAINING, draining ? 1 : 0);
        metrics.set('server', slot, SERVER_SHARE, share);
        return { slot, labels: { engine: engineName, pool: pool.name, server: server.name } };
      }),
    ),
  };
  return exposeMetrics(metrics, owners);
}
