// The TCP probe: the connection opens, and, where asked for, an answer holds a keyword.

import type { HealthMonitorSnapshot } from '@limpet/model';
import { exchangeBytes } from './exchange-bytes.ts';
import { judgeKeyword, MAINTENANCE_WORDS, saysMaintenance } from './judge-payload.ts';
import type { Probe } from './probe.ts';

export const probeTcp: Probe<HealthMonitorSnapshot & { kind: 'tcp' }> = (target, monitor, services) =>
  exchangeBytes(
    target,
    monitor.request ?? '',
    monitor.receiveTimeoutMs,
    (received, complete) =>
      saysMaintenance(received, monitor) ? MAINTENANCE_WORDS : judgeKeyword(received, complete, monitor),
    services,
  );
