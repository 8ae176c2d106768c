// The HTTP probe, also over TLS: one request; status and, where asked for, a keyword in the first 2 kB of head and body.

import { type Address, describeAddress, type HealthMonitorSnapshot } from '@limpet/model';
import { exchangeBytes, type Judgement } from './exchange-bytes.ts';
import { judgeKeyword, MAINTENANCE_WORDS, saysMaintenance } from './judge-payload.ts';
import type { Probe } from './probe.ts';

type HttpMonitor = HealthMonitorSnapshot & { kind: 'http' };

const STATUS_LINE = /^HTTP\/\d\.\d (\d{3})(?: |\r?\n)/;
/** `HTTP/1.1 200` and a line end: what has not matched by then never will. */
const STATUS_BYTES = 14;

export const probeHttp: Probe<HttpMonitor> = (target, monitor, services) =>
  exchangeBytes(
    target,
    probeRequest(target, monitor),
    monitor.receiveTimeoutMs,
    (received, complete) => judgeResponse(received, complete, monitor),
    services,
    monitor.tls,
  );

/** Adds Host, User-Agent, Accept and Connection unless they are there, or the monitor says exact_http_request. */
export function probeRequest(target: Address, { request, body, exact }: HttpMonitor): string {
  if (exact) return `${request}${request.includes('\r\n\r\n') ? '' : '\r\n\r\n'}${body ?? ''}`;
  const has = (name: string): boolean => new RegExp(`\r\n${name}:`, 'i').test(request);
  let head = request;
  const add = (name: string, value: string): void => {
    if (!has(name)) head += `\r\n${name}: ${value}`;
  };
  add('Host', describeAddress(target));
  add('User-Agent', 'limpet');
  add('Accept', '*/*');
  add('Connection', 'close');
  if (body !== undefined) add('Content-Length', String(Buffer.byteLength(body, 'latin1')));
  return `${head}\r\n\r\n${body ?? ''}`;
}

/** Whether the head says how long the body is, and all of it is there: a server may keep the connection. */
function isWhole(received: string): boolean {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd < 0) return false;
  const length = /\r\ncontent-length: *(\d+) *\r\n/i.exec(received.slice(0, headEnd + 2))?.[1];
  return length !== undefined && received.length - headEnd - 4 >= Number(length);
}

function judgeResponse(received: string, complete: boolean, monitor: HttpMonitor): Judgement {
  const status = STATUS_LINE.exec(received)?.[1];
  if (status === undefined) {
    if (!complete && received.length < STATUS_BYTES) return { kind: 'more' };
    if (received === '') {
      return { kind: 'failed', failureCode: 'CONNECTION_RESET', reason: 'closed without an answer' };
    }
    return { kind: 'failed', failureCode: 'PAYLOAD_CONTENT_MISMATCH', reason: 'the answer is not HTTP' };
  }
  const code = Number(status);
  if (monitor.maintenanceCodes?.includes(code) === true) {
    return {
      kind: 'failed',
      failureCode: 'MAINTENANCE_RESPONSE_CODE_MATCH',
      reason: `the status is ${status}, which says maintenance`,
    };
  }
  if (monitor.maintenanceResponse !== undefined) {
    if (saysMaintenance(received, monitor)) return MAINTENANCE_WORDS;
    // It may stand further on, whatever the status is.
    if (!complete && !isWhole(received)) return { kind: 'more' };
  }
  if (!monitor.statusRanges.some(([low, high]) => code >= low && code <= high)) {
    return { kind: 'failed', failureCode: 'RESPONSE_CODE_MISMATCH', reason: `the status is ${status}` };
  }
  return judgeKeyword(received, complete, monitor);
}
