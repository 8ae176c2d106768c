// Reading DER (X.690): elements one after another, strictly; whatever is not DER ends the reading and throws nothing.

/** Tags as they stand in the first byte: class, constructed, number. */
export const derTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
} as const;

/** One element; what is in it is cut out when it is asked for, since a list may have half a million. */
export class DerElement {
  readonly tag: number;
  readonly #bytes: Buffer;
  readonly #start: number;
  readonly #contentStart: number;
  readonly #end: number;

  constructor(tag: number, bytes: Buffer, start: number, contentStart: number, end: number) {
    this.tag = tag;
    this.#bytes = bytes;
    this.#start = start;
    this.#contentStart = contentStart;
    this.#end = end;
  }

  get content(): Buffer {
    return this.#bytes.subarray(this.#contentStart, this.#end);
  }

  /** Header and content. */
  get whole(): Buffer {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  /** Goes through the elements in it. */
  read(): DerReader {
    return new DerReader(this.#bytes, this.#contentStart, this.#end);
  }

  /** The content as hex. */
  get hex(): string {
    return this.#bytes.toString('hex', this.#contentStart, this.#end);
  }
}

/** Longest length that is read: 3 bytes of it, 16 MB, as much as Avi lets a list have. */
const LENGTH_BYTES_MAX = 3;

/** Goes through elements that follow one another, one at a time. */
export class DerReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;

  constructor(bytes: Buffer, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#end;
  }

  /** The tag of the next element; undefined at the end. */
  get nextTag(): number | undefined {
    return this.isAtEnd ? undefined : this.#bytes[this.#at];
  }

  /** The next element; undefined where there is none, it is malformed, or it has another tag than the one asked for. */
  next(tag?: number): DerElement | undefined {
    const bytes = this.#bytes;
    const start = this.#at;
    if (this.#end - start < 2) return undefined;
    const found = bytes[start] as number;
    const first = bytes[start + 1] as number;
    // Tag numbers from 31 on take more bytes; nothing that is read here has one.
    if ((found & 0x1f) === 0x1f || (tag !== undefined && found !== tag)) return undefined;
    let contentStart = start + 2;
    let length = first;
    if (first >= 0x80) {
      const count = first & 0x7f;
      // X.690 §10.1: definite, and in as few bytes as it takes.
      if (count === 0 || count > LENGTH_BYTES_MAX || contentStart + count > this.#end) return undefined;
      length = bytes.readUIntBE(contentStart, count);
      contentStart += count;
      if (length < 0x80 || length < 2 ** (8 * (count - 1))) return undefined;
    }
    const end = contentStart + length;
    if (end > this.#end) return undefined;
    this.#at = end;
    return new DerElement(found, bytes, start, contentStart, end);
  }

  /** A reader of the next element's content. */
  enter(tag: number): DerReader | undefined {
    return this.next(tag)?.read();
  }
}

/** The one element that the bytes are; undefined where something follows. */
export function readDer(bytes: Buffer, tag: number): DerElement | undefined {
  const reader = new DerReader(bytes);
  const element = reader.next(tag);
  return reader.isAtEnd ? element : undefined;
}

/** An INTEGER as upper-case hex without leading zeros, as node:crypto writes serial numbers; a negative one keeps its bytes after a `-`. */
export function integerHex({ hex }: DerElement): string | undefined {
  if (hex === '') return undefined;
  const text = hex.toUpperCase().replace(/^0+(?=.)/, '');
  return Number.parseInt(hex.slice(0, 2), 16) >= 0x80 ? `-${text}` : text;
}

/** An OBJECT IDENTIFIER in dots. */
export function oidText({ content }: DerElement): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of content) {
    arc = arc * 128 + (byte & 0x7f);
    if (byte >= 0x80) continue;
    if (arcs.length === 0)
      arcs.push(Math.min(2, Math.floor(arc / 40)), arc - 40 * Math.min(2, Math.floor(arc / 40)));
    else arcs.push(arc);
    arc = 0;
  }
  return arcs.join('.');
}

/** A Time (RFC 5280 §4.1.2.5) in seconds since 1970; undefined where it is none, or has no seconds or another zone than Z. */
export function timeS({ tag, content }: DerElement): number | undefined {
  const text = content.toString('latin1');
  const digits = tag === derTag.utcTime ? 12 : tag === derTag.generalizedTime ? 14 : 0;
  if (digits === 0 || text.length !== digits + 1 || !/^\d+Z$/.test(text)) return undefined;
  // Two digits: 1950 to 2049.
  const century = Number(text.slice(0, 2)) < 50 ? '20' : '19';
  const full = digits === 12 ? `${century}${text}` : text;
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(full) ?? [];
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(ms) ? undefined : ms / 1000;
}
