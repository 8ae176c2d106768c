// Asking the request parser in tests: a head in text, accepted or refused.

import assert from 'node:assert/strict';
import type { RequestHead } from '../message.ts';
import { parseRequestHead } from './request-head.ts';
import { testHeadLimits } from './test-message.ts';

export function parse(text: string, limits = testHeadLimits) {
  const bytes = Buffer.from(text, 'latin1');
  return parseRequestHead(bytes, 0, bytes.length, limits);
}

/** The head of a request with these further fields; it has to be accepted. */
export function accept(fields: string, line = 'POST /p HTTP/1.1', host = 'Host: a.test\r\n'): RequestHead {
  const parsed = parse(`${line}\r\n${host}${fields}\r\n`);
  assert.ok(
    parsed.kind === 'head',
    parsed.kind === 'refused' ? `refused ${JSON.stringify(fields || line)}: ${parsed.detail}` : parsed.kind,
  );
  return parsed.head;
}

export function refuse(
  error: string,
  fields: string,
  line = 'POST /p HTTP/1.1',
  host = 'Host: a.test\r\n',
): void {
  const parsed = parse(`${line}\r\n${host}${fields}\r\n`);
  assert.equal(parsed.kind === 'refused' ? parsed.error : parsed.kind, error, JSON.stringify(fields || line));
}
