// The body of a request on its way to a server: how far it has come, and whether another server could still have all of it.

import type { UpstreamExchange } from './exchange.ts';
import { KeptBytes } from './kept-bytes.ts';
import { type BodyFraming, isEmptyBody } from './message.ts';

/** What a unary call of gRPC hardly exceeds; beyond it a refused request is not sent again. */
const KEPT_LIMIT_BYTES = 65_536;
/** What a client's codec may still deliver after it was paused. */
const READ_BYTES_MAX = 65_536;

export class RequestBody {
  #started = false;
  #ended: boolean;
  /** Its beginning, while the server may still say that it did not look at the request. */
  #kept: KeptBytes | undefined;
  #trailerLines = '';

  constructor(framing: BodyFraming) {
    this.#ended = isEmptyBody(framing);
  }

  /** Whether the client was asked for it. */
  get started(): boolean {
    return this.#started;
  }

  /** Whether all of it has come, or there is none. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether it is kept, so that it can be sent once more as far as it came. */
  get isKept(): boolean {
    return this.#kept !== undefined;
  }

  /** Whether the request is still there as it came: nothing of its body is gone. */
  get isWhole(): boolean {
    return !this.#started || this.isKept;
  }

  /** @param keep whether the server may refuse to look at it. */
  start(keep: boolean): void {
    this.#started = true;
    if (keep) this.#kept = new KeptBytes();
  }

  /**
   * The chunk is only valid during the call.
   * @param upstream undefined while the request is between two servers: its client is paused then.
   * @returns false: it has nowhere to go, so that no server can have the whole of it any more.
   */
  send(chunk: Buffer, upstream: UpstreamExchange | undefined): boolean {
    if (this.#kept !== undefined) {
      const limitBytes = upstream === undefined ? KEPT_LIMIT_BYTES + READ_BYTES_MAX : KEPT_LIMIT_BYTES;
      if (this.#kept.length + chunk.length > limitBytes) this.#kept = undefined;
      else this.#kept.add(chunk);
    }
    upstream?.sendBody(chunk);
    return upstream !== undefined || this.isKept;
  }

  end(trailerLines: string, upstream: UpstreamExchange | undefined): void {
    this.#ended = true;
    if (this.#kept !== undefined) this.#trailerLines = trailerLines;
    upstream?.sendEnd(trailerLines);
  }

  /** What came of it before the server refused to look at it; the rest follows. */
  sendAgain(upstream: UpstreamExchange): void {
    for (const block of this.#kept?.blocks() ?? []) upstream.sendBody(block);
    if (this.#ended) upstream.sendEnd(this.#trailerLines);
    if (!upstream.canBeRefused) this.#kept = undefined;
  }

  /** The server has begun to answer. */
  forget(): void {
    this.#kept = undefined;
  }
}
