// Reports that wait for the Controller: of state only the newest of its kind, of events as many as fit; what is dropped is counted.

import { REPORTS_WAITING_MAX, type ReportTopic } from '@limpet/model';

export interface WaitingReport {
  readonly topic: ReportTopic;
  readonly atMs: number;
  readonly body: unknown;
}

export class ReportQueue {
  #waiting: WaitingReport[] = [];
  #dropped = 0;

  /** Since the engine started. */
  get dropped(): number {
    return this.#dropped;
  }

  put(report: WaitingReport): void {
    // An older state is of no use once there is a newer one.
    if (report.topic !== 'events') {
      const before = this.#waiting.length;
      this.#waiting = this.#waiting.filter(({ topic }) => topic !== report.topic);
      this.#dropped += before - this.#waiting.length;
    } else if (this.#waiting.length >= REPORTS_WAITING_MAX) {
      this.#waiting.shift();
      this.#dropped++;
    }
    this.#waiting.push(report);
  }

  /** Undefined where none waits. */
  take(): WaitingReport | undefined {
    return this.#waiting.shift();
  }
}
