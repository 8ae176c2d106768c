// Finding the end of a head in the bytes that came so far, and cutting its field lines.

import {
  FIELD_LINE,
  type HeadLimits,
  type NameSieve,
  NOT_IN_HEAD,
  PLAIN_FIELD_LINE,
  trimWhitespace,
} from './field-lines.ts';

const CR = 0x0d;
const LF = 0x0a;
const HEAD_END = Buffer.from('\r\n\r\n');

export type HeadText =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'malformed'; readonly detail: string };

/** The head as latin1 text, its final empty line included; what its lines hold is checked as they are read. */
export function scanHead(
  bytes: Buffer,
  start: number,
  end: number,
  searchFrom: number,
  limits: HeadLimits,
): HeadText {
  const found = bytes.indexOf(HEAD_END, Math.max(start, searchFrom));
  if (found < 0 || found + HEAD_END.length > end) {
    if (end - start > limits.headLimitBytes) return { kind: 'too-large' };
    // A client that ends its lines with bare LF would wait for ever for an answer to a head that never ends.
    return hasBareLf(bytes, start, end, searchFrom)
      ? { kind: 'malformed', detail: 'a line that ends with LF alone' }
      : { kind: 'incomplete' };
  }
  if (found + HEAD_END.length - start > limits.headLimitBytes) return { kind: 'too-large' };
  return { kind: 'text', text: bytes.toString('latin1', start, found + HEAD_END.length) };
}

/** What is wrong with a head of which a line does not match. @param otherwise where every character may stand in it. */
export function faultOf(text: string, otherwise: string): string {
  return NOT_IN_HEAD.test(text) ? 'a control character or a lone CR or LF' : otherwise;
}

function hasBareLf(bytes: Buffer, start: number, end: number, searchFrom: number): boolean {
  let at = bytes.indexOf(LF, Math.max(start, searchFrom));
  while (at >= 0 && at < end) {
    if (at === start || bytes[at - 1] !== CR) return true;
    at = bytes.indexOf(LF, at + 1);
  }
  return false;
}

export interface FieldVisitor {
  /** Holds the names that {@link onSpecial} is to be asked about. */
  readonly sieve: NameSieve;
  /** Whether the line is taken out; `name` is lower case. Returns a string to refuse the head, with the reason. */
  onSpecial(name: string, value: string): boolean | string;
}

export type FieldBlock =
  | { readonly kind: 'lines'; readonly lines: string }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'malformed'; readonly detail: string };

/** Goes through the field lines from `at`, and returns those that pass; runs of them are cut out as they are. */
export function visitFields(text: string, at: number, limits: HeadLimits, visitor: FieldVisitor): FieldBlock {
  const end = text.length - 2;
  const expected = limits.dropsDottedNames === true ? PLAIN_FIELD_LINE : FIELD_LINE;
  let kept = '';
  let runStart = at;
  let lineStart = at;
  let count = 0;
  while (lineStart < end) {
    const matched = endOfLine(text, lineStart, expected);
    const next = matched === 0 ? text.indexOf('\r\n', lineStart) + 2 : matched;
    if (next - 2 - lineStart > limits.fieldLineLimitBytes || ++count > limits.fieldCountLimit)
      return { kind: 'too-large' };
    if (matched === 0) {
      if (endOfLine(text, lineStart, FIELD_LINE) === 0)
        return { kind: 'malformed', detail: faultOf(text, 'a field name') };
      kept += text.slice(runStart, lineStart);
      runStart = next;
      lineStart = next;
      continue;
    }
    const colon = text.indexOf(':', lineStart);
    if (visitor.sieve.holds(colon - lineStart, text.charCodeAt(lineStart))) {
      const name = text.slice(lineStart, colon).toLowerCase();
      const verdict = visitor.onSpecial(name, trimWhitespace(text, colon + 1, next - 2));
      if (typeof verdict === 'string') return { kind: 'malformed', detail: verdict };
      if (verdict) {
        kept += text.slice(runStart, lineStart);
        runStart = next;
      }
    }
    lineStart = next;
  }
  return { kind: 'lines', lines: kept + text.slice(runStart, end) };
}

/** Where the next line begins, or 0 where this one is not such a line. */
function endOfLine(text: string, lineStart: number, line: RegExp): number {
  line.lastIndex = lineStart;
  return line.test(text) ? line.lastIndex : 0;
}

/** Content-Length as 1*DIGIT within what a number holds exactly; undefined if it is anything else, a list included. */
export function parseContentLength(value: string): number | undefined {
  if (!/^\d{1,16}$/.test(value)) return undefined;
  const bytes = Number(value);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
