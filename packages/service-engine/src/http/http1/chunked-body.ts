// The chunked transfer coding (RFC 9112 §7.1), decoded strictly and encoded.

import { filterFieldLines, NameSieve, NOT_IN_HEAD, nameToCgi } from './field-lines.ts';
import { type FieldVisitor, visitFields } from './head-scan.ts';

export interface ChunkedLimits {
  readonly trailerLimitBytes: number;
  /** Of all chunk extensions of a body together: nobody uses them but attackers (CVE-2024-22019). */
  readonly extensionLimitBytes: number;
}

export type ChunkedResult =
  | { readonly kind: 'more' }
  /** `rest`: offset of the first byte after the body. */
  | { readonly kind: 'end'; readonly trailerLines: string; readonly rest: number }
  | { readonly kind: 'refused'; readonly detail: string };

export interface ChunkedSink {
  /** A view on the bytes that were given to decode. */
  onData(part: Buffer): void;
}

type State = 'size' | 'extension' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'trailers' | 'ended';

const MORE: ChunkedResult = Object.freeze({ kind: 'more' });
const CR = 0x0d;
const LF = 0x0a;
const SEMICOLON = 0x3b;
/** 13 hex digits stay within what a number holds exactly. */
const SIZE_DIGITS_MAX = 13;
const TRAILER_FIELDS_MAX = 64;

// RFC 9110 §6.5.1: what frames, routes, authenticates or describes the content must come before it.
const NOT_IN_TRAILERS =
  /^(host|content-.*|transfer-encoding|trailer|te|connection|keep-alive|proxy-.*|upgrade|authorization|cookie|set-cookie|x-forwarded-.*|x-request-id|forwarded|expect|cache-control|max-forwards|range|age|date|location|retry-after|vary|warning|www-authenticate|if-.*)$/;

/** Whether a field of this lower-case name may come after the content. */
export function mayBeTrailer(name: string): boolean {
  return !NOT_IN_TRAILERS.test(nameToCgi(name));
}

export class ChunkedDecoder {
  readonly #limits: ChunkedLimits;
  #state: State = 'size';
  #size = 0;
  #digits = 0;
  #extensionBytes = 0;
  #trailers = '';

  constructor(limits: ChunkedLimits) {
    this.#limits = limits;
  }

  /** Takes the next bytes, of any length. After `end` or `refused` it is not called again. */
  decode(bytes: Buffer, sink: ChunkedSink): ChunkedResult {
    let at = 0;
    while (at < bytes.length) {
      if (this.#state === 'data') {
        const part = Math.min(this.#size, bytes.length - at);
        sink.onData(bytes.subarray(at, at + part));
        at += part;
        this.#size -= part;
        if (this.#size === 0) this.#state = 'data-cr';
        continue;
      }
      if (this.#state === 'trailers') return this.#readTrailers(bytes, at);
      const detail = this.#step(bytes[at] as number);
      if (detail !== undefined) return { kind: 'refused', detail };
      at++;
    }
    return MORE;
  }

  /** One byte of what surrounds the data; the rule that is broken, if one is. */
  #step(byte: number): string | undefined {
    switch (this.#state) {
      case 'size': {
        const digit = hexDigit(byte);
        if (digit >= 0) {
          if (++this.#digits > SIZE_DIGITS_MAX) return 'chunk size';
          this.#size = this.#size * 16 + digit;
          return undefined;
        }
        if (this.#digits === 0) return 'chunk size';
        if (byte === CR) this.#state = 'size-lf';
        else if (byte === SEMICOLON) this.#state = 'extension';
        else return 'chunk size';
        return undefined;
      }
      case 'extension':
        if (++this.#extensionBytes > this.#limits.extensionLimitBytes) return 'chunk extensions';
        if (byte === CR) this.#state = 'size-lf';
        else if ((byte < 0x20 && byte !== 0x09) || byte === 0x7f) return 'chunk extension';
        return undefined;
      case 'size-lf':
        if (byte !== LF) return 'line end of a chunk size';
        this.#state = this.#size === 0 ? 'trailers' : 'data';
        this.#digits = 0;
        return undefined;
      case 'data-cr':
        if (byte !== CR) return 'line end of a chunk';
        this.#state = 'data-lf';
        return undefined;
      case 'data-lf':
        if (byte !== LF) return 'line end of a chunk';
        this.#state = 'size';
        return undefined;
      default:
        return 'bytes after the end';
    }
  }

  #readTrailers(bytes: Buffer, at: number): ChunkedResult {
    const before = this.#trailers.length;
    // One byte more than may be, so that too much is seen as too much and not as the end.
    const room = this.#limits.trailerLimitBytes + 4 - before;
    const text = this.#trailers + bytes.toString('latin1', at, Math.min(bytes.length, at + room));
    const length = text.startsWith('\r\n') ? 2 : endOfSection(text, before);
    if (length < 0) {
      if (text.length > this.#limits.trailerLimitBytes)
        return { kind: 'refused', detail: 'trailers too large' };
      // Only what is new: trailers that come by the byte would else cost their length at each of them.
      const unchecked = text.slice(before > 0 && text[before - 1] === '\r' ? before - 1 : before);
      if (/(?<!\r)\n|\r(?!\n|$)/.test(unchecked)) return { kind: 'refused', detail: 'trailers' };
      this.#trailers = text;
      return MORE;
    }
    this.#state = 'ended';
    const rest = at + length - before;
    if (length === 2) return { kind: 'end', trailerLines: '', rest };
    const section = text.slice(0, length);
    if (NOT_IN_HEAD.test(section)) return { kind: 'refused', detail: 'trailers' };
    const limits = {
      headLimitBytes: this.#limits.trailerLimitBytes,
      fieldLineLimitBytes: this.#limits.trailerLimitBytes,
      fieldCountLimit: TRAILER_FIELDS_MAX,
    };
    const block = visitFields(section, 0, limits, NOTHING_SPECIAL);
    if (block.kind !== 'lines') return { kind: 'refused', detail: 'trailers' };
    return {
      kind: 'end',
      trailerLines: filterFieldLines(block.lines, mayBeTrailer),
      rest,
    };
  }
}

const NOTHING_SPECIAL: FieldVisitor = { sieve: new NameSieve([]), onSpecial: () => false };

/** Length of the trailer section with its empty line, or -1. */
function endOfSection(text: string, searched: number): number {
  const found = text.indexOf('\r\n\r\n', Math.max(0, searched - 3));
  return found < 0 ? -1 : found + 4;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** What comes before the data of a chunk; CRLF comes after it. */
export function chunkHeader(bytes: number): string {
  return `${bytes.toString(16)}\r\n`;
}

/** The last chunk with the trailer section. */
export function lastChunk(trailerLines: string): string {
  return `0\r\n${trailerLines}\r\n`;
}
