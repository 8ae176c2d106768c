// The supervisor: keeps the listening sockets and runs the engine process that accepts from them; restarts it, replaces it, ends it.

import type { Logger } from 'pino';
import type { Clock } from '../lifecycle/clock.ts';
import type { Deadlines } from '../lifecycle/deadlines.ts';
import { KeptSockets } from './kept-sockets.ts';
import type { KeptSocket } from './listening-socket.ts';
import { decideRestart } from './restart-policy.ts';
import { type EngineCommand, type Exit, ServingProcess } from './serving-engine.ts';
import type { EngineToSupervisor } from './supervisor-messages.ts';

export interface SupervisorOptions {
  /** Asked at each start, so that the next process can have other options and other code. @throws where there is none. */
  readonly command: () => EngineCommand;
  readonly readyTimeoutMs: number;
  /** How long connections may go on in a process that has a successor. */
  readonly upgradeDrainMs: number;
}

export interface SupervisorServices {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly log: Logger;
  /** For the service manager: READY, STATUS, STOPPING. */
  readonly notify: (...states: readonly string[]) => void;
}

/** Former processes that still have connections. Each has its memory, so there is a limit. */
const RETIRED_MAX = 8;
/** What a process may take beyond its own drain deadline. */
const STOP_GRACE_MS = 5000;
const CUT_GRACE_MS = 3000;

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #services: SupervisorServices;
  readonly #sockets: KeptSockets;
  #serving: ServingProcess | undefined;
  /** On its way to serve, whether for the first time, as a replacement or as the next one. */
  #starting: ServingProcess | undefined;
  readonly #retired = new Set<ServingProcess>();
  /** That served and died: their sockets wait for the successor. */
  readonly #dead = new Set<ServingProcess>();
  #deaths = 0;
  #ticketKeys: string | undefined;
  #stopping = false;
  readonly #ended: Promise<number>;
  #end: (code: number) => void = () => {};

  constructor(activated: readonly KeptSocket[], options: SupervisorOptions, services: SupervisorServices) {
    this.#options = options;
    this.#services = services;
    this.#sockets = new KeptSockets(activated);
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** Runs until told to stop, or until the engine cannot be kept alive. Returns the exit code. */
  async run(): Promise<number> {
    const failure = await this.#launch();
    // What cannot start the first time is for the operator to see, not to try again.
    if (failure !== undefined && !this.#stopping) return failure.code ?? 1;
    return this.#ended;
  }

  /** Starts the next process beside the one that serves, which goes on until the next one does. Never throws. */
  async upgrade(): Promise<void> {
    const { log } = this.#services;
    if (this.#stopping) return;
    if (this.#starting !== undefined) {
      log.warn({ event: 'UPGRADE_REFUSED' }, 'an engine is being started already; try again when it serves');
      return;
    }
    if (this.#retired.size >= RETIRED_MAX) {
      log.error(
        { event: 'UPGRADE_REFUSED', processes: this.#retired.size },
        'too many former processes still have connections; wait, or end them with SIGTERM',
      );
      return;
    }
    const former = this.#serving;
    const failure = await this.#launch();
    if (failure === undefined || this.#stopping) return;
    log.error(
      { event: 'UPGRADE_FAILED', reason: failure.reason, pid: this.#serving?.pid },
      'the next engine did not come to serve; the former one goes on',
    );
    // It may have died meanwhile, trusting in its successor.
    if (former !== undefined && former.exit !== undefined) void this.#replace(former);
  }

  /** Also for those that drain, which have access logs, and for the one that starts; a signal would end that before it knows signals. */
  reload(): void {
    for (const engine of this.#alive) engine.send({ kind: 'reload' });
  }

  /** Ends everything in order. */
  async stop(reason: string): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    const { log, deadlines, notify } = this.#services;
    log.info({ event: 'DRAINING', reason }, 'stopping');
    notify('STOPPING=1');
    // Before the engines are told: what they have of the sockets is the rest, so what waits on them can be accepted and nothing new comes.
    this.#sockets.closeAll();
    this.#starting?.signal('SIGKILL');
    const engines = this.#alive;
    for (const engine of engines) engine.send({ kind: 'stop' });
    const patienceMs = Math.max(0, ...engines.map(({ drainTimeoutMs }) => drainTimeoutMs)) + STOP_GRACE_MS;
    let killed = false;
    const deadline = deadlines.start(patienceMs, () => {
      killed = true;
      log.error({ event: 'ENGINE_KILLED' }, 'an engine did not end in time and is killed');
      for (const engine of this.#alive) engine.signal('SIGKILL');
    });
    await Promise.all(engines.map(({ exited }) => exited));
    deadline.cancel();
    log.info({ event: 'STOPPED' }, 'stopped');
    this.#end(killed ? 1 : 0);
  }

  /** Ends everything at once. */
  cut(): void {
    void this.stop('asked twice');
    for (const engine of this.#alive) engine.send({ kind: 'cut' });
    this.#services.deadlines.start(CUT_GRACE_MS, () => {
      for (const engine of this.#alive) engine.signal('SIGKILL');
    });
  }

  get #alive(): readonly ServingProcess[] {
    return [this.#serving, this.#starting, ...this.#retired].filter(
      (engine) => engine !== undefined && engine.exit === undefined,
    ) as ServingProcess[];
  }

  /** Starts a process and lets it take over once it serves. Returns what went wrong, if it does not come to that. */
  async #launch(): Promise<Exit | undefined> {
    const { log } = this.#services;
    let next: ServingProcess;
    try {
      next = new ServingProcess(
        this.#options.command(),
        this.#services,
        this.#options.readyTimeoutMs,
        (request, from) => this.#answer(request, from),
      );
    } catch (error) {
      return { code: 2, reason: error instanceof Error ? error.message : String(error) };
    }
    this.#starting = next;
    log.info({ event: 'ENGINE_STARTING', pid: next.pid }, 'an engine starts');
    const outcome = await next.started;
    this.#starting = undefined;
    if (outcome === 'ready' && !this.#stopping) {
      this.#takeOver(next);
      return undefined;
    }
    next.signal('SIGKILL');
    const exit = await next.exited;
    this.#sockets.releaseAll(next);
    return outcome === 'late' ? { code: 1, reason: 'it was not ready in time' } : exit;
  }

  #takeOver(next: ServingProcess): void {
    const { log, notify } = this.#services;
    const former = this.#serving;
    this.#serving = next;
    // Only what the next one uses stays open. The former still has its own descriptors, and accepts what waits.
    for (const engine of this.#dead) this.#sockets.releaseAll(engine);
    this.#dead.clear();
    if (former !== undefined) this.#sockets.releaseAll(former);
    if (former !== undefined && former.exit === undefined) {
      this.#retired.add(former);
      former.send({ kind: 'retire', deadlineMs: this.#options.upgradeDrainMs });
    }
    log.info({ event: 'ENGINE_SERVES', pid: next.pid, former: former?.pid }, 'an engine serves');
    notify('READY=1', `STATUS=engine ${next.pid} serves`);
    void next.exited.then((exit) => this.#onExit(next, exit));
  }

  #onExit(engine: ServingProcess, { code, reason }: Exit): void {
    const { log } = this.#services;
    if (this.#retired.delete(engine)) {
      const record = { event: 'ENGINE_RETIRED', pid: engine.pid, reason };
      if (code === 0) log.info(record, 'a former engine has ended');
      else log.error(record, 'a former engine ended before its connections did');
      return;
    }
    if (this.#stopping || engine !== this.#serving) return;
    log.error({ event: 'ENGINE_DIED', pid: engine.pid, reason }, 'the engine died');
    this.#dead.add(engine);
    // A next one that starts already takes its place.
    if (this.#starting === undefined) void this.#replace(engine);
  }

  /** Starts engines until one serves, ever later; connections wait in the sockets meanwhile. */
  async #replace(dead: ServingProcess): Promise<void> {
    const { log, deadlines } = this.#services;
    let servedMs = dead.servedMs;
    for (let exit = dead.exit as Exit; ; servedMs = 0) {
      const decision = decideRestart(this.#deaths, servedMs);
      this.#deaths = decision.deaths;
      if (decision.kind === 'give-up') {
        log.fatal(
          { event: 'ENGINE_GIVEN_UP', deaths: decision.deaths, reason: exit.reason },
          'the engine dies again and again: the supervisor gives up',
        );
        this.#end(exit.code || 1);
        return;
      }
      const { afterMs, deaths } = decision;
      log.warn({ event: 'ENGINE_RESTARTS', deaths, after_ms: afterMs }, 'the engine is started again');
      if (afterMs > 0) await new Promise<void>((resolve) => deadlines.start(afterMs, resolve));
      // An upgrade that was asked for meanwhile does the same.
      if (this.#stopping || this.#starting !== undefined || this.#serving !== dead) return;
      const failure = await this.#launch();
      if (failure === undefined || this.#stopping) return;
      exit = failure;
      log.error({ event: 'ENGINE_DIED', reason: exit.reason }, 'the engine did not come to serve');
    }
  }

  #answer(request: EngineToSupervisor, from: ServingProcess): void {
    const { id } = request;
    switch (request.kind) {
      case 'hello':
        from.send({
          kind: 'answer',
          id,
          ...(this.#ticketKeys === undefined ? {} : { ticketKeys: this.#ticketKeys }),
        });
        break;
      case 'keep':
        this.#ticketKeys = request.ticketKeys;
        from.send({ kind: 'answer', id });
        break;
      case 'open':
        try {
          const address = this.#sockets.open(request.place, request.address, from);
          from.send({ kind: 'answer', id, address });
        } catch (error) {
          from.send({ kind: 'failed', id, code: (error as NodeJS.ErrnoException).code ?? String(error) });
        }
        break;
      case 'borrow': {
        const socket = this.#sockets.find(request.address);
        if (socket === undefined) from.send({ kind: 'failed', id, code: 'the socket is not open' });
        else from.send({ kind: 'lent', id }, socket.handle);
        break;
      }
      case 'close':
        this.#sockets.release(request.address, from);
        from.send({ kind: 'answer', id });
        break;
      case 'ready':
        from.send({ kind: 'answer', id });
        break;
    }
  }
}
