// Field lines: what is allowed in them, and walking through a block of them (RFC 9110 §5.5, RFC 9112 §5).

/** Bounds of a head. */
export interface HeadLimits {
  /** The whole head, start line and final empty line included. */
  readonly headLimitBytes: number;
  /** One field line. */
  readonly fieldLineLimitBytes: number;
  readonly fieldCountLimit: number;
  /** Lines whose name has a dot are taken out. */
  readonly dropsDottedNames?: boolean;
}

/**
 * A whole line at lastIndex: a token, a colon, nothing that {@link NOT_IN_HEAD} matches, CRLF. Whitespace before the colon, an empty name and an obs-fold
 * do not match.
 */
export const FIELD_LINE = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\0-\x08\n-\x1f\x7f]*\r\n/y;

/** The same, of names without a dot. */
export const PLAIN_FIELD_LINE = /[!#$%&'*+\-^_`|~0-9A-Za-z]+:[^\0-\x08\n-\x1f\x7f]*\r\n/y;

/** Tells most names that are none of a set, nor look like one to a CGI server, by their length and first letter: they need not be cut out of the head. */
export class NameSieve {
  /** By length: a bit for each first letter. */
  readonly #letters: number[] = [];

  constructor(names: Iterable<string>) {
    for (const name of names)
      this.#letters[name.length] = (this.#letters[name.length] ?? 0) | letterBit(name.charCodeAt(0));
    for (let length = 0; length < this.#letters.length; length++) this.#letters[length] ??= 0;
  }

  /** False: the name is none of them for sure. */
  holds(length: number, firstCode: number): boolean {
    return length < this.#letters.length && ((this.#letters[length] as number) & letterBit(firstCode)) !== 0;
  }
}

/** Of a letter in either case; other characters may share one with a letter. */
function letterBit(code: number): number {
  return 1 << (code & 0x1f);
}

/**
 * What no head may hold: a line end that is not CRLF (each side of a proxy might see another line), and control characters. Bytes from 0x80 on
 * are obs-text and pass.
 */
export const NOT_IN_HEAD = /\r(?!\n)|(?<!\r)\n|[\0-\x08\v\f\x0e-\x1f\x7f]/;

/**
 * A lower-case name as CGI and WSGI servers tell it from others: Content_Length, and with some servers Content.Length or Content~Length, is to
 * them what Content-Length is.
 */
export function nameToCgi(name: string): string {
  return name.replace(/[^a-z0-9]/g, '-');
}

/** Calls back with the name and value of each line of `name: value\r\n` text. */
export function eachFieldLine(lines: string, onField: (name: string, value: string) => void): void {
  let at = 0;
  while (at < lines.length) {
    const end = lines.indexOf('\r\n', at);
    if (end < 0) return;
    const colon = lines.indexOf(':', at);
    if (colon > at && colon < end) onField(lines.slice(at, colon), trimWhitespace(lines, colon + 1, end));
    at = end + 2;
  }
}

/** The text without optional whitespace (SP, HTAB) at its ends. */
export function trimWhitespace(text: string, start: number, end: number): string {
  let from = start;
  let to = end;
  while (from < to && isWhitespace(text.charCodeAt(from))) from++;
  while (to > from && isWhitespace(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

/** The members of a comma-separated list, lower case, empty ones left out. */
export function tokenList(value: string): readonly string[] {
  return value
    .toLowerCase()
    .split(',')
    .map((member) => trimWhitespace(member, 0, member.length))
    .filter((member) => member !== '');
}

/** The lines whose lower-case name `keep` accepts. */
export function filterFieldLines(lines: string, keep: (name: string) => boolean): string {
  let kept = '';
  let at = 0;
  while (at < lines.length) {
    const end = lines.indexOf('\r\n', at) + 2;
    if (end < 2) break;
    const colon = lines.indexOf(':', at);
    if (keep(lines.slice(at, colon).toLowerCase())) kept += lines.slice(at, end);
    at = end;
  }
  return kept;
}

function isWhitespace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
