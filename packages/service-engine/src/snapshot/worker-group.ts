// The worker threads of an engine, and the two steps by which a configuration reaches all of them or none.

import { closeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { LimpetError } from '@limpet/model';
import type { Deadlines } from '../lifecycle/deadlines.ts';
import type { CapacityBound } from '../listener/connection-capacity.ts';
import type { ListeningSockets } from '../listener/listening-sockets.ts';
import { mergedRings, type RingTexts } from '../session-ticket/ring-texts.ts';
import { addressesOf } from './bound-ports.ts';
import { changeFrom, EMPTY_SNAPSHOT, slotsOf } from './snapshot-change.ts';
import {
  addressKey,
  type ConfigUpdate,
  type ConfigVersion,
  type Drain,
  type MainToWorker,
  type WorkerStart,
  type WorkerToMain,
} from './worker-messages.ts';

export interface WorkerGroupListener {
  /** A worker ended without being told to; another takes its place. */
  onWorkerLost(worker: number, reason: string): void;
  /** The engine holds as many connections as it may. */
  onFull(boundBy: CapacityBound): void;
  onRoom(refused: number): void;
  onException(worker: number, message: string, stack: string): void;
  /** A worker found that file descriptors are short, or that they are not any more. */
  onDescriptors(worker: number, short: boolean, detail: string): void;
}

const NONE: ReadonlySet<string> = new Set();
const PREPARE_TIMEOUT_MS = 30_000;
const RESTART_DELAY_MS = 500;

// V8 would let it grow to 48 MB a thread; what a request leaves behind is small and dies at once.
const YOUNG_GENERATION_MB = 12;

interface Member {
  readonly worker: number;
  readonly thread: Worker;
  started: boolean;
  /** Addresses that it listens on, by key. */
  listening: ReadonlySet<string>;
  /** What it serves, where it has said so: of the next configuration it is sent what it does not have. */
  serves: ConfigVersion | undefined;
  /** Descriptors that it was sent and does not use yet: they are closed here if it ends. */
  readonly lent: Set<number>;
}

export class WorkerGroup {
  readonly #starts: readonly WorkerStart[];
  readonly #deadlines: Deadlines;
  readonly #listener: WorkerGroupListener;
  readonly #sockets: ListeningSockets;
  readonly #script: URL;
  readonly #members = new Map<number, Member>();
  readonly #answers = new Set<(worker: number, message: WorkerToMain) => void>();
  #current: ConfigVersion | undefined;
  #changes: Promise<void> = Promise.resolve();
  #lastRings = 0;
  #stopping = false;

  constructor(
    starts: readonly WorkerStart[],
    deadlines: Deadlines,
    sockets: ListeningSockets,
    listener: WorkerGroupListener,
    script = new URL('../worker.ts', import.meta.url),
  ) {
    this.#starts = starts;
    this.#deadlines = deadlines;
    this.#sockets = sockets;
    this.#listener = listener;
    this.#script = script;
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
   * @param onPrepared is awaited between the two: from there on it comes into effect.
   * @returns why it is not in effect everywhere, where a worker could not listen or did not answer in time.
   * @throws LimpetError APPLY_FAILED or ADDRESS_IN_USE with the first reason; then every worker goes on as before.
   */
  apply(config: ConfigVersion, onPrepared: () => Promise<void>): Promise<readonly string[]> {
    return this.#inTurn(() => this.#apply(config, onPrepared));
  }

  async #apply(config: ConfigVersion, onPrepared: () => Promise<void>): Promise<readonly string[]> {
    const { version } = config;
    const asked = [...this.#members.values()];
    const descriptors = new Map<Member, ReadonlyMap<string, number>>();
    try {
      for (const member of asked) descriptors.set(member, await this.#descriptorsFor(member, config));
    } catch (error) {
      for (const lent of descriptors.values()) closeAll(lent);
      throw error;
    }
    const members = asked.filter((member) => this.#isThere(member));
    for (const [member, lent] of descriptors) if (!this.#isThere(member)) closeAll(lent);
    const prepared = await this.#ask(
      members,
      (member) => preparation(member, config, descriptors.get(member) ?? new Map()),
      (message) => (isPreparation(message) && message.version === version ? message : undefined),
    ).catch((error: unknown) => {
      this.broadcast({ kind: 'discard', version });
      throw error;
    });
    const refused = prepared.find((message) => message.kind === 'refused');
    if (refused !== undefined) {
      this.broadcast({ kind: 'discard', version });
      throw new LimpetError('APPLY_FAILED', refused.reason);
    }
    this.#current = config;
    await onPrepared();
    // One that has begun since has prepared nothing; it is brought up to date next.
    return this.#commit(members, config);
  }

  async #commit(members: readonly Member[], config: ConfigVersion): Promise<readonly string[]> {
    const { version } = config;
    // Until it answers, nobody knows.
    for (const member of members) member.serves = undefined;
    try {
      const committed = await this.#ask(
        members,
        () => ({ kind: 'commit', version }),
        (message, member) => {
          if (message.kind !== 'committed' || message.version !== version) return undefined;
          if (message.serving === version) member.serves = config;
          return message;
        },
      );
      return committed.flatMap(({ failures }) => failures);
    } catch (error) {
      return [describeError(error)];
    }
  }

  /**
   * Other ticket keys, also for workers that start later; resolves once every worker has them (R4).
   *
   * @param destroyed virtual services whose former keys are wiped at once, whoever is in the middle of a handshake.
   * @throws LimpetError APPLY_FAILED where one does not answer.
   */
  async applyRings(rings: RingTexts, destroyed: ReadonlySet<string> = NONE): Promise<void> {
    if (this.#current !== undefined)
      this.#current = { ...this.#current, rings: mergedRings(this.#current.rings, rings) };
    const id = ++this.#lastRings;
    const answers = await this.#ask(
      [...this.#members.values()],
      () => ({ kind: 'rings', id, rings, destroyed }),
      (message) => (message.kind === 'rings-applied' && message.id === id ? message : undefined),
    );
    const reason = answers.find((answer) => answer.reason !== undefined)?.reason;
    if (reason !== undefined) throw new LimpetError('APPLY_FAILED', reason);
  }

  broadcast(message: MainToWorker): void {
    for (const { thread } of this.#members.values()) thread.postMessage(message);
  }

  /** Drains all workers and ends them. Returns how many connections had to be cut. */
  async stop(drain: Drain): Promise<number> {
    this.#stopping = true;
    const drained = await this.#ask(
      [...this.#members.values()],
      () => ({ kind: 'drain', drain }),
      (message) => (message.kind === 'drained' ? message : undefined),
      drain.deadlineMs + 2000,
    ).catch(() => []);
    await Promise.all([...this.#members.values()].map(({ thread }) => thread.terminate()));
    return drained.reduce((left, message) => left + message.left, 0);
  }

  async #spawn(start: WorkerStart): Promise<Member> {
    const thread = new Worker(this.#script, {
      workerData: start,
      stdout: false,
      resourceLimits: {
        maxYoungGenerationSizeMb: YOUNG_GENERATION_MB,
        maxOldGenerationSizeMb: start.workerHeapMb,
      },
    });
    const member: Member = {
      worker: start.worker,
      thread,
      started: false,
      listening: new Set(),
      serves: undefined,
      lent: new Set(),
    };
    this.#members.set(start.worker, member);
    let reason = 'exit';
    thread.on('error', (error) => {
      reason = error.message;
    });
    thread.on('exit', (code) => {
      this.#members.delete(start.worker);
      // Whatever it has said has come before this.
      for (const descriptor of member.lent) closeSync(descriptor);
      for (const answer of this.#answers) {
        answer(start.worker, { kind: 'refused', version: -1, reason: `worker ${start.worker} ended` });
      }
      if (this.#stopping) return;
      this.#listener.onWorkerLost(start.worker, `${reason} (code ${code})`);
      this.#deadlines.start(RESTART_DELAY_MS, () => void this.#replace(start));
    });
    thread.on('message', (message: WorkerToMain) => {
      if (message.kind === 'took')
        for (const descriptor of message.descriptors) member.lent.delete(descriptor);
      if (message.kind === 'holds') for (const descriptor of message.descriptors) member.lent.add(descriptor);
      if (message.kind === 'full') this.#listener.onFull(message.boundBy);
      if (message.kind === 'room') this.#listener.onRoom(message.refused);
      if (message.kind === 'exception')
        this.#listener.onException(start.worker, message.message, message.stack);
      if (message.kind === 'descriptors')
        this.#listener.onDescriptors(start.worker, message.short, message.detail);
      // However late it is.
      if (message.kind === 'committed') member.listening = new Set(message.listening);
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
    return member;
  }

  async #replace(start: WorkerStart): Promise<void> {
    if (this.#stopping) return;
    // One that ends again: its exit has started the next try.
    const member = await this.#spawn(start).catch(() => undefined);
    if (member === undefined) return;
    try {
      await this.#inTurn(() => this.#bringUpToDate(member));
    } catch (error) {
      if (!this.#isThere(member)) return;
      // Without a configuration it is of no use.
      this.#listener.onException(start.worker, describeError(error), '');
      void member.thread.terminate();
    }
  }

  /** @throws LimpetError where it cannot serve what the others do. */
  async #bringUpToDate(member: Member): Promise<void> {
    const config = this.#current;
    if (config === undefined || !this.#isThere(member)) return;
    const descriptors = await this.#descriptorsFor(member, config);
    if (!this.#isThere(member)) return closeAll(descriptors);
    const [prepared] = await this.#ask(
      [member],
      () => preparation(member, config, descriptors),
      (message) => (isPreparation(message) && message.version === config.version ? message : undefined),
    );
    if (prepared?.kind === 'refused') throw new LimpetError('APPLY_FAILED', prepared.reason);
    const committed = this.#commit([member], config);
    // Keys that came since then have reached it before this commit, which brings back those that it has prepared.
    const { rings } = this.#current ?? config;
    if (rings !== config.rings && this.#isThere(member))
      member.thread.postMessage({ kind: 'rings', id: 0, rings, destroyed: NONE } satisfies MainToWorker);
    for (const failure of await committed) this.#listener.onException(member.worker, failure, '');
  }

  /** False once it has ended, also where a successor has its number. */
  #isThere(member: Member): boolean {
    return this.#members.get(member.worker) === member;
  }

  /** One change after another: a worker that was brought up to date between the two steps of a configuration would stay behind it. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#changes.then(change);
    this.#changes = done.then(
      () => {},
      () => {},
    );
    return done;
  }

  /** Of the sockets that others keep: one for each address that the worker does not listen on yet. */
  async #descriptorsFor({ listening }: Member, { snapshot }: ConfigVersion): Promise<Map<string, number>> {
    const descriptors = new Map<string, number>();
    for (const address of addressesOf(snapshot)) {
      const key = addressKey(address);
      if (listening.has(key) || descriptors.has(key)) continue;
      try {
        const descriptor = await this.#sockets.lend(address);
        if (descriptor !== undefined) descriptors.set(key, descriptor);
      } catch (error) {
        closeAll(descriptors);
        throw error;
      }
    }
    return descriptors;
  }

  /** Sends to those of these workers that are there, and waits for an answer of each. */
  #ask<T>(
    members: readonly Member[],
    messageTo: (member: Member) => MainToWorker,
    pick: (message: WorkerToMain, member: Member) => T | undefined,
    timeoutMs = PREPARE_TIMEOUT_MS,
  ): Promise<T[]> {
    const asked = members.filter((member) => this.#isThere(member));
    const waiting = new Set(asked.map(({ worker }) => worker));
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
          const member = this.#members.get(worker);
          const picked = member === undefined ? undefined : pick(answer, member);
          if (picked === undefined || !waiting.delete(worker)) return;
          answers.push(picked);
        }
        if (waiting.size === 0) finish(() => resolve(answers));
      };
      const deadline = this.#deadlines.start(timeoutMs, () =>
        finish(() => reject(new LimpetError('APPLY_FAILED', 'a worker did not answer in time'))),
      );
      this.#answers.add(onAnswer);
      for (const member of asked) member.thread.postMessage(messageTo(member));
    });
  }
}

function updateOf({ serves }: Member, { snapshot, slots, ...rest }: ConfigVersion): ConfigUpdate {
  const change = changeFrom(serves?.snapshot ?? EMPTY_SNAPSHOT, snapshot);
  return { ...rest, since: serves?.version ?? 0, change, slots: slotsOf(change, slots) };
}

/** The descriptors leave with it. */
function preparation(
  member: Member,
  config: ConfigVersion,
  descriptors: ReadonlyMap<string, number>,
): MainToWorker {
  for (const descriptor of descriptors.values()) member.lent.add(descriptor);
  return { kind: 'prepare', config: updateOf(member, config), descriptors };
}

function isPreparation(
  message: WorkerToMain,
): message is Extract<WorkerToMain, { kind: 'prepared' | 'refused' }> {
  return message.kind === 'prepared' || message.kind === 'refused';
}

function closeAll(descriptors: ReadonlyMap<string, number>): void {
  for (const descriptor of descriptors.values()) closeSync(descriptor);
}

function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
