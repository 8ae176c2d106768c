// The one way of a configuration, whatever its source: taken → rows and ports → health → workers → in effect; and the source is told.

import {
  type Address,
  createRingKeys,
  describeProblem,
  LimpetError,
  type Snapshot,
  serializeRingKeys,
} from '@limpet/model';
import type { Logger } from 'pino';
import type { Clock } from '../lifecycle/clock.ts';
import type { RandomSource } from '../lifecycle/random.ts';
import { changedRings, describeRings, type RingFacts, type RingTexts } from '../session-ticket/ring-texts.ts';
import { addressesGone, type BoundPorts } from '../snapshot/bound-ports.ts';
import type { WorkerGroup } from '../snapshot/worker-group.ts';
import type { ConfigurationSource, Delivery, Outcome } from '../source/configuration-source.ts';
import { metricOffset } from '../telemetry/metrics-table.ts';
import { type CertificateExpiry, firstExpiryS } from '../tls/certificate-expiry.ts';
import { runTicketSelfTest } from '../tls/ticket-self-test.ts';
import type { EngineMemory } from './engine-memory.ts';
import type { ServerWatch } from './server-watch.ts';

const APPLIED = metricOffset('limpet_config_reloads_total', 'applied');
const REFUSED = metricOffset('limpet_config_reloads_total', 'refused');
const REVOCATION_LIST_EXPIRY = metricOffset('limpet_revocation_list_expiry_timestamp_seconds');
const CERTIFICATE_EXPIRY = metricOffset('limpet_certificate_expiry_timestamp_seconds');
const KEYS = metricOffset('limpet_ticket_keys');

/** What is in effect. */
export interface InEffect {
  readonly version: number;
  readonly snapshot: Snapshot;
  readonly rings: RingTexts;
  /** By virtual service. */
  readonly ringFacts: ReadonlyMap<string, RingFacts>;
  /** False: not on every worker, or not on every address. The same configuration is applied again when it is read again. */
  readonly complete: boolean;
}

export interface ConfigurationServices {
  readonly source: ConfigurationSource;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly memory: EngineMemory;
  readonly workers: WorkerGroup;
  readonly boundPorts: BoundPorts;
  readonly servers: ServerWatch;
  readonly certificateExpiry: CertificateExpiry;
  /** Ticket keys that come from no source, for the process after this one. */
  readonly keepTicketKeys: (ringText: string) => Promise<void>;
}

/** One at a time: the caller waits for a load to end before it begins the next. */
export class ConfigurationFlow {
  readonly #services: ConfigurationServices;
  #inEffect: InEffect | undefined;
  /** Of attempts, too: an answer to one that was given up is never taken for an answer to the next. */
  #lastVersion = 0;
  #leftTicketKeys: string | undefined;
  readonly #knownRings = new Map<string, RingFacts>();
  #abandoned = false;
  #endWait: () => void = () => {};

  constructor(services: ConfigurationServices) {
    this.#services = services;
  }

  get inEffect(): InEffect | undefined {
    return this.#inEffect;
  }

  /** Ticket keys that the process before this one left. */
  inherit(ticketKeys: string | undefined): void {
    this.#leftTicketKeys = ticketKeys;
  }

  /** The engine stops: a load under way waits no longer, for its source or for servers, and comes to nothing. */
  abandon(): void {
    this.#abandoned = true;
    this.#endWait();
  }

  /**
   * Takes what the source has, puts it into effect, and tells the source.
   *
   * @throws with everything that is wrong; then nothing has changed, and the source knows that, too.
   */
  async load(): Promise<void> {
    const delivery = await this.#unlessAbandoned(this.#services.source.take());
    let outcome: Outcome;
    try {
      outcome = await this.#apply(delivery);
    } catch (error) {
      delivery.settle({ kind: 'refused', error });
      throw error;
    }
    delivery.settle(outcome);
  }

  async #apply({ compiled, notices, rings: given, destroyed }: Delivery): Promise<Outcome> {
    const { snapshot, secrets } = compiled;
    const rings = given ?? (await this.#ownRing());
    const { log, workers } = this.#services;
    const former = this.#inEffect;
    const sameObjects = former?.complete === true && former.snapshot.hash === snapshot.hash;
    const changed = former === undefined ? undefined : changedRings(former.rings, rings);
    if (sameObjects && changed === undefined) {
      // Said all the same: whoever sent the signal, or mended a file that was refused, waits for an answer.
      log.info({ event: 'CONFIG_UNCHANGED', version: former.version }, 'nothing changed');
      return { kind: 'applied', version: former.version };
    }
    const uuids = snapshot.virtualServices.map(({ uuid }) => uuid);
    const ringFacts = describeRings(rings, uuids, this.#knownRings);
    if (former !== undefined && changed !== undefined && (sameObjects || (destroyed?.size ?? 0) > 0)) {
      await workers.applyRings(changed, destroyed);
      this.#inEffect = { ...former, rings, ringFacts };
      this.#noteRings(ringFacts);
      log.info({ event: 'TICKET_KEYS_APPLIED', ...newestRotation(ringFacts) }, 'ticket keys applied');
    }
    if (sameObjects) return { kind: 'applied', version: former.version };
    for (const notice of notices) log.warn({ event: 'CONFIG_NOTICE' }, describeProblem(notice));
    if (former === undefined) await selfTest(snapshot, secrets);
    return this.#putIntoEffect(snapshot, secrets, rings, ringFacts);
  }

  async #putIntoEffect(
    snapshot: Snapshot,
    secrets: ReadonlyMap<string, string>,
    rings: RingTexts,
    ringFacts: ReadonlyMap<string, RingFacts>,
  ): Promise<Outcome> {
    const { memory, workers, boundPorts, servers } = this.#services;
    const former = this.#inEffect;
    const version = ++this.#lastVersion;
    const { snapshot: bound, opened } = await boundPorts.bind(snapshot, former?.snapshot);
    let failures: readonly string[];
    try {
      const slots = memory.assign(bound);
      // Probed before they get traffic.
      servers.prepare(bound, secrets);
      // Where servers answer nothing it takes a few receive timeouts.
      await this.#unlessAbandoned(servers.firstVerdicts());
      failures = await workers.apply(
        { version, snapshot: bound, secrets, rings, slots },
        // Before the workers close theirs, so that they accept the last that waits.
        () => boundPorts.release(former === undefined ? [] : addressesGone(former.snapshot, bound)),
      );
      // An engine that begins has nothing to fall back on, and nobody who relies on it yet.
      if (former === undefined && failures[0] !== undefined)
        throw new LimpetError('APPLY_FAILED', failures[0]);
    } catch (error) {
      await this.#giveUp(former, opened);
      throw error;
    }
    this.#inEffect = { version, snapshot: bound, rings, ringFacts, complete: failures.length === 0 };
    servers.apply(bound);
    this.#noteCertificates(bound);
    this.#noteRings(ringFacts);
    if (failures.length === 0) {
      this.#noteApplied(version, bound);
      return { kind: 'applied', version };
    }
    const reasons = [...new Set(failures)];
    this.#noteIncomplete(version, bound, reasons);
    return { kind: 'incomplete', version, reasons };
  }

