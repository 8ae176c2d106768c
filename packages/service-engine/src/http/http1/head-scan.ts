// Finding the end of a head in the bytes that came so far, and cutting its field lines.

import { FIELD_NAME, type HeadLimits, NOT_IN_HEAD, PLAIN_FIELD_NAME, trimWhitespace } from './field-lines.ts';

const CR = 0x0d;
const LF = 0x0a;
const HEAD_END = Buffer.from('\r\n\r\n');

export type HeadText =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'too-large' }
  | { readonly kind: 'malformed'; readonly detail: string };

/** The head as latin1 text, its final empty line included, checked for characters that no head may hold. */
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
  const text = bytes.toString('latin1', start, found + HEAD_END.length);
  if (NOT_IN_HEAD.test(text)) return { kind: 'malformed', detail: 'a control character or a lone CR or LF' };
  return { kind: 'text', text };
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
  /** Lengths of names that {@link onSpecial} is to be asked about. */
  readonly lengths: ReadonlySet<number>;
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
  let kept = '';
  let runStart = at;
  let lineStart = at;
  let count = 0;
  while (lineStart < end) {
    const lineEnd = text.indexOf('\r\n', lineStart);
    if (lineEnd - lineStart > limits.fieldLineLimitBytes || ++count > limits.fieldCountLimit)
      return { kind: 'too-large' };
    let valueStart = endOfName(
      text,
      lineStart,
      limits.dropsDottedNames === true ? PLAIN_FIELD_NAME : FIELD_NAME,
    );
    if (valueStart === 0) {
      valueStart = endOfName(text, lineStart, FIELD_NAME);
      if (valueStart === 0) return { kind: 'malformed', detail: 'a field name' };
      kept += text.slice(runStart, lineStart);
      runStart = lineEnd + 2;
      lineStart = lineEnd + 2;
      continue;
    }
    const nameLength = valueStart - 1 - lineStart;
    if (visitor.lengths.has(nameLength)) {
      const name = text.slice(lineStart, valueStart - 1).toLowerCase();
      const verdict = visitor.onSpecial(name, trimWhitespace(text, valueStart, lineEnd));
      if (typeof verdict === 'string') return { kind: 'malformed', detail: verdict };
      if (verdict) {
        kept += text.slice(runStart, lineStart);
        runStart = lineEnd + 2;
      }
    }
    lineStart = lineEnd + 2;
  }
  return { kind: 'lines', lines: kept + text.slice(runStart, end) };
}

/** Where the value begins, or 0 where there is no such name. */
function endOfName(text: string, lineStart: number, name: RegExp): number {
  name.lastIndex = lineStart;
  return name.test(text) ? name.lastIndex : 0;
}

/** Content-Length as 1*DIGIT within what a number holds exactly; undefined if it is anything else, a list included. */
export function parseContentLength(value: string): number | undefined {
  if (!/^\d{1,16}$/.test(value)) return undefined;
  const bytes = Number(value);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
