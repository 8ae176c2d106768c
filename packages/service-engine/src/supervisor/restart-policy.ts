// When a serving process that died is started again: at once, then ever later, and at last not any more.

/** One that served this long had no trouble in starting: what came before it is forgotten. */
export const STEADY_MS = 60_000;
const FIRST_DELAY_MS = 250;
const DELAY_MAX_MS = 15_000;
/** Within the delays above these are about two minutes. */
export const DEATHS_MAX = 12;

export type RestartDecision =
  | { readonly kind: 'restart'; readonly afterMs: number; readonly deaths: number }
  | { readonly kind: 'give-up'; readonly deaths: number };

/**
 * @param deathsBefore of those in a row that this one may follow.
 * @param servedMs how long the process served; 0 where it never became ready.
 */
export function decideRestart(deathsBefore: number, servedMs: number): RestartDecision {
  const deaths = servedMs >= STEADY_MS ? 1 : deathsBefore + 1;
  if (deaths >= DEATHS_MAX) return { kind: 'give-up', deaths };
  const afterMs = deaths === 1 ? 0 : Math.min(DELAY_MAX_MS, FIRST_DELAY_MS * 2 ** (deaths - 2));
  return { kind: 'restart', afterMs, deaths };
}