  /** Not Promise.race: a promise of the end, which lives as long as the engine, would keep every configuration that was ever waited for. */
  #unlessAbandoned<T>(waited: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#endWait = () => reject(new LimpetError('APPLY_FAILED', 'the engine stops'));
      waited.then(resolve, reject);
      if (this.#abandoned) this.#endWait();
    }).finally(() => {
      this.#endWait = () => {};
    });
  }

  async #giveUp(former: InEffect | undefined, opened: readonly Address[]): Promise<void> {
    const { memory, boundPorts, servers } = this.#services;
    servers.revert();
    if (former?.complete === true) memory.retain(former.snapshot);
    await boundPorts.release(opened);
  }

  #noteApplied(version: number, snapshot: Snapshot): void {
    const { log, memory } = this.#services;
    memory.retain(snapshot);
    memory.metrics.add('engine', 0, APPLIED);
    log.info({ event: 'CONFIG_APPLIED', version, hash: snapshot.hash }, 'configuration applied');
  }

  /** Rows are kept: a worker that did not answer may still use those of the former configuration. */
  #noteIncomplete(version: number, { hash }: Snapshot, reasons: readonly string[]): void {
    const { log, memory } = this.#services;
    memory.metrics.add('engine', 0, REFUSED);
    for (const reason of reasons)
      log.error(
        { event: 'CONFIG_INCOMPLETE', version, hash, reason },
        `the configuration is in effect, but not all of it: ${reason}. Mend that and send SIGHUP, or put the former file back`,
      );
  }

  async #ownRing(): Promise<RingTexts> {
    const { log, clock, random, keepTicketKeys } = this.#services;
    const known = this.#inEffect?.rings;
    if (known?.kind === 'one') return known;
    if (this.#leftTicketKeys !== undefined) return { kind: 'one', text: this.#leftTicketKeys };
    log.warn('no --ticket-keys file: tickets of this engine are good for no other, nor after a restart');
    const made = serializeRingKeys(createRingKeys(random, Math.floor(clock.unixMs() / 1000)));
    await keepTicketKeys(made);
    return { kind: 'one', text: made };
  }

  /** Of the ring with the most keys. */
  #noteRings(ringFacts: ReadonlyMap<string, RingFacts>): void {
    const keys = [...ringFacts.values()].reduce((most, facts) => Math.max(most, facts.keys), 0);
    this.#services.memory.metrics.set('engine', 0, KEYS, keys);
  }

  #noteCertificates(snapshot: Snapshot): void {
    const { memory, certificateExpiry } = this.#services;
    const { metrics, slots } = memory;
    for (const { uuid, tls } of snapshot.virtualServices) {
      const slot = slots.virtualServices.get(uuid);
      if (slot === undefined) continue;
      const expiryS = firstExpiryS(tls?.certificates ?? []) ?? 0;
      metrics.set('virtual_service', slot, CERTIFICATE_EXPIRY, expiryS);
      const listsEndS = tls?.clientCertificates?.listsEndS ?? 0;
      metrics.set('virtual_service', slot, REVOCATION_LIST_EXPIRY, listsEndS);
    }
    certificateExpiry.apply(snapshot);
  }
}

/** For the log: rings of many virtual services are rotated each at its own time. */
function newestRotation(ringFacts: ReadonlyMap<string, RingFacts>): { readonly rotations: number } {
  const [newest] = [...ringFacts.values()].sort(
    (a, b) => b.rotatedAtS - a.rotatedAtS || b.rotations - a.rotations,
  );
  return { rotations: newest?.rotations ?? 0 };
}

async function selfTest(snapshot: Snapshot, secrets: ReadonlyMap<string, string>): Promise<void> {
  const tls = snapshot.virtualServices.find((virtualService) => virtualService.tls !== undefined)?.tls;
  const certificate = tls?.certificates[0];
  if (certificate === undefined) return;
  await runTicketSelfTest(certificate.chainPem, secrets.get(certificate.keyHash) ?? '');
}
