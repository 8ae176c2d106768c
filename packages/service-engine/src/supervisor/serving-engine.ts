// One engine process that a supervisor has started: from the start to its exit code.

import { type ChildProcess, type SendHandle, spawn } from 'node:child_process';
import type { Clock } from '../lifecycle/clock.ts';
import type { Deadlines } from '../lifecycle/deadlines.ts';
import type { SocketHandle } from './listening-socket.ts';
import type { EngineToSupervisor, SupervisorToEngine } from './supervisor-messages.ts';

export interface EngineCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface Exit {
  /** Undefined where a signal ended it. */
  readonly code: number | undefined;
  readonly reason: string;
}

/** Whether it came to serve: ended before, or took too long. */
export type StartOutcome = 'ready' | 'ended' | 'late';

export class ServingProcess {
  readonly exited: Promise<Exit>;
  /** Settles once. */
  readonly started: Promise<StartOutcome>;
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  #onStarted: (outcome: StartOutcome) => void = () => {};
  #readyAtMs: number | undefined;
  #exit: Exit | undefined;
  #drainTimeoutMs = 0;

  constructor(
    command: EngineCommand,
    services: { readonly clock: Clock; readonly deadlines: Deadlines },
    readyTimeoutMs: number,
    onRequest: (request: EngineToSupervisor, from: ServingProcess) => void,
  ) {
    this.#clock = services.clock;
    // In a group of its own: a Ctrl-C of the terminal is for the supervisor, who passes it on in its own way.
    this.#child = spawn(command.file, command.args, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      detached: true,
      env: command.environment,
    });
    this.exited = new Promise((resolve) => {
      const end = (code: number | null, reason: string): void => {
        this.#exit ??= { code: code ?? undefined, reason };
        resolve(this.#exit);
      };
      this.#child.once('exit', (code, signal) => end(code, signal ?? `code ${code}`));
      // It could not be started at all.
      this.#child.once('error', (error) => end(1, error.message));
    });
    this.started = new Promise((resolve) => {
      const deadline = services.deadlines.start(readyTimeoutMs, () => resolve('late'));
      this.#onStarted = (outcome) => {
        deadline.cancel();
        resolve(outcome);
      };
      void this.exited.then(() => this.#onStarted('ended'));
    });
    this.#child.on('message', (message) => {
      const request = message as EngineToSupervisor;
      onRequest(request, this);
      if (request.kind !== 'ready') return;
      this.#drainTimeoutMs = request.drainTimeoutMs;
      this.#readyAtMs = this.#clock.monotonicMs();
      this.#onStarted('ready');
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** What it needs to drain, by its own account. */
  get drainTimeoutMs(): number {
    return this.#drainTimeoutMs;
  }

  get servedMs(): number {
    return this.#readyAtMs === undefined ? 0 : this.#clock.monotonicMs() - this.#readyAtMs;
  }

  /** To a process that is gone nothing is sent. */
  send(message: SupervisorToEngine, handle?: SocketHandle): void {
    if (!this.#child.connected) return;
    // keepOpen: the socket is lent, not given.
    this.#child.send(message, handle as unknown as SendHandle, { keepOpen: true }, () => {});
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#exit === undefined && this.pid > 0) this.#child.kill(signal);
  }
}
