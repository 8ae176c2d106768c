// The ticket-key service: a ring for each virtual service, rotated in time, never before every live engine holds the key that comes next.

import {
  createRingKeys,
  DEFAULT_TICKET_LIFETIME_S,
  LimpetError,
  RING_KEYS_MAX,
  type RingKeys,
  renewNextKey,
  replaceRingKeys,
  retimeRingKeys,
  rotateKnownRingKeys,
} from '@limpet/model';
import type { JsonObject } from '../json.ts';
import type { Clock } from '../lifecycle/clock.ts';
import type { Deadline, Deadlines } from '../lifecycle/deadlines.ts';
import type { RandomSource } from '../lifecycle/random.ts';
import type { ObjectStore, VaultEdit, VaultRecord } from '../store/object-store.ts';
import type { SecretBox } from '../store/secret-box.ts';
import {
  deleteRing,
  type KeptRing,
  keepRing,
  keysOf,
  putRing,
  type RingHistory,
  readRings,
} from './kept-ring.ts';

/** How rings reach engines, as the service needs to know it. */
export interface RingDelivery {
  /** Names of the live engines that host the virtual service and have not acknowledged this generation of its ring. */
  lagging(virtualServiceUuid: string, generation: number): readonly string[];
  /** The rings of these are other ones now. */
  deliver(virtualServiceUuids: readonly string[]): void;
}

export interface TicketKeyServices {
  readonly store: Pick<ObjectStore, 'commit'>;
  readonly secretBox: SecretBox;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly random: RandomSource;
  readonly delivery: RingDelivery;
  /** ControllerProperties.vs_key_rotate_period, in minutes; 0: never. */
  readonly rotatePeriodMin: () => number;
  readonly onEvent: (eventId: string, details: JsonObject) => void;
}

/** A virtual service that tickets are sealed for. */
export interface TicketHolder {
  readonly uuid: string;
  /** SSLProfile.ssl_session_timeout; absent where nothing terminates TLS: its keys are for cookies then. */
  readonly ticketLifetimeS?: number;
}

/** key_rotation_count and last_key_rotation_time of a virtual service's runtime. */
export interface RingStatus {
  readonly generation: number;
  readonly rotationCount: number;
  readonly rotatedAtS: number;
  /** Live engines that do not hold it yet. */
  readonly lagging: readonly string[];
}

const LOOK_EVERY_MS = 1000;
/** A rotation that was due so long ago and waits for an engine is worth an event. */
const DELAYED_AFTER_S = 60;
/** How long a rotation on demand waits for engines that have not acknowledged the last. */
const ON_DEMAND_WAIT_MS = 10_000;
const NEVER_S = 1_051_200 * 60;
const NEW_RING: RingHistory = { destroyedGeneration: 0, rotationCount: 0, isOutdated: false };

export class TicketKeyService {
  readonly #services: TicketKeyServices;
  readonly #rings: Map<string, KeptRing>;
  readonly #look: Deadline;
  /** Rotations that failed or wait, of which an event has told. */
  readonly #told = new Set<string>();
  readonly #waiting = new Set<() => void>();
  /** Changes of rings, one after another. */
  #last: Promise<unknown> = Promise.resolve();
  #stopped = false;

