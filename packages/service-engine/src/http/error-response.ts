// The engine's own answers: a status, a plain sentence, and the request id by which an operator finds the record.

import { STATUS_CODES } from 'node:http';
import { type ErrorCode, errorCatalogue } from '@limpet/model';
import type { ResponseHead } from './message.ts';

export interface OwnResponse {
  readonly head: ResponseHead;
  readonly body: Buffer;
}

const RETRY_AFTER_S = 1;
/** Of an answer that is true now only. */
export const UNCACHED = 'Cache-Control: no-store\r\n';

/** To a client that waits with its body (RFC 9110 §15.2.1). */
export const CONTINUE: ResponseHead = {
  version: '1.1',
  status: 100,
  reason: 'Continue',
  fieldLines: '',
  body: { kind: 'none' },
  declaredLength: undefined,
  keepAlive: true,
};

/** The answer for an error of the catalogue that has a status. Nothing of the request is echoed. */
export function createErrorResponse(code: ErrorCode, requestId: string, method: string): OwnResponse {
  const { status, message } = errorCatalogue[code];
  const reason = STATUS_CODES[status] ?? '';
  const body = Buffer.from(`${status} ${reason}\n\nLimpet: ${message}.\nRequest id: ${requestId}\n`);
  return ownResponse(status, UNCACHED + retryAfter(status), body, method);
}

/** What the operator has prepared for while every server is down. */
export function createFailResponse(
  status: 200 | 503,
  contentType: string,
  body: string,
  method: string,
): OwnResponse {
  return ownResponse(status, UNCACHED + retryAfter(status), Buffer.from(body), method, contentType);
}

/** Sends the client elsewhere. */
export function createRedirect(status: number, location: string, method: string, lines = ''): OwnResponse {
  const body = Buffer.from(`${location}\n`, 'latin1');
  return ownResponse(status, `${lines}Location: ${location}\r\n`, body, method);
}

function retryAfter(status: number): string {
  return status === 503 ? `Retry-After: ${RETRY_AFTER_S}\r\n` : '';
}

function ownResponse(
  status: number,
  fieldLines: string,
  body: Buffer,
  method: string,
  contentType = 'text/plain; charset=utf-8',
): OwnResponse {
  return {
    head: {
      version: '1.1',
      status,
      reason: STATUS_CODES[status] ?? '',
      fieldLines: `Content-Type: ${contentType}\r\n${fieldLines}`,
      body: method === 'HEAD' ? { kind: 'none' } : { kind: 'length', bytes: body.length },
      declaredLength: method === 'HEAD' ? body.length : undefined,
      keepAlive: true,
    },
    body: method === 'HEAD' ? Buffer.alloc(0) : body,
  };
}
