// The Service Engine: composes source, validation, health monitors, workers and the admin server, and applies each new configuration.

import { existsSync, readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import {
  type CompiledConfig,
  type ConfigProblem,
  describeProblem,
  LimpetError,
  loadConfig,
  type Snapshot,
} from '@limpet/model';
import type { Logger } from 'pino';
import { HealthSchedule } from './health-monitor/health-schedule.ts';
import { PassiveHealth } from './health-monitor/passive-health.ts';
import { systemClock } from './lifecycle/clock.ts';
import { Deadlines } from './lifecycle/deadlines.ts';
import { systemRandom } from './lifecycle/random.ts';
import {
  type CapacityPlan,
  defaultMemoryBytes,
  parseDescriptorLimit,
  planCapacity,
} from './listener/capacity-plan.ts';
import { ConnectionCapacity } from './listener/connection-capacity.ts';
import { readDescriptorLimit } from './listener/descriptor-guard.ts';
import { type ListeningSockets, ownSockets } from './listener/listening-sockets.ts';
import { CrowdCounter } from './load-balancing/crowd-counter.ts';
import { TicketTrail } from './load-balancing/ticket-trail.ts';
import type { EngineOptions } from './options.ts';
import { POOL_SLOTS_MAX, QueueTable } from './pool/queue-table.ts';
import { type DisabledServer, ServerDrains } from './pool/server-drains.ts';
import { SERVER_SLOTS_MAX, ServerTable } from './pool/server-table.ts';
import { describeRuntime, metricOwners, noteServerGauges } from './runtime-report.ts';
import { ServerConditions } from './server-conditions.ts';
import {
  createRingKeys,
  parseRingKeys,
  type RingKeys,
  serializeRingKeys,
} from './session-ticket/ring-file.ts';
import { addressesGone, BoundPorts } from './snapshot/bound-ports.ts';
import { SlotAllocator } from './snapshot/slot-allocator.ts';
import { WorkerGroup } from './snapshot/worker-group.ts';
import { type Drain, type SlotNumbers, serverSlotKey, type WorkerStart } from './snapshot/worker-messages.ts';
import { resolveConfigFiles } from './source/file-references.ts';
import { FileWatcher, readConfigFile, readRingFile } from './source/file-source.ts';
import { type ParentChannel, SupervisorLink } from './supervisor/supervisor-link.ts';
import { startAdminServer } from './telemetry/admin-server.ts';
import { exposeMetrics } from './telemetry/exposition.ts';
import { MetricsTable, metricOffset, VIRTUAL_SERVICE_SLOTS_MAX } from './telemetry/metrics-table.ts';
import { CertificateExpiry, firstExpiryS } from './tls/certificate-expiry.ts';
import { MonitorTls } from './tls/monitor-tls.ts';
import { runTicketSelfTest } from './tls/ticket-self-test.ts';

const APPLIED = metricOffset('limpet_config_reloads_total', 'applied');
const REFUSED = metricOffset('limpet_config_reloads_total', 'refused');
const REVOCATION_LIST_EXPIRY = metricOffset('limpet_revocation_list_expiry_timestamp_seconds');
const CERTIFICATE_EXPIRY = metricOffset('limpet_certificate_expiry_timestamp_seconds');
const KEY_AGE = metricOffset('limpet_ticket_key_age_seconds');
const KEYS = metricOffset('limpet_ticket_keys');
const WORKERS = metricOffset('limpet_workers');
const CONNECTIONS_LIMIT = metricOffset('limpet_connections_limit');

const PROCESS_LIMITS = '/proc/self/limits';
/** Where the system does not tell: what POSIX systems have given for long. */
const DESCRIPTORS_UNKNOWN = 1024;

/** What is in effect. */
interface InEffect {
  readonly version: number;
  readonly snapshot: Snapshot;
  readonly ringText: string;
  readonly ringKeys: RingKeys;
}

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
  readonly #serverTable: ServerTable;
  readonly #queueTable: QueueTable;
  readonly #capacityMemory: SharedArrayBuffer;
  readonly #capacity: CapacityPlan & { readonly memoryBytes: number };
  readonly #metrics: MetricsTable;
  readonly #serverSlots: SlotAllocator;
  readonly #poolSlots: SlotAllocator;
  readonly #virtualServiceSlots: SlotAllocator;
  readonly #workers: WorkerGroup;
  readonly #health: HealthSchedule;
  readonly #monitorTls = new MonitorTls(systemClock);
  readonly #drains: ServerDrains;
  readonly #passive: PassiveHealth;
  readonly #watcher: FileWatcher;
  readonly #certificateExpiry: CertificateExpiry;
  #inEffect: InEffect | undefined;
  #version = 0;
  #admin: { readonly address: { ip: string; port: number }; stop(): void } | undefined;
  #applying: Promise<void> = Promise.resolve();
  #state: 'starting' | 'serving' | 'draining' = 'starting';
  readonly #sockets: ListeningSockets;
  readonly #supervisor: SupervisorLink | undefined;
  readonly #boundPorts: BoundPorts;
  #stopped: Promise<void> | undefined;
  #onStopped: () => void = () => {};
  readonly #whenStopped = new Promise<void>((resolve) => {
    this.#onStopped = resolve;
  });
  #leftTicketKeys: string | undefined;
  readonly #shortOfDescriptors = new Set<number>();

  /** @param channel to the supervisor, where there is one. */
  constructor(options: EngineOptions, log: Logger, channel: ParentChannel | undefined) {
    this.#options = options;
    this.#log = log;
    const { workers } = options;
    this.#supervisor =
      channel === undefined
        ? undefined
        : new SupervisorLink(channel, this.#deadlines, {
            onRetire: (deadlineMs) => void this.stop({ deadlineMs, keepIdle: true }),
            onStop: () => void this.stop(),
            onCut: () => this.cut(),
          });
    this.#sockets = this.#supervisor ?? ownSockets;
    this.#boundPorts = new BoundPorts(this.#sockets);
    const serverMemory = ServerTable.allocate(workers);
    const metricsMemory = MetricsTable.allocate(workers + 1, SERVER_SLOTS_MAX);
    this.#capacity = capacityOf(options);
    this.#capacityMemory = ConnectionCapacity.allocate(workers);
    const queueMemory = QueueTable.allocate(workers, SERVER_SLOTS_MAX);
    const crowdMemory = CrowdCounter.allocate();
    const trailMemory = TicketTrail.allocate();
    this.#serverTable = new ServerTable(serverMemory, workers, -1);
    this.#queueTable = new QueueTable(queueMemory, workers, -1);
    this.#metrics = new MetricsTable(metricsMemory, workers + 1, workers, SERVER_SLOTS_MAX);
    this.#serverSlots = new SlotAllocator(
      SERVER_SLOTS_MAX,
      (slot) => this.#serverTable.placed(slot) === 0 && this.#serverTable.active(slot) === 0,
      (slot) => {
        this.#serverTable.reset(slot);
        this.#queueTable.resetServer(slot);
        this.#metrics.reset('server', slot);
      },
    );
    this.#poolSlots = new SlotAllocator(
      POOL_SLOTS_MAX,
      (slot) => this.#queueTable.waiting(slot) === 0,
      (slot) => this.#queueTable.resetPool(slot),
    );
    this.#virtualServiceSlots = new SlotAllocator(
      VIRTUAL_SERVICE_SLOTS_MAX,
      (slot) => this.#metrics.read('virtual_service', slot, metricOffset('limpet_connections_open')) === 0,
      (slot) => this.#metrics.reset('virtual_service', slot),
    );
    const descriptorLimit = readDescriptorLimit();
    const engineId = systemRandom.bytes(3).toString('hex');
    const starts = Array.from(
      { length: workers },
      (_, worker): WorkerStart => ({
        worker,
        workers,
        engineId,
        serverTable: serverMemory,
        capacity: this.#capacityMemory,
        connectionLimit: this.#capacity.connections,
        workerHeapMb: this.#capacity.workerHeapMb,
        queueTable: queueMemory,
        metricsTable: metricsMemory,
        crowdCounter: crowdMemory,
        ticketTrail: trailMemory,
        serverSlots: SERVER_SLOTS_MAX,
        accessLog: options.accessLog,
        descriptorLimit,
      }),
    );
    this.#workers = new WorkerGroup(starts, this.#deadlines, this.#sockets, {
      onWorkerLost: (worker, reason) => this.#onWorkerLost(worker, reason),
      onFull: () =>
        log.warn(
          {
            event: 'CONNECTIONS_AT_CAPACITY',
            connections: this.#capacity.connections,
            bound_by: this.#capacity.boundBy,
          },
          'as many connections are open as may be; new ones are refused',
        ),
      onRoom: (refused) =>
        log.info({ event: 'CONNECTIONS_BELOW_CAPACITY', refused }, 'there is room for connections again'),
      onException: (worker, message, stack) => log.error({ worker, stack }, `exception: ${message}`),
      onDescriptors: (worker, short, detail) => this.#noteDescriptors(worker, short, detail),
    });
    const slotOf = (poolUuid: string, serverId: string): number | undefined =>
      this.#serverSlots.slots.get(serverSlotKey(poolUuid, serverId));
    const conditions = new ServerConditions({
      clock: systemClock,
      log,
      serverTable: this.#serverTable,
      metrics: this.#metrics,
      slotOf,
      poolInEffect: (poolUuid) => this.#inEffect?.snapshot.pools.find(({ uuid }) => uuid === poolUuid),
    });
    this.#health = new HealthSchedule({
      clock: systemClock,
      deadlines: this.#deadlines,
      random: systemRandom,
      tlsClientOf: (snapshot) => this.#monitorTls.of(snapshot),
      onTransition: (transition) => {
        conditions.noteHealth(transition);
        this.#queueTable.signalAll();
      },
    });
    this.#passive = new PassiveHealth({
      deadlines: this.#deadlines,
      countsOf: (pool, server) => conditions.outcomesOf(pool, server),
      onTransition: (transition) => conditions.notePassive(transition),
    });
    this.#drains = new ServerDrains({
      clock: systemClock,
      deadlines: this.#deadlines,
      serverTable: this.#serverTable,
      slotOf,
      onStart: (disabled) => this.#log.info(this.#describeDrain('SE_SERVER_DISABLED', disabled), 'disabled'),
      onOver: (disabled) => {
        this.#log.info(this.#describeDrain('SE_SERVER_DRAINED', disabled), 'the time to drain is over');
        this.#workers.broadcast({ kind: 'leave-server', slot: disabled.slot });
        if (this.#state === 'serving') this.#watchHealth();
      },
    });
    this.#certificateExpiry = new CertificateExpiry(
      systemClock,
      this.#deadlines,
      ({ certificate, virtualService, daysLeft }) =>
        log.warn(
          {
            event: 'SSL_CERT_EXPIRE',
            virtual_service: virtualService,
            certificate: certificate.name,
            days_until_expire: daysLeft,
          },
          daysLeft < 0
            ? `certificate ${certificate.name} has expired`
            : `certificate ${certificate.name} expires in ${daysLeft} days`,
        ),
    );
    this.#watcher = new FileWatcher(this.#deadlines, () => void this.reload('change'));
  }

  /**
   * Reads, validates and applies the configuration and begins to serve.
   *
   * @throws LimpetError with everything that is wrong; then nothing listens.
   */
  async start(): Promise<EngineReady> {
    this.#leftTicketKeys = await this.#supervisor?.hello();
    await this.#workers.start();
    this.#metrics.set('engine', 0, WORKERS, this.#workers.size);
    this.#metrics.set('engine', 0, CONNECTIONS_LIMIT, this.#capacity.connections);
    await this.#load();
    await this.#startAdmin();
    this.#state = 'serving';
    await this.#supervisor?.ready(this.#options.drainTimeoutMs);
    const { snapshot } = this.#inEffect as InEffect;
    return {
      admin: this.#admin === undefined ? '' : `http://${this.#admin.address.ip}:${this.#admin.address.port}`,
      listeners: snapshot.virtualServices.flatMap(({ name, listeners }) =>
        listeners.map(({ address }) => ({ virtual_service: name, ip: address.ip, port: address.port })),
      ),
    };
  }

  /** Reads everything again. A failure is logged and changes nothing; never throws. */
  reload(cause: 'change' | 'SIGHUP'): Promise<void> {
    this.#applying = this.#applying.then(async () => {
      if (this.#state !== 'serving') return;
      if (cause === 'SIGHUP') this.#workers.broadcast({ kind: 'reopen-log' });
      try {
        await this.#load();
      } catch (error) {
        this.#metrics.add('engine', 0, REFUSED);
        logRefusal(this.#log, error, 'configuration refused; the old one stays in effect');
      }
    });
    return this.#applying;
  }

  /** Stops accepting, lets what is under way finish, and ends. A second call may shorten the time that is left. */
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

  async #drain(drain: Drain): Promise<void> {
    if (this.#state === 'serving')
      this.#log.info({ event: 'DRAINING', deadline_ms: drain.deadlineMs }, 'draining');
    this.#state = 'draining';
    this.#watcher.stop();
    // A successor answers there.
    if (drain.keepIdle) this.#admin?.stop();
    await this.#applying;
    const cut = await this.#workers.stop(drain);
    if (cut > 0) this.#log.warn({ connections: cut }, 'connections were cut at the drain deadline');
    // Until here: what is under way may still choose servers.
    this.#health.stop();
    this.#drains.stop();
    this.#passive.stop();
    this.#certificateExpiry.stop();
    this.#admin?.stop();
    this.#deadlines.stop();
    this.#onStopped();
  }

  async #startAdmin(): Promise<void> {
    const { admin } = this.#options;
    if (admin === undefined) return;
    // A supervisor keeps this socket, too: the next process could not have the address while this one does.
    const address = this.#supervisor === undefined ? admin : await this.#supervisor.open('admin', admin);
    const pages = {
      healthz: () => ({ ok: this.#state === 'serving', detail: this.#state }),
      metrics: () => this.#exposeMetrics(),
      runtime: () => this.#describeRuntime(),
    };
    this.#admin = await startAdminServer(address, pages, await this.#supervisor?.lend(address));
  }

  // --- the one way of a configuration: read → validate and compile → health → workers → in effect

  async #load(): Promise<void> {
    const { configFile, ticketKeysFile, enginesPerVirtualService } = this.#options;
    const raw = readConfigFile(configFile);
    const { input, files } = resolveConfigFiles(raw, configFile);
    this.#watcher.watch([configFile, ...files, ...(ticketKeysFile === undefined ? [] : [ticketKeysFile])]);
    const { compiled, notices } = loadConfig(input, {
      enginesPerVirtualService,
      nowS: Math.floor(systemClock.unixMs() / 1000),
    });
    const ringText =
      ticketKeysFile === undefined ? await this.#ephemeralRing() : readRingFile(ticketKeysFile);
    await this.#apply(compiled, notices, ringText);
  }

  async #apply(
    { snapshot, secrets }: CompiledConfig,
    notices: readonly ConfigProblem[],
    ringText: string,
  ): Promise<void> {
    const former = this.#inEffect;
    if (former !== undefined && former.snapshot.hash === snapshot.hash && former.ringText === ringText) {
      // Said all the same: whoever sent the signal, or mended a file that was refused, waits for an answer.
      this.#log.info({ event: 'CONFIG_UNCHANGED', version: former.version }, 'nothing changed');
      return;
    }
    const ringKeys = parseRingKeys(ringText);
    if (former?.snapshot.hash === snapshot.hash) {
      this.#workers.applyRing(ringText);
      this.#inEffect = { ...former, ringText, ringKeys };
      this.#noteRing(ringKeys);
      this.#log.info({ event: 'TICKET_KEYS_APPLIED', rotations: ringKeys.rotations }, 'ticket keys applied');
      return;
    }
    for (const notice of notices) this.#log.warn({ event: 'CONFIG_NOTICE' }, describeProblem(notice));
    if (former === undefined) await this.#selfTest(snapshot, secrets);
    const { snapshot: bound, opened } = await this.#boundPorts.bind(snapshot, former?.snapshot);
    const servers = this.#serverSlots.assign(serverKeys(bound));
    const pools = this.#poolSlots.assign(bound.pools.map(({ uuid }) => uuid));
    const virtualServices = this.#virtualServiceSlots.assign(bound.virtualServices.map(({ uuid }) => uuid));
    this.#monitorTls.prepare(bound, secrets);
    // Probed before they get traffic; those that are known keep their state.
    this.#watchHealth(bound);
    await this.#health.firstVerdicts();
    const version = this.#version + 1;
    try {
      await this.#workers.apply(
        { version, snapshot: bound, secrets, ring: ringText, slots: { servers, pools, virtualServices } },
        // Before the workers close theirs, so that they accept the last that waits.
        () => this.#boundPorts.release(former === undefined ? [] : addressesGone(former.snapshot, bound)),
      );
    } catch (error) {
      await this.#boundPorts.release(opened);
      this.#watchHealth(former?.snapshot);
      throw error;
    }
    this.#version = version;
    this.#inEffect = { version, snapshot: bound, ringText, ringKeys };
    this.#passive.apply(bound.pools);
    this.#serverSlots.retain(new Set(servers.keys()));
    this.#poolSlots.retain(new Set(pools.keys()));
    this.#virtualServiceSlots.retain(new Set(virtualServices.keys()));
    this.#drains.apply(bound.pools);
    this.#metrics.add('engine', 0, APPLIED);
    this.#noteCertificates(bound);
    this.#noteRing(ringKeys);
    this.#log.info({ event: 'CONFIG_APPLIED', version, hash: snapshot.hash }, 'configuration applied');
  }

  async #selfTest(snapshot: Snapshot, secrets: ReadonlyMap<string, string>): Promise<void> {
    const tls = snapshot.virtualServices.find((virtualService) => virtualService.tls !== undefined)?.tls;
    const certificate = tls?.certificates[0];
    if (certificate === undefined) return;
    await runTicketSelfTest(certificate.chainPem, secrets.get(certificate.keyHash) ?? '');
  }

  async #ephemeralRing(): Promise<string> {
    const known = this.#inEffect?.ringText ?? this.#leftTicketKeys;
    if (known !== undefined) return known;
    this.#log.warn(
      'no --ticket-keys file: tickets of this engine are good for no other, nor after a restart',
    );
    const made = serializeRingKeys(createRingKeys(systemRandom, Math.floor(systemClock.unixMs() / 1000)));
    await this.#supervisor?.keep(made);
    return made;
  }

  #noteRing({ previous }: RingKeys): void {
    this.#metrics.set('engine', 0, KEYS, 2 + previous.length);
  }

  #noteCertificates(snapshot: Snapshot): void {
    for (const { uuid, tls } of snapshot.virtualServices) {
      const slot = this.#virtualServiceSlots.slots.get(uuid);
      if (slot === undefined) continue;
      const expiryS = firstExpiryS(tls?.certificates ?? []) ?? 0;
      this.#metrics.set('virtual_service', slot, CERTIFICATE_EXPIRY, expiryS);
      const listsEndS = tls?.clientCertificates?.listsEndS ?? 0;
      this.#metrics.set('virtual_service', slot, REVOCATION_LIST_EXPIRY, listsEndS);
    }
    this.#certificateExpiry.apply(snapshot);
  }

  #watchHealth(snapshot = this.#inEffect?.snapshot): void {
    this.#health.apply(snapshot?.pools ?? [], (pool, server) => this.#drains.isMonitored(pool, server));
  }

  #describeDrain(event: string, { pool, server, slot }: DisabledServer): object {
    return {
      event,
      pool: pool.name,
      server: server.name,
      graceful_disable_timeout_ms: pool.gracefulDisable.timeoutMs ?? -1,
      connections: this.#serverTable.placed(slot),
      active_requests: this.#serverTable.active(slot),
    };
  }

  /** Once an episode, however many workers notice. */
  #noteDescriptors(worker: number, short: boolean, detail: string): void {
    const before = this.#shortOfDescriptors.size;
    if (short) this.#shortOfDescriptors.add(worker);
    else this.#shortOfDescriptors.delete(worker);
    const now = this.#shortOfDescriptors.size;
    if (before === 0 && now > 0)
      this.#log.error(
        { event: 'DESCRIPTORS_SHORT', reason: detail },
        `file descriptors are short: new connections are refused until some come free. Raise LimitNOFILE (ulimit -n)`,
      );
    if (before > 0 && now === 0)
      this.#log.info({ event: 'DESCRIPTORS_ENOUGH' }, 'there are enough file descriptors again');
  }

  #onWorkerLost(worker: number, reason: string): void {
    this.#log.error({ worker, reason }, 'a worker ended; another takes its place');
    this.#noteDescriptors(worker, false, '');
    this.#serverTable.releaseWorker(worker);
    ConnectionCapacity.releaseWorker(this.#capacityMemory, worker);
    this.#queueTable.releaseWorker(worker, this.#poolSlots.highWater, this.#serverSlots.highWater);
    this.#metrics.releaseWorker(worker, {
      engine: 1,
      virtual_service: this.#virtualServiceSlots.highWater,
      server: this.#serverSlots.highWater,
    });
  }

  get #slots(): SlotNumbers {
    return {
      servers: this.#serverSlots.slots,
      pools: this.#poolSlots.slots,
      virtualServices: this.#virtualServiceSlots.slots,
    };
  }

  #exposeMetrics(): string {
    const inEffect = this.#inEffect as InEffect;
    const nowS = Math.floor(systemClock.unixMs() / 1000);
    this.#metrics.set('engine', 0, KEY_AGE, nowS - inEffect.ringKeys.rotatedAtS);
    this.#metrics.set('engine', 0, WORKERS, this.#workers.size);
    const slots = this.#slots;
    noteServerGauges(
      this.#metrics,
      inEffect.snapshot,
      slots,
      this.#serverTable,
      this.#drains,
      systemClock.monotonicMs(),
    );
    return exposeMetrics(this.#metrics, metricOwners(this.#options.engineName, inEffect.snapshot, slots));
  }

  #describeRuntime(): unknown {
    const { version, snapshot, ringKeys } = this.#inEffect as InEffect;
    return describeRuntime({
      engineName: this.#options.engineName,
      state: this.#state,
      version,
      workers: this.#workers.size,
      snapshot,
      ringKeys,
      health: this.#health,
      drains: this.#drains,
      serverTable: this.#serverTable,
      metrics: this.#metrics,
      capacity: { ...this.#capacity, open: ConnectionCapacity.open(this.#capacityMemory) },
      queueTable: this.#queueTable,
      slots: this.#slots,
      nowMs: systemClock.monotonicMs(),
    });
  }
}

