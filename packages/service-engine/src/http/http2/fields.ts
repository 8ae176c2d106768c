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
    // RFC 9110 §5.3: this says the same, and node:http2 throws on two Date or two X-Content-Type-Options fields. Cookie has a rule of its own (RFC 9113 §8.2.3).
    else fields[key] = `${known}${key === 'cookie' ? '; ' : ', '}${value}`;
  });
  return fields;
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
