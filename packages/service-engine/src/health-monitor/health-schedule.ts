// The schedule of health checks: every monitor of every server, spread over time, and a server's state told once when it changes.

import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { HealthMonitorSnapshot, PoolSnapshot, ServerSnapshot } from '@limpet/model';
import type { Deadline } from '../lifecycle/deadlines.ts';
import type { RandomSource } from '../lifecycle/random.ts';
import {
  type HealthState,
  type HealthVerdict,
  initialHealth,
  nextHealth,
  verdictOf,
} from './health-state.ts';
import { probeHttp } from './http-probe.ts';
import { type FailureCode, outcomeOf, type ProbeResult, type ProbeServices } from './probe.ts';
import { probeTcp } from './tcp-probe.ts';

export interface HealthTransition {
  readonly pool: { readonly uuid: string; readonly name: string };
  readonly server: ServerSnapshot;
  readonly verdict: Exclude<HealthVerdict, 'checking'>;
  /** The monitor that decided; '' where the pool has none. */
  readonly monitor: string;
  readonly failureCode: FailureCode | undefined;
  readonly reason: string;
}

export interface HealthServices extends ProbeServices {
  readonly random: RandomSource;
  /** Told of a server's first verdict and of each change of it, once. */
  readonly onTransition: (transition: HealthTransition) => void;
}

/** One monitor of one server, as /runtime shows it. */
export interface HealthReport {
  readonly poolUuid: string;
  readonly serverId: string;
  readonly name: string;
  readonly state: string;
  readonly recent_response_time_ms: number | undefined;
  readonly failure_code: string | undefined;
  readonly reason: string;
}

/** As Avi calls them; it has no word of its own for maintenance, the failure code tells. */
const STATES: Readonly<Record<HealthVerdict, string>> = {
  checking: 'OPER_UNKNOWN',
  up: 'OPER_UP',
  down: 'OPER_DOWN',
  maintenance: 'OPER_DOWN',
};

/** A check that this machine had nothing left for is made again so soon. */
const UNKNOWN_RETRY_MS = 1000;
/** Probes under way at a time; others wait their turn. */
const PROBES_MAX = 256;
/** Without a reason Node makes an exception, with its stack, for each server. */
const STOPPED = new Error('the server is watched no more');

interface MonitoredPool {
  readonly pool: PoolSnapshot;
  /** By server. */
  readonly servers: ReadonlyMap<string, MonitoredServer>;
}

export class HealthSchedule {
  readonly #services: HealthServices;
  #pools: ReadonlyMap<string, MonitoredPool> = new Map();
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(services: HealthServices) {
    this.#services = services;
  }

  /** Watches exactly these pools. Servers that are watched already, under the same monitors, keep their state. */
  apply(
    pools: readonly PoolSnapshot[],
    isWatched: (pool: PoolSnapshot, server: ServerSnapshot) => boolean = (_pool, { enabled }) => enabled,
  ): void {
    const former = this.#pools;
    const now = new Map<string, MonitoredPool>();
    const fresh: MonitoredServer[] = [];
    for (const pool of pools) {
      const known = former.get(pool.uuid);
      const wanted = pool.servers.filter((server) => isWatched(pool, server));
      // Of a thousand pools one change concerns one.
      if (known?.pool === pool && isMadeOf(known, wanted)) {
        now.set(pool.uuid, known);
        continue;
      }
      const servers = new Map<string, MonitoredServer>();
      for (const server of wanted) {
        const watched = known?.servers.get(server.id);
        if (watched?.isUnchanged(pool) === true) {
          watched.rename(pool, server);
          servers.set(server.id, watched);
          continue;
        }
        const made = new MonitoredServer(pool, server, this.#services, this.#inTurn);
        servers.set(server.id, made);
        fresh.push(made);
      }
      now.set(pool.uuid, { pool, servers });
    }
    this.#pools = now;
    for (const [uuid, { servers }] of former) {
      const kept = now.get(uuid)?.servers;
      if (kept === servers) continue;
      for (const [id, watched] of servers) if (kept?.get(id) !== watched) watched.stop();
    }
    for (const watched of fresh) watched.start();
  }

  /** Resolves once every watched server has had its first verdict, which takes a few receive timeouts at most. */
  async firstVerdicts(): Promise<void> {
    const undecided: Promise<void>[] = [];
    for (const { servers } of this.#pools.values())
      for (const watched of servers.values()) if (!watched.isDecided) undecided.push(watched.firstVerdict);
    await Promise.all(undecided);
  }

  stop(): void {
    for (const { servers } of this.#pools.values()) for (const watched of servers.values()) watched.stop();
    this.#pools = new Map();
  }

  describe(): readonly HealthReport[] {
    return [...this.#pools.values()].flatMap(({ servers }) =>
      [...servers.values()].flatMap((watched) => watched.describe()),
    );
  }

  /** Runs a probe now, or when one of those under way is over. */
  readonly #inTurn: InTurn = async (probe) => {
    if (this.#running < PROBES_MAX) this.#running++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await probe();
    } finally {
      // The place goes to the next in the queue, if there is one, and to nobody who comes between.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  };
}

function isMadeOf({ servers }: MonitoredPool, wanted: readonly ServerSnapshot[]): boolean {
  return servers.size === wanted.length && wanted.every(({ id }) => servers.has(id));
}

/** Undefined: there was nothing to probe any more when its turn came. */
type InTurn = (probe: () => Promise<ProbeResult | undefined>) => Promise<ProbeResult | undefined>;

interface Check {
  readonly monitor: HealthMonitorSnapshot;
  state: HealthState;
  last: ProbeResult | undefined;
  deadline: Deadline | undefined;
}

/** One server with all its monitors: up only while every one of them says so, or as many as min_health_monitors_up asks for. */
class MonitoredServer {
  readonly firstVerdict: Promise<void>;
  readonly #services: HealthServices;
  readonly #inTurn: InTurn;
  readonly #checks: Check[];
  #pool: PoolSnapshot;
  #server: ServerSnapshot;
  #told: HealthVerdict | undefined;
  readonly #stopping = new AbortController();
  #isDecided = false;
  #onFirstVerdict: () => void = () => {};

  constructor(pool: PoolSnapshot, server: ServerSnapshot, services: HealthServices, inTurn: InTurn) {
    this.#pool = pool;
    this.#server = server;
    this.#services = services;
    this.#inTurn = inTurn;
    this.#checks = pool.healthMonitors.map((monitor) => ({
      monitor,
      state: initialHealth,
      last: undefined,
      deadline: undefined,
    }));
    this.firstVerdict = new Promise((resolve) => {
      this.#onFirstVerdict = () => {
        this.#isDecided = true;
        resolve();
      };
    });
  }

