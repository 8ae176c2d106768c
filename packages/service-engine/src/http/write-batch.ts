// A write batch: text and bytes gathered while one chunk of input is worked on, then written to a channel in one piece.

import type { Channel } from '../channel/channel.ts';

/** Head and body in two writes cost a third more than in one: each is a TLS record and a system call. */
export class WriteBatch {
  #text = '';
  #parts: (Buffer | string)[] = [];
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#text === '' && this.#parts.length === 0;
  }

  /** Latin1 text. */
  addText(text: string): void {
    this.#text += text;
  }

  /** Bytes that must stay valid until {@link writeTo}. */
  addBytes(chunk: Buffer): void {
    if (this.#text !== '') {
      this.#parts.push(this.#text);
      this.#bytes += this.#text.length;
      this.#text = '';
    }
    this.#parts.push(chunk);
    this.#bytes += chunk.length;
  }

  /** Writes everything, copied into memory of its own, and empties the batch. Returns what {@link Channel.write} does. */
  writeTo(channel: Channel): boolean {
    if (this.#parts.length === 0) {
      const text = this.#text;
      this.#text = '';
      return channel.write(text);
    }
    const whole = Buffer.allocUnsafe(this.#bytes + this.#text.length);
    let offset = 0;
    for (const part of this.#parts) {
      offset += typeof part === 'string' ? whole.write(part, offset, 'latin1') : part.copy(whole, offset);
    }
    if (this.#text !== '') whole.write(this.#text, offset, 'latin1');
    this.clear();
    return channel.write(whole);
  }

  clear(): void {
    this.#text = '';
    this.#parts = [];
    this.#bytes = 0;
  }
}
