// The Controller as a source of configurations: what the link brings is delivered, what becomes of it is answered, and all of it is cached.

import { version as nodeVersion } from 'node:process';
import {
  applySnapshotChanges,
  type ControllerToEngine,
  checkedSnapshot,
  type EngineToController,
  enrolmentTokenHash,
  LimpetError,
  parseEnrolmentToken,
  type RingGeneration,
  type RingMessage,
  SNAPSHOT_FORMAT,
  type Snapshot,
  secretHashes,
} from '@limpet/model';
import type { Logger } from 'pino';
import type { Clock } from '../../lifecycle/clock.ts';
import type { Deadline, Deadlines } from '../../lifecycle/deadlines.ts';
import type { RandomSource } from '../../lifecycle/random.ts';
import type { ConfigurationSource, Delivery, Outcome } from '../configuration-source.ts';
import {
  type GivenConfiguration,
  isRing,
  readConfiguration,
  readRings,
  writeConfiguration,
  writeRings,
} from './cached-configuration.ts';
import { askLinkPort, enrolEngine } from './controller-api.ts';
import { ControllerLink } from './controller-link.ts';
import { ReportQueue } from './report-queue.ts';
import type { EngineIdentity, StateFolder } from './state-folder.ts';

export interface ControllerSourceOptions {
  readonly controllerUrl: string;
  /** Needed once; one that was used is passed over. */
  readonly token: string | undefined;
  readonly engineName: string;
  readonly engineVersion: string;
}

export interface ControllerSourceServices {
  readonly state: StateFolder;
  readonly log: Logger;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly random: RandomSource;
  /** Live state and metrics, as the admin server tells them; asked for once a configuration is in effect. */
  readonly reports: { runtime(): unknown; metrics(): string };
}

/** How long an engine that has a cache waits for the Controller's word before it starts by the cache. */
const WAIT_FOR_CONTROLLER_MS = 1000;
const REPORT_EVERY_MS = 2000;
/** Of the main thread's time; with ten thousand servers a report takes so long that it comes more rarely. */
const REPORT_SHARE_MAX = 0.02;
const REPORT_AT_LEAST_EVERY_MS = 20_000;
/** With more than this under way to the Controller a report waits. */
const REPORTS_PAUSE_BYTES = 1_048_576;
/** A burst of changes is written to the disk once. */
const CACHE_AFTER_MS = 500;
/** Of the main thread's time: a large configuration is written more rarely while it changes again and again. */
const CACHE_SHARE_MAX = 0.05;
/** A slow disk defers it by no more than five seconds. */
const CACHE_TOOK_MAX_MS = 250;

interface Candidate extends GivenConfiguration {
  /** Virtual services whose rings had come before it. Those that come later are for the next: rings come before their snapshot. */
  readonly ringsBefore: ReadonlySet<string>;
}

export class ControllerSource implements ConfigurationSource {
  readonly #options: ControllerSourceOptions;
  readonly #services: ControllerSourceServices;
  readonly #reports = new ReportQueue();
  #link: ControllerLink | undefined;
  #onNews: () => void = () => {};
  /** In effect, or from the cache. */
  #base: GivenConfiguration | undefined;
  /** Came over the link, and is not settled. */
  #candidate: Candidate | undefined;
  readonly #rings: Map<string, RingMessage>;
  /** From memory, and not from the disk yet. */
  #ringsGone = false;
  #destroyed = new Set<string>();
  #hasApplied = false;
  /** Ends the wait for the first word. */
  #wake: (() => void) | undefined;
  #lost = false;
  #reportTick: Deadline | undefined;
  #toCache: Deadline | undefined;
  #cacheTookMs = 0;
  #stopped = false;

  constructor(options: ControllerSourceOptions, services: ControllerSourceServices) {
    this.#options = options;
    this.#services = services;
    this.#base = readConfiguration(services.state);
    this.#rings = readRings(services.state);
  }

  /** An event of the engine, for whoever looks at the Controller. */
  noteEvent(event: unknown): void {
    this.#reports.put({ topic: 'events', atMs: this.#services.clock.unixMs(), body: event });
  }

