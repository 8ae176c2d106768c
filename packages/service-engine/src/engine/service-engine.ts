// The life of a Service Engine: composes it, starts it, has it take its configuration again, and drains it.

import { LimpetError } from '@limpet/model';
import type { Logger } from 'pino';
import { systemClock } from '../lifecycle/clock.ts';
import { Deadlines } from '../lifecycle/deadlines.ts';
import { systemRandom } from '../lifecycle/random.ts';
import { readDescriptorLimit } from '../listener/descriptor-guard.ts';
import { type ListeningSockets, ownSockets } from '../listener/listening-sockets.ts';
import { BoundPorts } from '../snapshot/bound-ports.ts';
import { WorkerGroup } from '../snapshot/worker-group.ts';
import type { Drain, WorkerStart } from '../snapshot/worker-messages.ts';
import type { ConfigurationSource } from '../source/configuration-source.ts';
import { ControllerSource } from '../source/controller/controller-source.ts';
import { StateFolder } from '../source/controller/state-folder.ts';
import { FileSource } from '../source/file-source.ts';
import { type ParentChannel, SupervisorLink } from '../supervisor/supervisor-link.ts';
import { startAdminServer } from '../telemetry/admin-server.ts';
import type { EngineReports } from '../telemetry/engine-reports.ts';
import { metricOffset } from '../telemetry/metrics-table.ts';
import { CertificateExpiry } from '../tls/certificate-expiry.ts';
import { ConfigurationFlow, type InEffect } from './configuration-flow.ts';
import type { EngineCapacity } from './engine-capacity.ts';
import type { EngineFacts } from './engine-facts.ts';
import { EngineLog, logRefusal } from './engine-log.ts';
import { EngineMemory } from './engine-memory.ts';
import type { EngineOptions } from './engine-options.ts';
import { KeyAgeWatch } from './key-age-watch.ts';
import { describeMetrics, describeMetricsInShort } from './metrics-report.ts';
import { describeRuntime } from './runtime-report.ts';
import { ServerWatch } from './server-watch.ts';

const REFUSED = metricOffset('limpet_config_reloads_total', 'refused');

export interface EngineReady {
  readonly admin: string;
  readonly listeners: readonly {
    readonly virtual_service: string;
    readonly ip: string;
    readonly port: number;
  }[];
}

