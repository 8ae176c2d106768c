// Throwing an exception where it stops nothing: after what is under way, as an uncaught one, which the thread reports.

export function throwApart(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
