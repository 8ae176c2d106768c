// What /metrics says of an engine: its metrics table, with the gauges that are a look at something else.

import { exposeMetrics, type MetricOwners } from '../telemetry/exposition.ts';
import { metricOffset } from '../telemetry/metrics-table.ts';
import { type EngineFacts, observeServer, oldestRing, overdueRings } from './engine-facts.ts';

const KEY_AGE = metricOffset('limpet_ticket_key_age_seconds');
const KEYS_OVERDUE = metricOffset('limpet_ticket_keys_overdue');
const WORKERS = metricOffset('limpet_workers');
const CONNECTIONS_LIMIT = metricOffset('limpet_connections_limit');
const SERVER_SHARE = metricOffset('limpet_server_share');
const SERVER_ACTIVE = metricOffset('limpet_server_requests_active');
const SERVER_DRAINING = metricOffset('limpet_server_draining');

export function describeMetrics(facts: EngineFacts): string {
  const { metrics } = facts.memory;
  const server = facts.inEffect.snapshot.pools.flatMap((pool) =>
    pool.servers.map((server) => {
      const { slot, share, activeRequests, draining } = observeServer(facts, pool, server);
      metrics.set('server', slot, SERVER_ACTIVE, activeRequests);
      metrics.set('server', slot, SERVER_DRAINING, draining ? 1 : 0);
      metrics.set('server', slot, SERVER_SHARE, share);
      return { slot, labels: { engine: facts.engineName, pool: pool.name, server: server.name } };
    }),
  );
  return exposeMetrics(metrics, { ...ownersBesideServers(facts), server });
}

/**
 * What a Controller is told every few seconds: without servers, which the runtime report has, and without what is zero. With ten thousand
 * servers all of it is 30 MB.
 */
export function describeMetricsInShort(facts: EngineFacts): string {
  return exposeMetrics(facts.memory.metrics, { ...ownersBesideServers(facts), server: [] }, { zeros: false });
}

function ownersBesideServers(facts: EngineFacts): Omit<MetricOwners, 'server'> {
  const { engineName, clock, memory, capacity, inEffect, workers } = facts;
  const { metrics, slots } = memory;
  const { snapshot, ringFacts } = inEffect;
  const nowS = Math.floor(clock.unixMs() / 1000);
  metrics.set('engine', 0, KEY_AGE, nowS - (oldestRing(ringFacts)?.rotatedAtS ?? nowS));
  metrics.set('engine', 0, KEYS_OVERDUE, overdueRings(ringFacts, nowS));
  metrics.set('engine', 0, WORKERS, workers);
  metrics.set('engine', 0, CONNECTIONS_LIMIT, capacity.connections);
  return {
    engine: [{ slot: 0, labels: { engine: engineName } }],
    virtual_service: snapshot.virtualServices.map(({ uuid, name }) => ({
      slot: slots.virtualServices.get(uuid) ?? 0,
      labels: { engine: engineName, virtual_service: name },
    })),
  };
}