export class ServiceEngine {
  readonly #options: EngineOptions;
  readonly #log: Logger;
  readonly #deadlines = new Deadlines(systemClock);
  readonly #capacity: EngineCapacity;
  readonly #memory: EngineMemory;
  readonly #workers: WorkerGroup;
  readonly #servers: ServerWatch;
  readonly #certificateExpiry: CertificateExpiry;
  readonly #source: ConfigurationSource;
  readonly #supervisor: SupervisorLink | undefined;
  readonly #configuration: ConfigurationFlow;
  readonly #keyAge: KeyAgeWatch;
  readonly #reports: EngineReports = {
    healthz: () => ({ ok: this.#state === 'serving', detail: this.#state }),
    metrics: () => describeMetrics(this.#facts()),
    runtime: () => describeRuntime(this.#facts()),
  };
  #admin: { readonly address: { ip: string; port: number }; stop(): void } | undefined;
  #state: 'starting' | 'serving' | 'draining' = 'starting';
  /** The start, then the reload that came last: one after another. */
  #applying: Promise<void> = Promise.resolve();
  /** A reload that has not begun: whoever asks for another means that one. */
  #nextReload: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;
  #onStopped: () => void = () => {};
  readonly #whenStopped = new Promise<void>((resolve) => {
    this.#onStopped = resolve;
  });

  /** @param channel to the supervisor, where there is one. */
  constructor(
    options: EngineOptions,
    capacity: EngineCapacity,
    log: Logger,
    channel: ParentChannel | undefined,
  ) {
    this.#options = options;
    this.#log = log;
    this.#capacity = capacity;
    this.#memory = new EngineMemory(options.workers);
    this.#supervisor =
      channel === undefined
        ? undefined
        : new SupervisorLink(channel, this.#deadlines, {
            onRetire: (deadlineMs) => void this.stop({ deadlineMs, keepIdle: true }),
            onStop: () => void this.stop(),
            onCut: () => this.cut(),
            onReload: () => void this.reload('SIGHUP'),
          });
    const sockets: ListeningSockets = this.#supervisor ?? ownSockets;
    const engineLog = new EngineLog(log, this.#capacity, (worker) => this.#memory.releaseWorker(worker));
    this.#workers = new WorkerGroup(this.#workerStarts(), this.#deadlines, sockets, engineLog);
    this.#servers = new ServerWatch({
      clock: systemClock,
      deadlines: this.#deadlines,
      random: systemRandom,
      log,
      memory: this.#memory,
      onDrained: (slot) => this.#workers.broadcast({ kind: 'leave-server', slot }),
    });
    this.#certificateExpiry = new CertificateExpiry(systemClock, this.#deadlines, (expiring) =>
      engineLog.certificateExpires(expiring),
    );
    this.#source = this.#createSource();
    this.#configuration = new ConfigurationFlow({
      source: this.#source,
      log,
      clock: systemClock,
      random: systemRandom,
      memory: this.#memory,
      workers: this.#workers,
      boundPorts: new BoundPorts(sockets, options.listenMap),
      servers: this.#servers,
      certificateExpiry: this.#certificateExpiry,
      keepTicketKeys: async (ringText) => this.#supervisor?.keep(ringText),
    });
    this.#keyAge = new KeyAgeWatch(
      log,
      systemClock,
      this.#deadlines,
      () => this.#configuration.inEffect?.ringFacts ?? new Map(),
    );
  }

  /**
   * Takes the first configuration, applies it and begins to serve.
   *
   * @returns undefined where it was told to stop before it served.
   * @throws LimpetError with everything that is wrong; then nothing listens.
   */
  async start(): Promise<EngineReady | undefined> {
    const started = this.#start();
    this.#applying = started.catch(() => {});
    try {
      await started;
    } catch (error) {
      // What a stop makes of a start that is under way is nobody's fault.
      if (this.#stopped === undefined) throw error;
    }
    return this.#stopped === undefined ? this.#describeReady() : undefined;
  }

  /** An event of the log: whoever looks at the Controller sees it, too. */
  noteEvent(event: object): void {
    if (this.#source instanceof ControllerSource) this.#source.noteEvent(event);
  }

  /** Takes what the source has now. A failure is logged and changes nothing; never throws. */
  reload(cause: 'news' | 'SIGHUP'): Promise<void> {
    // An engine that drains has records to write, too.
    if (cause === 'SIGHUP') this.#workers.broadcast({ kind: 'reopen-log' });
    if (this.#nextReload !== undefined) return this.#nextReload;
    this.#nextReload = this.#applying.then(async () => {
      this.#nextReload = undefined;
      if (this.#state !== 'serving') return;
      try {
        await this.#configuration.load();
      } catch (error) {
        if (this.#stopped !== undefined) return;
        this.#memory.metrics.add('engine', 0, REFUSED);
        logRefusal(this.#log, error, 'configuration refused; the old one stays in effect');
      }
    });
    this.#applying = this.#nextReload;
    return this.#nextReload;
  }

  /**
   * Stops accepting, lets what is under way finish, and ends; a start that is under way is given up. A second call may shorten the time that
   * is left.
   */
  stop(drain: Drain = { deadlineMs: this.#options.drainTimeoutMs, keepIdle: false }): Promise<void> {
    if (this.#stopped === undefined) this.#stopped = this.#drain(drain);
    else this.#workers.broadcast({ kind: 'drain', drain });
    return this.#stopped;
  }

  /** Ends the connections of an engine that is stopping, now. */
  cut(): void {
    void this.stop();
    this.#workers.broadcast({ kind: 'cut' });
  }

  /** Resolves when the engine has stopped, whoever asked for it. */
  get stopped(): Promise<void> {
    return this.#whenStopped;
  }

  #createSource(): ConfigurationSource {
    const { configFile, ticketKeysFile, enginesPerVirtualService, controller, engineName } = this.#options;
    if (configFile !== undefined)
      return new FileSource(
        { configFile, ticketKeysFile, enginesPerVirtualService },
        systemClock,
        this.#deadlines,
      );
    if (controller === undefined)
      throw new LimpetError('CONFIG_UNREADABLE', 'neither a configuration file nor a Controller is named');
    const { url, token, stateFolder, cacheKey, engineVersion } = controller;
    return new ControllerSource(
      { controllerUrl: url, token, engineName, engineVersion },
      {
        state: new StateFolder(stateFolder, systemRandom, cacheKey),
        log: this.#log,
        clock: systemClock,
        deadlines: this.#deadlines,
        random: systemRandom,
        reports: { ...this.#reports, metrics: () => describeMetricsInShort(this.#facts()) },
      },
    );
  }

  async #start(): Promise<void> {
    const steps: readonly (() => unknown)[] = [
      async () => this.#configuration.inherit(await this.#supervisor?.hello()),
      () => this.#workers.start(),
      () => this.#source.start(() => void this.reload('news')),
      () => this.#configuration.load(),
      () => this.#startAdmin(),
      () => {
        this.#state = 'serving';
        return this.#supervisor?.ready(this.#options.drainTimeoutMs);
      },
    ];
    for (const step of steps) {
      if (this.#stopped !== undefined) return;
      await step();
    }
  }

  async #drain(drain: Drain): Promise<void> {
    if (this.#state === 'serving')
      this.#log.info({ event: 'DRAINING', deadline_ms: drain.deadlineMs }, 'draining');
    this.#state = 'draining';
    // A successor answers there.
    if (drain.keepIdle) this.#admin?.stop();
    this.#configuration.abandon();
    await this.#applying;
    this.#source.stop();
    const cut = await this.#workers.stop(drain);
    if (cut > 0) this.#log.warn({ connections: cut }, 'connections were cut at the drain deadline');
    // Until here: what is under way may still choose servers.
    this.#servers.stop();
    this.#certificateExpiry.stop();
    this.#keyAge.stop();
    this.#admin?.stop();
    this.#deadlines.stop();
    this.#onStopped();
  }

  async #startAdmin(): Promise<void> {
    const { admin } = this.#options;
    if (admin === undefined) return;
    // A supervisor keeps this socket, too: the next process could not have the address while this one does.
    const address = this.#supervisor === undefined ? admin : await this.#supervisor.open('admin', admin);
    this.#admin = await startAdminServer(address, this.#reports, await this.#supervisor?.lend(address));
  }

  #facts(): EngineFacts {
    return {
      engineName: this.#options.engineName,
      clock: systemClock,
      memory: this.#memory,
      capacity: this.#capacity,
      servers: this.#servers,
      inEffect: this.#inEffect,
      state: this.#state,
      workers: this.#workers.size,
    };
  }

  #workerStarts(): readonly WorkerStart[] {
    const descriptorLimit = readDescriptorLimit();
    const engineId = systemRandom.bytes(3).toString('hex');
    return Array.from({ length: this.#options.workers }, (_, worker) => ({
      ...this.#memory.shared,
      worker,
      engineId,
      capacityLimits: { connections: this.#capacity.connections, places: this.#capacity.places },
      workerHeapMb: this.#capacity.workerHeapMb,
      accessLog: this.#options.accessLog,
      descriptorLimit,
    }));
  }

  /** Once a configuration has been loaded there is one. */
  get #inEffect(): InEffect {
    return this.#configuration.inEffect as InEffect;
  }

  #describeReady(): EngineReady {
    return {
      admin: this.#admin === undefined ? '' : `http://${this.#admin.address.ip}:${this.#admin.address.port}`,
      listeners: this.#inEffect.snapshot.virtualServices.flatMap(({ name, listeners }) =>
        listeners.map(({ address }) => ({ virtual_service: name, ip: address.ip, port: address.port })),
      ),
    };
  }
}
