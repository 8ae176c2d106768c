// The Cookie and Set-Cookie fields: taking the cookies of one name out of them (RFC 6265 §4).

import { trimWhitespace } from './http1/field-lines.ts';

export interface TakenCookies {
  /** In the order in which they came. */
  readonly values: readonly string[];
  /** The field lines without them, else as they came; a Cookie field of which nothing is left goes, too. */
  readonly fieldLines: string;
}

const NO_VALUES: readonly string[] = Object.freeze([]);

/**
 * Names are compared as they are: a cookie's name is case-sensitive. Lines are walked once, however many cookies there are.
 *
 * @param fieldLines each `name: value\r\n`.
 */
export function takeCookies(fieldLines: string, name: string): TakenCookies {
  const marker = `${name}=`;
  // Most requests of a first visit, and all of clients that keep no cookies, end here.
  if (!fieldLines.includes(marker)) return { values: NO_VALUES, fieldLines };
  const values: string[] = [];
  const kept = mapLines(fieldLines, 'cookie', (line, valueAt) => {
    if (!line.includes(marker)) return line;
    const before = values.length;
    const others = line
      .slice(valueAt, -2)
      .split(';')
      .filter((pair) => {
        const text = trimWhitespace(pair, 0, pair.length);
        if (!text.startsWith(marker)) return true;
        values.push(text.slice(marker.length));
        return false;
      });
    if (values.length === before) return line;
    const rest = others.join(';');
    const text = trimWhitespace(rest, 0, rest.length);
    return text === '' ? '' : `${line.slice(0, valueAt)} ${text}\r\n`;
  });
  return { values, fieldLines: kept };
}

/** The lines without the Set-Cookie fields that set a cookie of this name. */
export function withoutSetCookie(fieldLines: string, name: string): string {
  const marker = `${name}=`;
  if (!fieldLines.includes(marker)) return fieldLines;
  return mapLines(fieldLines, 'set-cookie', (line, valueAt) =>
    trimWhitespace(line, valueAt, line.length - 2).startsWith(marker) ? '' : line,
  );
}

/** @param field lower case; the other lines stay as they are. */
function mapLines(lines: string, field: string, map: (line: string, valueAt: number) => string): string {
  let mapped = '';
  let at = 0;
  while (at < lines.length) {
    const end = lines.indexOf('\r\n', at) + 2;
    if (end < 2) break;
    const line = lines.slice(at, end);
    const isField =
      line.charCodeAt(field.length) === COLON && line.slice(0, field.length).toLowerCase() === field;
    mapped += isField ? map(line, field.length + 1) : line;
    at = end;
  }
  return mapped;
}

const COLON = 0x3a;
