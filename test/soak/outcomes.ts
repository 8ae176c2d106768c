// The outcomes of a soak: what became of every request, and which failures are excused by what the engine's record says.

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

export interface Failure {
  readonly kind: string;
  /** Of the request, the end of its path; '': it failed before there was one. */
  readonly mark: string;
  readonly startedAtMs: number;
  readonly failedAtMs: number;
  readonly what: string;
  /** The client knows that no server was asked: it was told to use another connection (GOAWAY, REFUSED_STREAM). */
  readonly notSent: boolean;
}

/** A server was killed at this time, by performance.now(). */
export interface Kill {
  readonly server: string;
  readonly atMs: number;
}

/** What the access log says of a request, as far as it matters here. */
export interface Recorded {
  readonly uri_path: string;
  readonly method: string;
  readonly response_code: number;
  readonly server_name?: string;
  readonly error?: string;
  readonly error_detail?: string;
  readonly report_timestamp?: string;
  readonly duration_ms?: number;
  readonly request_length?: number;
  readonly response_length?: number;
}

export type Excuse =
  /** It was never sent on, and the client was told so: it may ask again, and does. */
  | 'told-to-reconnect'
  /** Its server was killed under it, and HTTP does not allow to send it again. */
  | 'server-killed';

/** A pooled connection to a killed server may be written to before the engine has seen its end. */
const END_SEEN_MS = 1000;

/** Undefined: nothing excuses it. */
export function excuseOf(
  { mark, startedAtMs, failedAtMs, notSent }: Failure,
  record: Recorded | undefined,
  kills: readonly Kill[],
): Excuse | undefined {
  if (record === undefined) return notSent && mark !== '' ? 'told-to-reconnect' : undefined;
  const { method, response_code, server_name, error } = record;
  if (error !== 'SERVER_CONNECTION_LOST' && error !== 'SERVER_STREAM_RESET') return undefined;
  // RFC 9110 §9.2.2; and whose answer has begun cannot be taken back.
  const isAnswered = response_code > 100 && response_code < 300;
  if (!isAnswered && method !== 'POST' && method !== 'CONNECT') return undefined;
  const wasKilled = kills.some(
    ({ server, atMs }) => server === server_name && startedAtMs < atMs + END_SEEN_MS && failedAtMs >= atMs,
  );
  return wasKilled ? 'server-killed' : undefined;
}

export interface Judged {
  readonly answered: number;
  /** The client went away on purpose. */
  readonly aborted: number;
  readonly 'told-to-reconnect': number;
  readonly 'server-killed': number;
  readonly lost: number;
  /** Of what they were lost, all of them; the most frequent first. */
  readonly causes: readonly Cause[];
}

export interface Cause {
  /** What the record says, or that there is none; without what differs from one request to the next. */
  readonly what: string;
  readonly count: number;
  /** Kinds of clients and servers, with how many of each. */
  readonly at: Readonly<Record<string, number>>;
  /** The first and the last, by their failing. */
  readonly spanMs: readonly [number, number];
  /** The first few in full. */
  readonly examples: readonly string[];
}

const EXAMPLES_MAX = 3;
/** More would fill the memory of a run in which everything fails; each beyond is lost. */
const FAILURES_MAX = 50_000;

/** Collects what was lost by its cause. */
export class LostRequests {
  readonly #causes = new Map<string, { -readonly [key in keyof Cause]: Cause[key] }>();

  add(failure: Failure, record: Recorded | undefined): void {
    const { kind, what, startedAtMs, failedAtMs } = failure;
    const seen = what.replace(/\/\w+\/m[0-9a-z]+(\?\S*)?/g, '/…').replace(/\d{4,}/g, 'N');
    const { method, response_code, error = 'no error', error_detail = '' } = record ?? {};
    const name =
      record === undefined
        ? `no record; ${seen}`
        : `${error}${error_detail === '' ? '' : ` (${error_detail})`}, ${method} answered ${response_code || 'not at all'}`;
    const cause = this.#causes.get(name) ?? {
      ...{ what: name, count: 0, at: {}, spanMs: [failedAtMs, failedAtMs], examples: [] },
    };
    this.#causes.set(name, cause);
    cause.count++;
    const at: Record<string, number> = { ...cause.at };
    for (const place of [kind, record?.server_name ?? 'no server']) at[place] = (at[place] ?? 0) + 1;
    cause.at = at;
    cause.spanMs = [Math.min(cause.spanMs[0], failedAtMs), Math.max(cause.spanMs[1], failedAtMs)];
    if (cause.examples.length === EXAMPLES_MAX) return;
    const tookMs = Math.round(failedAtMs - startedAtMs);
    cause.examples = [
      ...cause.examples,
      `${kind} after ${tookMs} ms: ${what}; ${record === undefined ? 'no record' : describe(record)}`,
    ];
  }

  get causes(): readonly Cause[] {
    return [...this.#causes.values()].sort((one, other) => other.count - one.count);
  }
}

function describe(record: Recorded): string {
  const { method, uri_path, response_code, server_name = 'no server', error = 'no error' } = record;
  const { error_detail = '', report_timestamp, duration_ms, request_length, response_length } = record;
  return `the record: ${method} ${uri_path} ${response_code} ${server_name} ${error} ${error_detail}, ${duration_ms} ms until ${report_timestamp}, ${request_length} bytes up, ${response_length} down`;
}

export class Outcomes {
  readonly byKind: Record<string, number> = {};
  readonly kills: Kill[] = [];
  readonly #failures: Failure[] = [];
  #answered = 0;
  #aborted = 0;
  #beyond = 0;
  #marks = 0;

  /** How it stands; whether failures are excused is judged at the end. */
  get soFar(): { readonly answered: number; readonly aborted: number; readonly failed: number } {
    return { answered: this.#answered, aborted: this.#aborted, failed: this.#failures.length + this.#beyond };
  }

  newMark(): string {
    return `m${(++this.#marks).toString(36)}`;
  }

  answered(kind: string): void {
    this.#answered++;
    this.byKind[kind] = (this.byKind[kind] ?? 0) + 1;
  }

  aborted(): void {
    this.#aborted++;
  }

  failed(failure: Omit<Failure, 'failedAtMs'>): void {
    if (this.#failures.length < FAILURES_MAX)
      this.#failures.push({ ...failure, failedAtMs: performance.now() });
    else this.#beyond++;
  }

  serverKilled(server: string): void {
    this.kills.push({ server, atMs: performance.now() });
  }

  /** @param logFiles of the engines, complete. */
  async judge(logFiles: readonly string[]): Promise<Judged> {
    const wanted = new Set(this.#failures.map(({ mark }) => mark));
    const records = new Map<string, Recorded>();
    for (const file of logFiles) {
      for await (const line of createInterface({ input: createReadStream(file) })) {
        const path = /"uri_path":"([^"]*)"/.exec(line)?.[1] ?? '';
        const mark = path.slice(path.lastIndexOf('/') + 1);
        if (wanted.has(mark)) records.set(mark, JSON.parse(line) as Recorded);
      }
    }
    const counts = { 'told-to-reconnect': 0, 'server-killed': 0, lost: this.#beyond };
    const lost = new LostRequests();
    for (const failure of this.#failures) {
      const record = records.get(failure.mark);
      const excuse = excuseOf(failure, record, this.kills);
      counts[excuse ?? 'lost']++;
      if (excuse === undefined) lost.add(failure, record);
    }
    return { answered: this.#answered, aborted: this.#aborted, ...counts, causes: lost.causes };
  }
}
