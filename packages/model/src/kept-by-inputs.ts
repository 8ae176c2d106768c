// Keeping what was made of frozen objects: pure functions of them give the same again, at no cost, while none of the objects is another.

interface Kept<T> {
  readonly inputs: readonly unknown[];
  readonly made: T;
}

/**
 * A place for one result for each object, which lives as long as the object.
 *
 * The result never depends on what is kept, only the time does: `make` must be a function of the inputs alone, and they must be frozen.
 */
export class KeptByInputs<T> {
  readonly #kept = new WeakMap<object, Kept<T>>();

  /**
   * @param inputs everything that the result depends on, the object among it.
   * @param make is given what was made of other inputs, which it may return where it is the same.
   */
  get(object: object, inputs: readonly unknown[], make: (former: T | undefined) => T): T {
    const known = this.#kept.get(object);
    if (known !== undefined && areSame(known.inputs, inputs)) return known.made;
    const made = make(known?.made);
    this.#kept.set(object, { inputs, made });
    return made;
  }
}

function areSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((one, index) => one === b[index]);
}
