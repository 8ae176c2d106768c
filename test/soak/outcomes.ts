// The outcomes of a soak: what became of every request, and which losses are somebody's own doing.

/** An outcome of one request. `lost` must not happen; the others may. */
export type Outcome =
  | 'answered'
  /** The client went away on purpose. */
  | 'aborted'
  /** Its server was killed under it: what cannot be sent again is cut short or answered with 502, as the table says. */
  | 'server-killed'
  | 'lost';

const FINDINGS_MAX = 20;
/** A request that began before a server was killed may notice this much later. */
const KILL_NOTICED_MS = 8000;

export class Outcomes {
  readonly counts: Record<Outcome, number> = { answered: 0, aborted: 0, 'server-killed': 0, lost: 0 };
  readonly byKind: Record<string, number> = {};
  /** The first losses, with what was seen. */
  readonly findings: string[] = [];
  #killedAtMs = Number.NEGATIVE_INFINITY;
  #killedUntilMs = Number.NEGATIVE_INFINITY;

  answered(kind: string): void {
    this.counts.answered++;
    this.byKind[kind] = (this.byKind[kind] ?? 0) + 1;
  }

  aborted(): void {
    this.counts.aborted++;
  }

  /** @param startedAtMs of the request, by performance.now(). */
  failed(kind: string, startedAtMs: number, what: string): void {
    const now = performance.now();
    const killed = startedAtMs <= this.#killedUntilMs && now >= this.#killedAtMs;
    if (killed && now - this.#killedUntilMs < KILL_NOTICED_MS) {
      this.counts['server-killed']++;
      return;
    }
    this.counts.lost++;
    if (this.findings.length < FINDINGS_MAX)
      this.findings.push(`${kind} after ${Math.round(now - startedAtMs)} ms: ${what}`);
  }

  serverKilled(): void {
    this.#killedAtMs = performance.now();
    this.#killedUntilMs = Number.POSITIVE_INFINITY;
  }

  serverBack(): void {
    this.#killedUntilMs = performance.now();
  }
}
