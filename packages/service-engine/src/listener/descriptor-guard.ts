// Keeps some file descriptors free of clients, so that an engine with as many connections as it can have still reaches its servers, probes them and reloads.

import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';

/** For connections to servers, probes, files and logs, where clients have taken everything else. */
const RESERVE_SHARE = 1 / 8;
const RESERVE_MIN = 24;
const RESERVE_MAX = 4096;

export interface DescriptorGuardListener {
  /** An episode begins: told once, until it is over. */
  onShort(detail: string): void;
  onEnough(): void;
}

/**
 * The kernel gives a new socket the lowest number that is free, so the number tells how many descriptors are in use, at no cost. A client above the limit is
 * refused with a reset at once, rather than by libuv, which closes whoever waits when nothing is left.
 */
export class DescriptorGuard {
  readonly #limit: number;
  readonly #reserve: number;
  readonly #listener: DescriptorGuardListener;
  #short = false;

  /** @param limit of the process; undefined where it is not known: then everybody is admitted. */
  constructor(limit: number | undefined, listener: DescriptorGuardListener) {
    this.#limit = limit ?? Number.POSITIVE_INFINITY;
    this.#reserve = Math.min(RESERVE_MAX, Math.max(RESERVE_MIN, Math.floor((limit ?? 0) * RESERVE_SHARE)));
    this.#listener = listener;
  }

  get isShort(): boolean {
    return this.#short;
  }

  admits(socket: Socket): boolean {
    const descriptor = descriptorOf(socket);
    if (descriptor >= this.#limit - this.#reserve) {
      this.note(`${descriptor} of ${this.#limit} file descriptors are in use`);
      return false;
    }
    // Not at the first one below: it would come and go with every client.
    if (this.#short && descriptor < this.#limit - 2 * this.#reserve) {
      this.#short = false;
      this.#listener.onEnough();
    }
    return true;
  }

  /** Something else found that there is none left. */
  note(detail: string): void {
    if (this.#short) return;
    this.#short = true;
    this.#listener.onShort(detail);
  }
}

/** Of a socket that was just accepted. Node documents `_handle` as what `listen` looks for; it has no other way to the number. */
function descriptorOf(socket: Socket): number {
  return (socket as unknown as { readonly _handle?: { readonly fd: number } })._handle?.fd ?? -1;
}

/** How many descriptors the process may have. Undefined where the system does not say. */
export function readDescriptorLimit(): number | undefined {
  try {
    const limit = Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]);
    return Number.isInteger(limit) ? limit : undefined;
  } catch {
    return undefined;
  }
}
