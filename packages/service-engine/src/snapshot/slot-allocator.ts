// Slot numbers: which row of a shared table belongs to which server or virtual service; owned by the main thread.

/**
 * Gives each key a number and keeps it while the key is configured. A number is given to another key only when `isFree` says that no worker
 * holds anything under it any more: a connection of the old configuration may still count there.
 */
export class SlotAllocator {
  readonly #capacity: number;
  readonly #isFree: (slot: number) => boolean;
  readonly #onReuse: (slot: number) => void;
  readonly #slots = new Map<string, number>();
  #quarantine: number[] = [];
  #next = 0;

  constructor(capacity: number, isFree: (slot: number) => boolean, onReuse: (slot: number) => void) {
    this.#capacity = capacity;
    this.#isFree = isFree;
    this.#onReuse = onReuse;
  }

  get slots(): ReadonlyMap<string, number> {
    return this.#slots;
  }

  /** Slots that were given out at some time: rows above were never used. */
  get highWater(): number {
    return this.#next;
  }

  /**
   * Numbers for these keys, those of keys known before included; nothing is let go yet.
   *
   * @throws RangeError when there are not enough; nothing is taken then.
   */
  assign(keys: Iterable<string>): ReadonlyMap<string, number> {
    const wanted = [...new Set(keys)];
    const fresh = wanted.filter((key) => !this.#slots.has(key));
    const free = this.#quarantine.filter((slot) => this.#isFree(slot)).slice(0, fresh.length);
    if (fresh.length - free.length > this.#capacity - this.#next) {
      throw new RangeError(`there is room for ${this.#capacity} only`);
    }
    this.#quarantine = this.#quarantine.filter((slot) => !free.includes(slot));
    for (const key of fresh) {
      const slot = free.pop() ?? this.#next++;
      this.#onReuse(slot);
      this.#slots.set(key, slot);
    }
    return new Map(wanted.map((key) => [key, this.#slots.get(key) as number]));
  }

  /** Lets go of every key but these; call when every worker has committed a snapshot without them. */
  retain(keys: ReadonlySet<string>): void {
    for (const [key, slot] of this.#slots) {
      if (keys.has(key)) continue;
      this.#slots.delete(key);
      this.#quarantine.push(slot);
    }
  }
}
