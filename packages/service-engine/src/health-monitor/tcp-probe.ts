// The TCP probe: the connection opens, and, where asked for, an answer holds a keyword.

import type { HealthMonitorSnapshot } from '@limpet/model';
import { exchangeBytes } from './exchange-bytes.ts';
import type { Probe } from './probe.ts';

export const probeTcp: Probe<HealthMonitorSnapshot & { kind: 'tcp' }> = (target, monitor, services) =>
  exchangeBytes(
    target,
    monitor.request ?? '',
    monitor.receiveTimeoutMs,
    (received, complete) => {
      if (monitor.maintenanceResponse !== undefined && received.includes(monitor.maintenanceResponse)) {
        return {
          kind: 'failed',
          failureCode: 'MAINTENANCE_PAYLOAD_CONTENT_MATCH',
          reason: 'the answer says maintenance',
        };
      }
      if (monitor.response === undefined || received.includes(monitor.response)) return { kind: 'ok' };
      if (!complete) return { kind: 'more' };
      return {
        kind: 'failed',
        failureCode: 'PAYLOAD_CONTENT_MISMATCH',
        reason: 'the keyword is not in the answer',
      };
    },
    services,
  );
