// The beginning of a request body, kept while a server may still say that it did not look at the request, so that another can have it.

/** What a unary call of gRPC hardly exceeds; beyond it a refused request is not sent again. */
const LIMIT_BYTES = 65_536;

export class RequestReplay {
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #trailerLines = '';

  /** The chunk is copied. False: it is more now than should be kept. */
  add(chunk: Buffer): boolean {
    this.#bytes += chunk.length;
    this.#chunks.push(Buffer.from(chunk));
    return this.#bytes <= LIMIT_BYTES;
  }

  end(trailerLines: string): void {
    this.#trailerLines = trailerLines;
  }

  get chunks(): readonly Buffer[] {
    return this.#chunks;
  }

  get trailerLines(): string {
    return this.#trailerLines;
  }
}
