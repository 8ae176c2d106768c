// The bytes that a socket gave so far, in one piece: joining costs in all what the bytes cost, however small the chunks are.

const ROOM_BYTES_MIN = 2048;

export class ReceivedBytes {
  #room: Buffer | undefined;
  #length = 0;

  /** @returns all bytes so far: a view that later calls leave as it is. One chunk alone is not copied. */
  append(chunk: Buffer): Buffer {
    const length = this.#length + chunk.length;
    if (this.#room === undefined) {
      this.#room = chunk;
    } else {
      if (length > this.#room.length) {
        const larger = Buffer.allocUnsafeSlow(Math.max(2 * length, ROOM_BYTES_MIN));
        this.#room.copy(larger, 0, 0, this.#length);
        this.#room = larger;
      }
      chunk.copy(this.#room, this.#length);
    }
    this.#length = length;
    return this.#room.subarray(0, length);
  }

  get length(): number {
    return this.#length;
  }
}