/** Every problem of a refused configuration in a line of its own. */
export function logRefusal(log: Logger, error: unknown, message: string): void {
  if (error instanceof LimpetError) {
    for (const problem of error.problems)
      log.error({ event: 'CONFIG_PROBLEM', ...problem }, describeProblem(problem));
    log.error({ event: 'CONFIG_REFUSED', code: error.code }, `${message}: ${error.message}`);
  } else {
    log.error({ event: 'CONFIG_REFUSED', err: error }, message);
  }
}

function serverKeys(snapshot: Snapshot): string[] {
  return snapshot.pools.flatMap(({ uuid, servers }) => servers.map(({ id }) => serverSlotKey(uuid, id)));
}

/** @throws LimpetError where not one connection fits. */
function capacityOf({ memoryLimitBytes, workers }: EngineOptions): CapacityPlan & { memoryBytes: number } {
  const memoryBytes = memoryLimitBytes ?? defaultMemoryBytes(totalmem(), process.constrainedMemory());
  // Node raises the soft limit to the hard one as it starts.
  const limits = existsSync(PROCESS_LIMITS) ? readFileSync(PROCESS_LIMITS, 'latin1') : '';
  const descriptors = parseDescriptorLimit(limits) ?? DESCRIPTORS_UNKNOWN;
  const plan = planCapacity({ memoryBytes, descriptors, workers });
  if (plan.connections > 0) return { ...plan, memoryBytes };
  const mebibytes = Math.floor(memoryBytes / 2 ** 20);
  throw new LimpetError(
    'MEMORY_TOO_SMALL',
    `${workers} workers, ${plan.boundBy === 'memory' ? `${mebibytes} MiB` : `${descriptors} descriptors`}`,
  );
}
