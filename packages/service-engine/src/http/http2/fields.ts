// Fields of HTTP/2 as node:http2 takes and gives them, from and to the lines that forwarding works with.

import type { OutgoingHttpHeaders } from 'node:http2';
import { mayBeTrailer } from '../http1/chunked-body.ts';
import { eachFieldLine } from '../http1/field-lines.ts';

// RFC 9113 §8.2.2: connection-specific fields have no place here; the codecs have already taken most of them out.
const NOT_IN_HTTP2 = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'te',
]);

/** @param lines each `name: value\r\n`. */
export function fieldsOf(lines: string): OutgoingHttpHeaders {
  const fields: OutgoingHttpHeaders = Object.create(null);
  eachFieldLine(lines, (name, value) => {
    const key = name.toLowerCase();
    if (NOT_IN_HTTP2.has(key)) return;
    const known = fields[key];
    if (known === undefined) fields[key] = key === 'set-cookie' ? [value] : value;
    else if (Array.isArray(known)) known.push(value);
    else fields[key] = joined(key, String(known), value);
  });
  return fields;
}

/**
 * The same as names and values in turn, which node:http2 takes for the head of a response at half the cost: it copies an object field by field.
 *
 * @param pairs to which they are added.
 */
export function addFieldPairs(pairs: string[], lines: string): void {
  const valueAt = new Map<string, number>();
  eachFieldLine(lines, (name, value) => {
    const key = name.toLowerCase();
    if (NOT_IN_HTTP2.has(key)) return;
    const at = key === 'set-cookie' ? undefined : valueAt.get(key);
    if (at === undefined) valueAt.set(key, pairs.push(key, value) - 1);
    else pairs[at] = joined(key, pairs[at] as string, value);
  });
}

/** RFC 9110 §5.3: this says the same, and node:http2 throws on two Date or two X-Content-Type-Options fields. Cookie has a rule of its own (RFC 9113 §8.2.3). */
function joined(name: string, value: string, next: string): string {
  return `${value}${name === 'cookie' ? '; ' : ', '}${next}`;
}

/** @param rawTrailers names and values in turn. */
export function trailerLinesOf(rawTrailers: readonly string[]): string {
  let lines = '';
  for (let index = 0; index + 1 < rawTrailers.length; index += 2) {
    const name = rawTrailers[index] as string;
    const value = rawTrailers[index + 1] as string;
    const sound = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name) && !/[\r\n\0]/.test(value);
    if (sound && mayBeTrailer(name)) lines += `${name}: ${value}\r\n`;
  }
  return lines;
}
