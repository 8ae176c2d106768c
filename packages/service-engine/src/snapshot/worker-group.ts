// The worker threads of an engine, and the two steps by which a configuration reaches all of them or none.

import { Worker } from 'node:worker_threads';
import { LimpetError } from '@limpet/model';
import type { Deadlines } from '../lifecycle/deadlines.ts';
import type { ConfigVersion, MainToWorker, WorkerStart, WorkerToMain } from './worker-messages.ts';

export interface WorkerGroupListener {
  /** A worker ended without being told to; another takes its place. */
  onWorkerLost(worker: number, reason: string): void;
  onException(worker: number, message: string, stack: string): void;
}

const PREPARE_TIMEOUT_MS = 30_000;
const RESTART_DELAY_MS = 500;

// V8 would let it grow to 48 MB a thread; what a request leaves behind is small and dies at once.
const YOUNG_GENERATION_MB = 12;

interface Member {
  readonly worker: number;
  readonly thread: Worker;
  started: boolean;
}

export class WorkerGroup {
  readonly #starts: readonly WorkerStart[];
  readonly #deadlines: Deadlines;
  readonly #listener: WorkerGroupListener;
  readonly #members = new Map<number, Member>();
  readonly #answers = new Set<(worker: number, message: WorkerToMain) => void>();
  #current: ConfigVersion | undefined;
  #stopping = false;

  constructor(starts: readonly WorkerStart[], deadlines: Deadlines, listener: WorkerGroupListener) {
    this.#starts = starts;
    this.#deadlines = deadlines;
    this.#listener = listener;
  }

  /** Workers that serve. */
  get size(): number {
    return [...this.#members.values()].filter(({ started }) => started).length;
  }

  async start(): Promise<void> {
    await Promise.all(this.#starts.map((start) => this.#spawn(start)));
  }

  /**
   * Prepares the configuration on every worker, then commits it on every worker.
   *
   * @throws LimpetError APPLY_FAILED or ADDRESS_IN_USE with the first reason; then every worker goes on as before.
   */
  async apply(config: ConfigVersion): Promise<void> {
    const { version } = config;
    const prepared = await this.#ask({ kind: 'prepare', config }, (message) =>
      (message.kind === 'prepared' || message.kind === 'refused') && message.version === version
        ? message
        : undefined,
    );
    const refused = prepared.find((message) => message.kind === 'refused');
    if (refused !== undefined) {
      this.broadcast({ kind: 'discard', version });
      throw new LimpetError('APPLY_FAILED', refused.reason);
    }
    this.#current = config;
    await this.#ask({ kind: 'commit', version }, (message) =>
      message.kind === 'committed' && message.version === version ? message : undefined,
    );
  }

  /** New ticket keys; also for workers that start later. */
  applyRing(ring: string): void {
    if (this.#current !== undefined) this.#current = { ...this.#current, ring };
    this.broadcast({ kind: 'ring', ring });
  }

  broadcast(message: MainToWorker): void {
    for (const { thread } of this.#members.values()) thread.postMessage(message);
  }

  /** Drains all workers and ends them. Returns how many connections had to be cut. */
  async stop(deadlineMs: number): Promise<number> {
    this.#stopping = true;
    const drained = await this.#ask(
      { kind: 'drain', deadlineMs },
      (message) => (message.kind === 'drained' ? message : undefined),
      deadlineMs + 2000,
    ).catch(() => []);
    await Promise.all([...this.#members.values()].map(({ thread }) => thread.terminate()));
    return drained.reduce((left, message) => left + message.left, 0);
  }

  async #spawn(start: WorkerStart): Promise<void> {
    const thread = new Worker(new URL('../worker.ts', import.meta.url), {
      workerData: start,
      stdout: false,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    });
    const member: Member = { worker: start.worker, thread, started: false };
    this.#members.set(start.worker, member);
    let reason = 'exit';
    thread.on('error', (error) => {
      reason = error.message;
    });
    thread.on('exit', (code) => {
      this.#members.delete(start.worker);
      for (const answer of this.#answers) {
        answer(start.worker, { kind: 'refused', version: -1, reason: `worker ${start.worker} ended` });
      }
      if (this.#stopping) return;
      this.#listener.onWorkerLost(start.worker, `${reason} (code ${code})`);
      this.#deadlines.start(RESTART_DELAY_MS, () => void this.#replace(start));
    });
    thread.on('message', (message: WorkerToMain) => {
      if (message.kind === 'exception')
        this.#listener.onException(start.worker, message.message, message.stack);
      for (const answer of this.#answers) answer(start.worker, message);
    });
    await new Promise<void>((resolve, reject) => {
      thread.once('exit', () => reject(new LimpetError('APPLY_FAILED', `worker ${start.worker}: ${reason}`)));
      thread.on('message', (message: WorkerToMain) => {
        if (message.kind !== 'started') return;
        member.started = true;
        resolve();
      });
    });
  }

  async #replace(start: WorkerStart): Promise<void> {
    if (this.#stopping) return;
    try {
      await this.#spawn(start);
      const config = this.#current;
      if (config === undefined) return;
      const thread = this.#members.get(start.worker)?.thread;
      thread?.postMessage({ kind: 'prepare', config } satisfies MainToWorker);
      thread?.postMessage({ kind: 'commit', version: config.version } satisfies MainToWorker);
    } catch {
      // It ended again: its exit has started the next try.
    }
  }

  /** Sends to all workers and waits for an answer of each. */
  #ask<T>(
    message: MainToWorker,
    pick: (message: WorkerToMain) => T | undefined,
    timeoutMs = PREPARE_TIMEOUT_MS,
  ): Promise<T[]> {
    const waiting = new Set(this.#members.keys());
    const answers: T[] = [];
    return new Promise((resolve, reject) => {
      if (waiting.size === 0) return resolve(answers);
      const finish = (settle: () => void): void => {
        this.#answers.delete(onAnswer);
        deadline.cancel();
        settle();
      };
      const onAnswer = (worker: number, answer: WorkerToMain): void => {
        if (answer.kind === 'refused' && answer.version === -1) {
          // A worker that died holds nobody up: its successor starts with the configuration that is current then.
          waiting.delete(worker);
        } else {
          const picked = pick(answer);
          if (picked === undefined || !waiting.delete(worker)) return;
          answers.push(picked);
        }
        if (waiting.size === 0) finish(() => resolve(answers));
      };
      const deadline = this.#deadlines.start(timeoutMs, () =>
        finish(() => reject(new LimpetError('APPLY_FAILED', 'a worker did not answer in time'))),
      );
      this.#answers.add(onAnswer);
      this.broadcast(message);
    });
  }
}