  start(onNews: () => void): void {
    this.#onNews = onNews;
    const { deadlines } = this.#services;
    this.#reportTick = deadlines.start(REPORT_EVERY_MS, () => this.#report());
    const identity = this.#services.state.readIdentity();
    if (identity !== undefined && !this.#isNewToken(identity)) this.#dial(identity);
  }

  async take(): Promise<Delivery> {
    if (this.#link === undefined) await this.#enrol();
    if (!this.#hasApplied) await this.#firstWord();
    const given = this.#candidate ?? this.#base;
    if (given === undefined) throw new LimpetError('CONTROLLER_UNREACHABLE', 'no configuration came');
    const candidate = this.#candidate;
    const { snapshot, secrets } = given;
    const rings = new Map(this.#rings);
    const destroyed = this.#destroyed;
    this.#destroyed = new Set();
    return {
      compiled: { snapshot, secrets },
      notices: [],
      rings: { kind: 'each', byVirtualService: new Map([...rings].map(([uuid, { text }]) => [uuid, text])) },
      destroyed,
      settle: (outcome) => this.#settle(given, candidate, rings, destroyed, outcome),
    };
  }

  stop(): void {
    this.#stopped = true;
    this.#reportTick?.cancel();
    if (this.#toCache !== undefined) this.#cache();
    this.#link?.stop();
    this.#wake?.();
  }

  async #enrol(): Promise<void> {
    const { controllerUrl, token, engineName } = this.#options;
    if (token === undefined)
      throw new LimpetError(
        'ENROLMENT_REFUSED',
        'this engine has not enrolled yet: it needs a token (--token)',
      );
    const { state, log, clock, deadlines } = this.#services;
    let identity: EngineIdentity;
    try {
      identity = await enrolEngine(controllerUrl, token, engineName, clock, deadlines);
      state.writeIdentity(identity);
    } catch (error) {
      const former = state.readIdentity();
      if (former === undefined) throw error;
      log.error(
        { event: 'ENROLMENT_FAILED', reason: describe(error) },
        'not enrolled anew; the former identity is used',
      );
      this.#dial(former);
      return;
    }
    this.#services.log.info(
      { event: 'ENROLLED', engine_uuid: identity.engineUuid, controller: controllerUrl },
      'enrolled',
    );
    if (!this.#stopped) this.#dial(identity);
  }

  /** Another than it was enrolled by: it was revoked, or belongs to another Controller now. */
  #isNewToken({ enrolledBy }: EngineIdentity): boolean {
    const { token } = this.#options;
    return token !== undefined && enrolmentTokenHash(parseEnrolmentToken(token)) !== enrolledBy;
  }

  #dial(kept: EngineIdentity): void {
    const { state, log, clock, deadlines, random } = this.#services;
    // The Controller may have moved since.
    const identity = { ...kept, controllerUrl: this.#options.controllerUrl };
    this.#link = new ControllerLink(identity, clock, deadlines, random, {
      hello: () => this.#hello(),
      onWelcome: () => {
        this.#lost = false;
        log.info(
          { event: 'CONTROLLER_CONNECTED', controller: identity.controllerUrl },
          'connected to the Controller',
        );
      },
      onMessage: (message) => this.#receive(message),
      onLost: (reason) => {
        if (!this.#lost)
          log.warn(
            { event: 'CONTROLLER_LOST', controller: identity.controllerUrl, reason },
            'no connection to the Controller; what is in effect stays in effect',
          );
        this.#lost = true;
      },
      askPort: () => askLinkPort(identity.controllerUrl, deadlines),
      onIdentity: (news) => this.#attempt(() => state.writeIdentity(news)),
    });
    this.#link.start();
  }

  /** The first that comes over the link; with a cache it is not waited for long. */
  #firstWord(): Promise<void> {
    if (this.#candidate !== undefined || this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        deadline?.cancel();
        this.#wake = undefined;
        resolve();
      };
      this.#wake = done;
      const deadline =
        this.#base === undefined ? undefined : this.#services.deadlines.start(WAIT_FOR_CONTROLLER_MS, done);
    });
  }

  #hello(): Extract<EngineToController, { kind: 'hello' }> {
    // What came over a connection that is gone is sent again.
    this.#candidate = undefined;
    return {
      kind: 'hello',
      engineVersion: this.#options.engineVersion,
      nodeVersion,
      snapshotFormat: SNAPSHOT_FORMAT,
      snapshotHash: this.#base?.snapshot.hash,
      secretHashes: [...(this.#base?.secrets.keys() ?? [])],
      rings: [...this.#rings.values()].map(generationOf),
    };
  }

  #receive(message: ControllerToEngine): void {
    switch (message.kind) {
      case 'snapshot':
        this.#offer(message.revision, message.snapshot.hash, message.secrets, () =>
          checkedSnapshot(message.snapshot, this.#base?.snapshot),
        );
        break;
      case 'changes':
        this.#offer(message.revision, message.changes.hash, message.secrets, () =>
          applySnapshotChanges(this.#base?.snapshot, message.changes),
        );
        break;
      case 'rings':
        this.#takeRings(message.rings, false);
        break;
      case 'destroy-keys':
        this.#takeRings(message.rings, true);
        break;
    }
  }

  #offer(
    revision: number,
    hash: string,
    secrets: Readonly<Record<string, string>>,
    make: () => Snapshot,
  ): void {
    try {
      const snapshot = make();
      const known = new Map([...(this.#base?.secrets ?? []), ...Object.entries(secrets)]);
      const needed = secretHashes(snapshot);
      if ([...needed].some((secret) => !known.has(secret))) throw new LimpetError('LINK_BASE_UNKNOWN');
      const kept = new Map([...known].filter(([secret]) => needed.has(secret)));
      this.#candidate = { revision, snapshot, secrets: kept, ringsBefore: new Set(this.#rings.keys()) };
      this.#news();
    } catch (error) {
      this.#refuse(revision, hash, error);
    }
  }

  #takeRings(rings: readonly RingMessage[], destroy: boolean): void {
    const weak = rings.filter((ring) => !isRing(ring));
    if (weak.length > 0)
      this.#link?.send({
        kind: 'rings-nack',
        rings: weak.map(generationOf),
        reason: 'a ring is malformed or weak',
      });
    for (const ring of rings) {
      if (weak.includes(ring)) continue;
      this.#rings.set(ring.virtualServiceUuid, ring);
      if (destroy) this.#destroyed.add(ring.virtualServiceUuid);
    }
    // Before anybody is told that they are here: an engine that starts again must open what it has sealed.
    this.#attempt(() => writeRings(this.#services.state, this.#rings));
    // Others wait for the snapshot that has their virtual services.
    if (this.#base !== undefined && this.#wake === undefined && this.#areHosted(rings)) this.#news();
  }

  #areHosted(rings: readonly RingMessage[]): boolean {
    const snapshots = [this.#base?.snapshot, this.#candidate?.snapshot];
    const hosted = new Set(snapshots.flatMap((one) => one?.virtualServices.map(({ uuid }) => uuid) ?? []));
    return rings.some(({ virtualServiceUuid }) => hosted.has(virtualServiceUuid));
  }

  #news(): void {
    const wake = this.#wake;
    if (wake === undefined) this.#onNews();
    else wake();
  }

  #settle(
    given: GivenConfiguration,
    candidate: Candidate | undefined,
    rings: ReadonlyMap<string, RingMessage>,
    destroyed: ReadonlySet<string>,
    outcome: Outcome,
  ): void {
    const { revision, snapshot } = given;
    if (outcome.kind === 'refused') {
      for (const uuid of destroyed) this.#destroyed.add(uuid);
      if (candidate !== undefined) this.#refuse(revision, snapshot.hash, outcome.error);
      else
        this.#link?.send({
          ...{ kind: 'rings-nack', rings: [...rings.values()].map(generationOf) },
          reason: describe(outcome.error).slice(0, 4096),
        });
      if (this.#candidate === given) this.#candidate = undefined;
      return;
    }
    this.#hasApplied = true;
    const held = snapshot.virtualServices.flatMap(({ uuid }) => rings.get(uuid) ?? []);
    this.#link?.send({ kind: 'rings-ack', rings: held.map(generationOf) });
    if (outcome.kind === 'incomplete') {
      const problem = new LimpetError('APPLY_FAILED', outcome.reasons.join('; '));
      this.#refuse(revision, snapshot.hash, problem);
      return;
    }
    if (candidate === undefined) return;
    if (this.#candidate === candidate) this.#candidate = undefined;
    this.#base = given;
    this.#forgetRings(candidate);
    this.#link?.send({ kind: 'ack', revision, hash: snapshot.hash });
    this.#toCache ??= this.#services.deadlines.start(
      Math.max(CACHE_AFTER_MS, this.#cacheTookMs / CACHE_SHARE_MAX),
      () => this.#cache(),
    );
  }

  /** Rings of virtual services that this engine has no more go with them. */
  #forgetRings({ snapshot, ringsBefore }: Candidate): void {
    const hosted = new Set(snapshot.virtualServices.map(({ uuid }) => uuid));
    for (const uuid of ringsBefore) {
      if (hosted.has(uuid)) continue;
      this.#rings.delete(uuid);
      this.#ringsGone = true;
    }
  }

  #cache(): void {
    this.#toCache?.cancel();
    this.#toCache = undefined;
    const base = this.#base;
    if (base === undefined) return;
    const beganMs = this.#services.clock.monotonicMs();
    this.#attempt(() => writeConfiguration(this.#services.state, base));
    if (this.#ringsGone) this.#attempt(() => writeRings(this.#services.state, this.#rings));
    this.#ringsGone = false;
    this.#cacheTookMs = Math.min(CACHE_TOOK_MAX_MS, this.#services.clock.monotonicMs() - beganMs);
  }

  #refuse(revision: number, hash: string, error: unknown): void {
    const { code, message, problems } =
      error instanceof LimpetError ? error : new LimpetError('APPLY_FAILED', describe(error));
    this.#link?.send({
      ...{
        kind: 'nack',
        revision,
        hash,
        code,
        reason: message.slice(0, 4096),
        full: code === 'LINK_BASE_UNKNOWN',
      },
      problems: problems.slice(0, 100),
    });
  }

  #report(): void {
    const { clock } = this.#services;
    const beganMs = clock.monotonicMs();
    try {
      this.#makeAndSendReports();
    } finally {
      const wantedMs = (clock.monotonicMs() - beganMs) / REPORT_SHARE_MAX;
      this.#reportTick?.restart(Math.min(REPORT_AT_LEAST_EVERY_MS, Math.max(REPORT_EVERY_MS, wantedMs)));
    }
  }

  #makeAndSendReports(): void {
    const link = this.#link;
    const { clock, reports } = this.#services;
    if (this.#hasApplied) {
      const atMs = clock.unixMs();
      this.#reports.put({ topic: 'runtime', atMs, body: reports.runtime() });
      this.#reports.put({ topic: 'metrics', atMs, body: reports.metrics() });
    }
    if (link?.isConnected !== true) return;
    for (let report = this.#next(link); report !== undefined; report = this.#next(link))
      link.send({ kind: 'report', ...report, dropped: this.#reports.dropped });
  }

  #next({ waitingBytes }: ControllerLink) {
    return waitingBytes > REPORTS_PAUSE_BYTES ? undefined : this.#reports.take();
  }

  /** A disk that is full is no reason to stop serving. */
  #attempt(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#services.log.error(
        { event: 'STATE_NOT_WRITTEN', reason: describe(error) },
        'the state folder cannot be written',
      );
    }
  }
}

function generationOf({ virtualServiceUuid, generation }: RingMessage): RingGeneration {
  return { virtualServiceUuid, generation };
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
