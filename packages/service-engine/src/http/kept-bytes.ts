// Bytes that are kept in few blocks, however small the pieces are in which they came.

/** Smaller pieces go into blocks of this size: one of a single byte would else cost a hundred times as much. */
const BLOCK_BYTES = 2048;

export class KeptBytes {
  readonly #blocks: Buffer[] = [];
  #length = 0;
  /** How much of the last block is in use. */
  #used = 0;

  get length(): number {
    return this.#length;
  }

  /** Copies: the piece is only valid during the call. */
  add(piece: Buffer): void {
    this.#length += piece.length;
    const last = this.#blocks.at(-1);
    if (last !== undefined && piece.length <= last.length - this.#used) {
      this.#used += piece.copy(last, this.#used);
      return;
    }
    this.#closeLast();
    const block = Buffer.allocUnsafe(Math.max(piece.length, BLOCK_BYTES));
    this.#used = piece.copy(block);
    this.#blocks.push(block);
  }

  /** In the order in which they came. */
  blocks(): readonly Buffer[] {
    this.#closeLast();
    return this.#blocks;
  }

  /** Nothing is added to it any more. */
  #closeLast(): void {
    const last = this.#blocks.pop();
    if (last !== undefined) this.#blocks.push(last.subarray(0, this.#used));
  }
}
