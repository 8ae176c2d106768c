// Starting several things at once, of which either all run in the end or none.

export interface Stoppable {
  stop(): void | Promise<void>;
}

/** Waits for each; where one fails, the others are stopped, and so is what they stand on. */
export async function startAll<T extends readonly Stoppable[]>(
  starting: { readonly [K in keyof T]: Promise<T[K]> },
  ...beneath: readonly Stoppable[]
): Promise<T> {
  const outcomes = await Promise.allSettled(starting as readonly Promise<Stoppable>[]);
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) {
    const started = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    for (const running of [...started, ...beneath]) await running.stop();
    throw failed.reason;
  }
  return outcomes.map((outcome) => (outcome as PromiseFulfilledResult<Stoppable>).value) as unknown as T;
}
