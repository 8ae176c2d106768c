// What the words of an answer say of a server: those that its monitor asks for, and those for maintenance. Both kinds of probe read them alike.

import type { HealthMonitorSnapshot } from '@limpet/model';
import type { Judgement } from './exchange-bytes.ts';

type Words = Pick<HealthMonitorSnapshot, 'maintenanceResponse' | 'response'>;

export function saysMaintenance(received: string, { maintenanceResponse }: Words): boolean {
  return maintenanceResponse !== undefined && received.includes(maintenanceResponse);
}

export const MAINTENANCE_WORDS: Judgement = {
  kind: 'failed',
  failureCode: 'MAINTENANCE_PAYLOAD_CONTENT_MATCH',
  reason: 'the answer says maintenance',
};

export function judgeKeyword(received: string, complete: boolean, { response }: Words): Judgement {
  if (response === undefined || received.includes(response)) return { kind: 'ok' };
  if (!complete) return { kind: 'more' };
  return {
    kind: 'failed',
    failureCode: 'PAYLOAD_CONTENT_MISMATCH',
    reason: 'the keyword is not in the answer',
  };
}