  /** It has had its first verdict, or gets none. */
  get isDecided(): boolean {
    return this.#isDecided;
  }

  isUnchanged(pool: PoolSnapshot): boolean {
    return (
      this.#pool.minMonitorsUp === pool.minMonitorsUp &&
      isDeepStrictEqual(this.#pool.healthMonitors, pool.healthMonitors)
    );
  }

  rename(pool: PoolSnapshot, server: ServerSnapshot): void {
    this.#pool = pool;
    this.#server = server;
  }

  start(): void {
    if (this.#checks.length === 0) this.#tell('up', undefined);
    for (const check of this.#checks) void this.#run(check, true);
  }

  stop(): void {
    this.#stopping.abort(STOPPED);
    for (const { deadline } of this.#checks) deadline?.cancel();
    this.#onFirstVerdict();
  }

  describe(): readonly HealthReport[] {
    return this.#checks.map(({ monitor, state, last }) => ({
      poolUuid: this.#pool.uuid,
      serverId: this.#server.id,
      name: monitor.name,
      state: STATES[state.verdict],
      recent_response_time_ms: last?.ok === true ? Math.round(last.responseMs) : undefined,
      failure_code: last?.ok === false ? last.failureCode : undefined,
      reason: last?.ok === false ? last.reason : '',
    }));
  }

  /** One check after another. The first follow at once (Avi's quick start), until there is a verdict; then the interval begins, somewhere within. */
  async #run(check: Check, first: boolean): Promise<void> {
    const { monitor } = check;
    const startedMs = this.#services.clock.monotonicMs();
    const { signal } = this.#stopping;
    const result = await this.#inTurn(async () => (signal.aborted ? undefined : this.#probe(monitor)));
    if (result === undefined || signal.aborted) return;
    check.last = result;
    const outcome = outcomeOf(result);
    if (outcome === 'unknown') {
      // A configuration does not wait for what cannot be found out: the server stays as unknown as it is.
      this.#onFirstVerdict();
      check.deadline = this.#services.deadlines.start(UNKNOWN_RETRY_MS, () => void this.#run(check, first));
      return;
    }
    check.state = nextHealth(check.state, outcome, monitor);
    if (check.state.verdict === 'checking') {
      void this.#run(check, true);
      return;
    }
    this.#judge(check);
    const elapsedMs = this.#services.clock.monotonicMs() - startedMs;
    const waitMs = first ? this.#offsetMs(monitor) : Math.max(0, monitor.sendIntervalMs - elapsedMs);
    check.deadline = this.#services.deadlines.start(waitMs, () => void this.#run(check, false));
  }

  #probe(monitor: HealthMonitorSnapshot): Promise<ProbeResult> {
    const target = { ip: this.#server.address.ip, port: monitor.port ?? this.#server.address.port };
    const services = { ...this.#services, signal: this.#stopping.signal };
    return monitor.kind === 'tcp'
      ? probeTcp(target, monitor, services)
      : probeHttp(target, monitor, services);
  }

  /** By a hash of server and monitor, so that the servers of a pool are not all asked in the same moment, and each engine by a chance of its own. */
  #offsetMs({ name, sendIntervalMs }: HealthMonitorSnapshot): number {
    const hash = createHash('sha256').update(`${this.#server.id}/${name}`).digest().readUInt32BE(0) / 2 ** 32;
    return ((hash + this.#services.random.fraction()) % 1) * sendIntervalMs;
  }

  #judge(check: Check): void {
    const verdict = verdictOf(
      this.#checks.map(({ state }) => state.verdict),
      this.#pool.minMonitorsUp,
    );
    if (verdict !== 'checking') this.#tell(verdict, check);
  }

  #tell(verdict: Exclude<HealthVerdict, 'checking'>, check: Check | undefined): void {
    if (this.#told === verdict) return;
    this.#told = verdict;
    const last = check?.last;
    this.#services.onTransition({
      pool: this.#pool,
      server: this.#server,
      verdict,
      monitor: check?.monitor.name ?? '',
      failureCode: last?.ok === false ? last.failureCode : undefined,
      reason: last?.ok === false ? last.reason : '',
    });
    this.#onFirstVerdict();
  }
}
