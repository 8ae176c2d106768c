// The processes that a run has started: each is stopped by its id, with all its children, whatever happens.

import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { processTree } from '../measure/process-tree.ts';
import type { Placement } from './placement.ts';

const STOP_TIMEOUT_MS = 5000;
const ERROR_TAIL_BYTES = 4096;

export class Processes {
  readonly #running = new Set<RunningProcess>();
  readonly #placement: Placement | undefined;
  #stopped = false;

  constructor(placement: Placement | undefined) {
    this.#placement = placement;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** A balancer. */
  startBalancer(command: string, args: readonly string[]): RunningProcess {
    this.#refuseWhenStopped();
    const [program, ...rest] = [...placed(this.#placement?.balancer), command, ...args];
    return this.#adopt(spawn(program!, rest, { stdio: ['ignore', 'pipe', 'pipe'] }), command);
  }

  /** A Node module that talks to this process by messages: client, back ends. */
  fork(module: string): RunningProcess {
    this.#refuseWhenStopped();
    const [execPath, ...execArgv] = [
      ...placed(this.#placement?.others),
      process.execPath,
      ...process.execArgv,
    ];
    return this.#adopt(
      fork(module, { execPath: execPath!, execArgv, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] }),
      module,
    );
  }

  /** Nothing can be started from now on: a measurement in progress must not outlive the stop. */
  async stopAll(): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#running].map((running) => running.stop()));
  }

  /** For the very end of this process, when nothing can be waited for. */
  killAll(): void {
    for (const running of this.#running) running.kill();
  }

  #refuseWhenStopped(): void {
    if (this.#stopped) throw new Error('the run is stopping');
  }

  #adopt(child: ChildProcess, command: string): RunningProcess {
    const running = new RunningProcess(child, command);
    this.#running.add(running);
    child.once('exit', () => this.#running.delete(running));
    return running;
  }
}

export class RunningProcess {
  readonly child: ChildProcess;
  readonly #command: string;
  #errorTail = '';
  #stopping = false;

  constructor(child: ChildProcess, command: string) {
    this.child = child;
    this.#command = command;
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#errorTail = (this.#errorTail + chunk.toString()).slice(-ERROR_TAIL_BYTES);
    });
    // Output that nobody reads would fill the pipe and stop the program.
    child.stdout?.on('data', () => {});
    child.on('error', (error) => {
      this.#errorTail += String(error);
    });
  }

  get pid(): number {
    if (this.child.pid === undefined) throw this.failure('cannot be started');
    return this.child.pid;
  }

  get ended(): boolean {
    return this.child.pid === undefined || this.child.exitCode !== null || this.child.signalCode !== null;
  }

  failure(what: string): Error {
    return new Error(`${this.#command}: ${what}\n${this.#errorTail}`.trim());
  }

  async stop(): Promise<void> {
    if (this.ended || this.#stopping) return;
    this.#stopping = true;
    const exited = once(this.child, 'exit');
    const pids = processTree(this.pid);
    this.child.kill('SIGTERM');
    await Promise.race([exited, delay(STOP_TIMEOUT_MS, undefined, { ref: false })]);
    for (const pid of pids) killIfAlive(pid, this.ended ? this.pid : undefined);
    if (!this.ended) await exited;
  }

  kill(): void {
    if (this.ended) return;
    for (const pid of processTree(this.pid)) killIfAlive(pid, undefined);
  }
}

/** taskset sets the CPUs and becomes the program: the process id stays. */
function placed(cpus: string | undefined): readonly string[] {
  return cpus === undefined ? [] : ['taskset', '-c', cpus];
}

function killIfAlive(pid: number, except: number | undefined): void {
  if (pid === except) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself, as it should.
  }
}