  /** @param vault as the store has it. @throws LimpetError SECRET_UNREADABLE: another master key. */
  constructor(services: TicketKeyServices, vault: readonly VaultRecord[]) {
    this.#services = services;
    this.#rings = new Map(
      readRings(vault, services.secretBox).map((ring) => [ring.virtualServiceUuid, ring]),
    );
    this.#look = services.deadlines.start(LOOK_EVERY_MS, () => void this.#rotateDue());
  }

  ring(virtualServiceUuid: string): KeptRing | undefined {
    return this.#rings.get(virtualServiceUuid);
  }

  /** Those that have a ring. */
  get virtualServices(): readonly string[] {
    return [...this.#rings.keys()];
  }

  status(virtualServiceUuid: string): RingStatus | undefined {
    const ring = this.#rings.get(virtualServiceUuid);
    if (ring === undefined) return undefined;
    const { generation, rotationCount, rotatedAtS } = ring;
    const lagging = this.#services.delivery.lagging(virtualServiceUuid, generation);
    return { generation, rotationCount, rotatedAtS, lagging };
  }

  /**
   * Makes the rings that are missing, and gives those that are there the lifetime of their tickets; resolves once they are stored.
   *
   * @throws what the store throws; then nothing has changed.
   */
  async ensure(holders: readonly TicketHolder[]): Promise<void> {
    const missing = holders.filter(({ uuid }) => !this.#rings.has(uuid));
    const others = holders.filter((holder) => !this.#fits(holder) && !missing.includes(holder));
    if (missing.length > 0)
      await this.#inTurn(() =>
        this.#store(
          'ticket keys of new virtual services',
          missing.filter(({ uuid }) => !this.#rings.has(uuid)).map((holder) => this.#newRing(holder)),
        ),
      );
    await this.#retime(new Map(others.map((holder) => [holder.uuid, lifetimeOf(holder)])));
  }

  /** Forgets the rings of virtual services that are no more. */
  async retain(exists: (virtualServiceUuid: string) => boolean): Promise<void> {
    const gone = [...this.#rings.keys()].filter((uuid) => !exists(uuid));
    if (gone.length === 0) return;
    await this.#inTurn(async () => {
      await this.#commit('ticket keys of virtual services that are no more', gone.map(deleteRing));
      for (const uuid of gone) this.#rings.delete(uuid);
    });
  }

  /**
   * Rotates now; waits a few seconds for engines that have not acknowledged the ring as it is.
   *
   * @throws LimpetError KEYS_TOO_SOON that names the engines; what the store throws.
   */
  async rotate(virtualServiceUuid: string): Promise<void> {
    const endMs = this.#services.clock.monotonicMs() + ON_DEMAND_WAIT_MS;
    for (;;) {
      const lagging = this.status(virtualServiceUuid)?.lagging ?? [];
      if (lagging.length === 0) break;
      const leftMs = endMs - this.#services.clock.monotonicMs();
      if (leftMs <= 0)
        throw new LimpetError('KEYS_TOO_SOON', `${lagging.join(', ')} has not acknowledged the present ring`);
      await this.#untilAcknowledged(leftMs);
    }
    await this.#change([virtualServiceUuid], 'rotate ticket keys', (keys, ring) => {
      // Between the look and this turn another rotation may have come.
      this.#requireAcknowledged(ring);
      return this.#rotated(keys, ring);
    });
  }

  /**
   * New keys at once and nothing of the former ones left, here or on an engine: what was sealed by them is lost, and those clients begin anew.
   *
   * @param virtualServiceUuids absent: of all.
   */
  async destroy(virtualServiceUuids: readonly string[] = [...this.#rings.keys()]): Promise<void> {
    await this.#change(virtualServiceUuids, 'destroy ticket keys', (keys, ring) => {
      const made = replaceRingKeys(keys, this.#services.random, this.#nowS);
      const { rotationCount } = ring;
      return [
        made,
        { destroyedGeneration: made.rotations, rotationCount: rotationCount + 1, isOutdated: false },
      ];
    });
    for (const uuid of virtualServiceUuids)
      this.#services.onEvent('VS_KEYS_DESTROYED', { virtual_service: uuid });
  }

  /**
   * Somebody knows these rings who shall not (R17): each gets a `next` that he does not know, and is rotated as soon as every live engine has
   * that. Tickets that are out keep their mappings.
   */
  async outdate(virtualServiceUuids: readonly string[]): Promise<void> {
    await this.#change(
      virtualServiceUuids,
      'replace ticket keys that a revoked engine knows',
      (keys, ring) => [
        renewNextKey(keys, this.#services.random, this.#nowS),
        { ...historyOf(ring), isOutdated: true },
      ],
    );
  }

  /** An engine has acknowledged a ring, or is gone: somebody may be waiting for that. */
  acknowledged(): void {
    for (const wake of [...this.#waiting]) wake();
    if ([...this.#rings.values()].some(({ isOutdated }) => isOutdated)) void this.#rotateDue();
  }

  stop(): void {
    this.#stopped = true;
    this.#look.cancel();
    for (const wake of [...this.#waiting]) wake();
  }

  get #nowS(): number {
    return Math.floor(this.#services.clock.unixMs() / 1000);
  }

  /** No more often than the ring has keys for the lifetime of its tickets. */
  #periodS(ticketLifetimeS: number): number {
    const wanted = this.#services.rotatePeriodMin() * 60;
    return wanted === 0 ? NEVER_S : Math.max(wanted, Math.ceil(ticketLifetimeS / (RING_KEYS_MAX - 2)));
  }

  #newRing(holder: TicketHolder): KeptRing {
    const lifetimeS = lifetimeOf(holder);
    const { random } = this.#services;
    return keepRing(
      holder.uuid,
      createRingKeys(random, this.#nowS, lifetimeS, this.#periodS(lifetimeS)),
      NEW_RING,
    );
  }

  #fits(holder: TicketHolder): boolean {
    const ring = this.#rings.get(holder.uuid);
    const lifetimeS = lifetimeOf(holder);
    return ring?.ticketLifetimeS === lifetimeS && ring.rotatePeriodS === this.#periodS(lifetimeS);
  }

  #retime(lifetimesS: ReadonlyMap<string, number>): Promise<void> {
    return this.#change([...lifetimesS.keys()], 'other lifetimes of ticket keys', (keys, ring) => {
      const lifetimeS = lifetimesS.get(ring.virtualServiceUuid) ?? ring.ticketLifetimeS;
      return [retimeRingKeys(keys, lifetimeS, this.#periodS(lifetimeS)), historyOf(ring)];
    });
  }

  async #rotateDue(): Promise<void> {
    this.#look.cancel();
    let uuids: readonly string[] = [];
    try {
      const due = [...this.#rings.values()].filter((ring) => this.#isDue(ring));
      const ready = new Set(due.filter((ring) => this.#isAcknowledged(ring)));
      for (const ring of due) if (!ready.has(ring)) this.#tellDelayed(ring);
      uuids = [...ready].map(({ virtualServiceUuid }) => virtualServiceUuid);
      await this.#retime(this.#ofAnotherPeriod());
      await this.#change(uuids, 'rotate ticket keys', (keys, ring) => this.#rotatedIfDue(keys, ring));
    } catch (error) {
      for (const uuid of uuids) this.#tellFailed(uuid, error);
    } finally {
      // Whatever went wrong: rotation must not stop for good.
      if (!this.#stopped) this.#look.restart();
    }
  }

  #isDue(ring: KeptRing): boolean {
    return ring.isOutdated || this.#nowS >= this.#dueAtS(ring);
  }

  /** One that cannot be rotated holds up no other. */
  #rotatedIfDue(keys: RingKeys, ring: KeptRing): [RingKeys, RingHistory] | undefined {
    // Since the look another rotation may have come, or an engine.
    if (!this.#isDue(ring) || !this.#isAcknowledged(ring)) return undefined;
    try {
      return this.#rotated(keys, ring);
    } catch (error) {
      this.#tellFailed(ring.virtualServiceUuid, error);
      return undefined;
    }
  }

  #ofAnotherPeriod(): ReadonlyMap<string, number> {
    const rings = [...this.#rings.values()].filter(
      ({ ticketLifetimeS, rotatePeriodS }) => rotatePeriodS !== this.#periodS(ticketLifetimeS),
    );
    return new Map(
      rings.map(({ virtualServiceUuid, ticketLifetimeS }) => [virtualServiceUuid, ticketLifetimeS]),
    );
  }

  #dueAtS({ rotatedAtS, ticketLifetimeS }: KeptRing): number {
    return rotatedAtS + this.#periodS(ticketLifetimeS);
  }

  #rotated(keys: RingKeys, ring: KeptRing): [RingKeys, RingHistory] {
    return [
      rotateKnownRingKeys(keys, this.#services.random, this.#nowS),
      { ...historyOf(ring), rotationCount: ring.rotationCount + 1, isOutdated: false },
    ];
  }

  #isAcknowledged({ virtualServiceUuid, generation }: KeptRing): boolean {
    return this.#services.delivery.lagging(virtualServiceUuid, generation).length === 0;
  }

  #requireAcknowledged(ring: KeptRing): void {
    if (!this.#isAcknowledged(ring))
      throw new LimpetError('KEYS_TOO_SOON', 'engines have not acknowledged the present ring');
  }

  /** @param make the keys that come, and their history; undefined: as they were. */
  #change(
    uuids: readonly string[],
    summary: string,
    make: (keys: RingKeys, ring: KeptRing) => [RingKeys, RingHistory] | undefined,
  ): Promise<void> {
    if (uuids.length === 0) return Promise.resolve();
    return this.#inTurn(async () => {
      const made = uuids.flatMap((uuid) => {
        const ring = this.#rings.get(uuid);
        const changed = ring === undefined ? undefined : make(keysOf(ring), ring);
        return changed === undefined ? [] : [keepRing(uuid, ...changed)];
      });
      await this.#store(summary, made);
      this.#services.delivery.deliver(made.map(({ virtualServiceUuid }) => virtualServiceUuid));
    });
  }

  /** What engines are given is stored before: a Controller that ends now knows it when it is back. */
  async #store(summary: string, rings: readonly KeptRing[]): Promise<void> {
    await this.#commit(
      summary,
      rings.map((ring) => putRing(ring, this.#services.secretBox)),
    );
    for (const ring of rings) {
      this.#rings.set(ring.virtualServiceUuid, ring);
      this.#told.delete(ring.virtualServiceUuid);
    }
  }

  async #commit(summary: string, vault: readonly VaultEdit[]): Promise<void> {
    if (vault.length === 0) return;
    const { store, clock } = this.#services;
    await store.commit({
      ...{ atUs: Math.floor(clock.unixMs() * 1000), actor: { user: 'system' }, summary },
      ...{ objects: [], vault },
    });
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#last.then(change);
    this.#last = done.catch(() => {});
    return done;
  }

  #untilAcknowledged(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        deadline.cancel();
        resolve();
      };
      const deadline = this.#services.deadlines.start(timeoutMs, wake);
      this.#waiting.add(wake);
    });
  }

  #tellDelayed(ring: KeptRing): void {
    const { virtualServiceUuid: uuid, generation } = ring;
    const lateS = this.#nowS - this.#dueAtS(ring);
    if (lateS < DELAYED_AFTER_S || this.#told.has(uuid)) return;
    this.#told.add(uuid);
    const engines = this.#services.delivery.lagging(uuid, generation);
    this.#services.onEvent('VS_KEY_ROTATION_DELAYED', { virtual_service: uuid, engines });
  }

  #tellFailed(uuid: string, error: unknown): void {
    if (this.#told.has(uuid)) return;
    this.#told.add(uuid);
    const reason = error instanceof Error ? error.message : String(error);
    this.#services.onEvent('VS_KEY_ROTATION_FAILED', { virtual_service: uuid, reason });
  }
}

function lifetimeOf({ ticketLifetimeS }: TicketHolder): number {
  return ticketLifetimeS ?? DEFAULT_TICKET_LIFETIME_S;
}

function historyOf({ destroyedGeneration, rotationCount, isOutdated }: KeptRing): RingHistory {
  return { destroyedGeneration, rotationCount, isOutdated };
}
