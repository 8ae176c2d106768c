// The registry: what the Controller knows of each engine that has enrolled, connected or not.

import type { EngineProblem, ReportTopic } from '@limpet/model';

/** Why an engine does not have what it was given. */
export interface EngineRefusal {
  readonly revision: number;
  readonly hash: string;
  readonly code: string;
  readonly reason: string;
  readonly problems: readonly EngineProblem[];
  readonly atMs: number;
}

export interface EngineReport {
  readonly atMs: number;
  readonly body: unknown;
}

/** What has been sent to an engine since the Controller started. */
export interface SentToEngine {
  readonly messages: number;
  readonly bytes: number;
  /** Those with ticket keys. */
  readonly ringMessages: number;
  readonly ringBytes: number;
}

export interface EngineStatus {
  readonly uuid: string;
  readonly name: string;
  readonly connected: boolean;
  /** Since when it is connected, or is not; absent: not since the Controller started. */
  readonly sinceMs?: number;
  readonly lastHeardMs?: number;
  readonly address?: string;
  readonly engineVersion?: string;
  readonly nodeVersion?: string;
  readonly revoked: boolean;
  /** What it shall have. */
  readonly desired?: { readonly revision: number; readonly hash: string };
  /** What it has acknowledged. */
  readonly acknowledged?: { readonly revision: number; readonly hash: string; readonly atMs: number };
  readonly refusal?: EngineRefusal | undefined;
  /** Generations of the rings that it holds, by virtual service. */
  readonly rings: ReadonlyMap<string, number>;
  /** When it acknowledged rings last. */
  readonly ringsAtMs?: number;
  readonly reports: ReadonlyMap<ReportTopic, EngineReport>;
  /** Reports that the engine had to drop, by its own count. */
  readonly reportsDropped: number;
  readonly sent: SentToEngine;
}

const NOTHING_SENT: SentToEngine = Object.freeze({ messages: 0, bytes: 0, ringMessages: 0, ringBytes: 0 });

export class EngineRegistry {
  readonly #engines = new Map<string, EngineStatus>();

  list(): readonly EngineStatus[] {
    return [...this.#engines.values()];
  }

  get(uuid: string): EngineStatus | undefined {
    return this.#engines.get(uuid);
  }

  /** An engine that is there already keeps what is known of it. */
  add(uuid: string, name: string, revoked: boolean): void {
    const known = this.#engines.get(uuid);
    this.#engines.set(uuid, {
      ...(known ?? {
        rings: new Map(),
        reports: new Map(),
        reportsDropped: 0,
        sent: NOTHING_SENT,
        connected: false,
      }),
      uuid,
      name,
      revoked,
    });
  }

  note(uuid: string, news: Partial<EngineStatus>): void {
    const known = this.#engines.get(uuid);
    if (known !== undefined) this.#engines.set(uuid, { ...known, ...news });
  }

  noteReport(uuid: string, topic: ReportTopic, report: EngineReport, reportsDropped: number): void {
    const known = this.#engines.get(uuid);
    if (known !== undefined)
      this.note(uuid, { reports: new Map(known.reports).set(topic, report), reportsDropped });
  }

  noteSent(uuid: string, bytes: number, hasRings: boolean): void {
    const known = this.#engines.get(uuid);
    if (known === undefined) return;
    const { sent } = known;
    this.note(uuid, {
      sent: {
        messages: sent.messages + 1,
        bytes: sent.bytes + bytes,
        ringMessages: sent.ringMessages + (hasRings ? 1 : 0),
        ringBytes: sent.ringBytes + (hasRings ? bytes : 0),
      },
    });
  }

  remove(uuid: string): void {
    this.#engines.delete(uuid);
  }
}
