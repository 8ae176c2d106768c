// Frames: how messages stand one after another in the bytes of the link. Four bytes of length, big-endian, then that many bytes of JSON.

import { LimpetError } from '../errors.ts';

const HEADER_BYTES = 4;

export function encodeFrame(message: unknown): Buffer {
  const text = JSON.stringify(message);
  const bytes = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(HEADER_BYTES + bytes);
  frame.writeUInt32BE(bytes);
  frame.write(text, HEADER_BYTES);
  return frame;
}

/** Puts frames together again, however they were cut. */
export class FrameReader {
  #limitBytes: number;
  #chunks: Buffer[] = [];
  #heldBytes = 0;
  #neededBytes = HEADER_BYTES;

  /** @param limitBytes of one message. */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** For messages from now on. */
  limitTo(limitBytes: number): void {
    this.#limitBytes = limitBytes;
  }

  /**
   * The messages that a chunk completes.
   *
   * @throws LimpetError LINK_MALFORMED when one is larger than allowed, or no JSON; the reader must not be used any more.
   */
  push(chunk: Buffer): readonly unknown[] {
    this.#chunks.push(chunk);
    this.#heldBytes += chunk.length;
    const messages: unknown[] = [];
    while (this.#heldBytes >= this.#neededBytes) {
      const held = this.#held();
      const bytes = held.readUInt32BE(0);
      if (bytes > this.#limitBytes)
        throw new LimpetError(
          'LINK_MALFORMED',
          `a message of ${bytes} bytes; ${this.#limitBytes} are allowed`,
        );
      this.#neededBytes = HEADER_BYTES + bytes;
      if (this.#heldBytes < this.#neededBytes) break;
      messages.push(parseJson(held.toString('utf8', HEADER_BYTES, this.#neededBytes)));
      const rest = held.subarray(this.#neededBytes);
      this.#chunks = rest.length === 0 ? [] : [rest];
      this.#heldBytes = rest.length;
      this.#neededBytes = HEADER_BYTES;
    }
    return messages;
  }

  /** Only once everything that is needed is there: a large message is put together once, not with each chunk. */
  #held(): Buffer {
    const [first] = this.#chunks;
    if (this.#chunks.length === 1 && first !== undefined) return first;
    const held = Buffer.concat(this.#chunks, this.#heldBytes);
    this.#chunks = [held];
    return held;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // V8's message would quote the text, which may be a key.
    throw new LimpetError('LINK_MALFORMED', 'a message is not JSON');
  }
}
