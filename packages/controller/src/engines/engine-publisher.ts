// The publisher: brings each engine to what it shall have. The newest wins, whole or as changes; what fails is tried again.

import {
  type ControllerToEngine,
  type EngineToController,
  type RingMessage,
  type Snapshot,
  secretHashes,
  snapshotChanges,
} from '@limpet/model';
import type { EngineConfiguration } from '../config/publisher.ts';
import type { JsonObject } from '../json.ts';
import type { Clock } from '../lifecycle/clock.ts';
import type { Deadline, Deadlines } from '../lifecycle/deadlines.ts';
import type { KeptRing } from '../ticket-keys/kept-ring.ts';
import type { EngineRegistry } from './engine-registry.ts';

/** An engine that is connected, as the publisher needs it. */
export interface EngineChannel {
  send(message: ControllerToEngine): void;
  close(reason: string): void;
}

export interface PublisherServices {
  readonly registry: EngineRegistry;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly ring: (virtualServiceUuid: string) => KeptRing | undefined;
  /** A ring was acknowledged, or an engine that held one up is gone. */
  readonly onRings: () => void;
  readonly onEvent: (eventId: string, details: JsonObject) => void;
}

type Hello = Extract<EngineToController, { kind: 'hello' }>;
type Nack = Extract<EngineToController, { kind: 'nack' }>;

/** From a configuration to its ack: servers are probed first, which may take a few receive timeouts. */
const ACK_TIMEOUT_MS = 120_000;
const RETRY_FIRST_MS = 5000;
const RETRY_MAX_MS = 300_000;

const NONE: ReadonlySet<string> = new Set();

interface Connected {
  readonly channel: EngineChannel;
  /** Hash of what it has. */
  hash: string | undefined;
  readonly secretHashes: Set<string>;
  /** Generations of rings that were sent, or that it has said it holds. */
  readonly sentRings: Map<string, number>;
  /** Generations that it has acknowledged. */
  readonly heldRings: Map<string, number>;
  inFlight:
    | { readonly snapshot: Snapshot; readonly revision: number; readonly deadline: Deadline }
    | undefined;
  /** After a refusal the same is not sent again at once. */
  retry: { readonly hash: string; readonly deadline: Deadline; readonly afterMs: number } | undefined;
  /** It has asked for the whole. */
  wantsFull: boolean;
}

interface Engine {
  desired: EngineConfiguration | undefined;
  /** The snapshot that it acknowledged last, for changes. */
  acknowledged: Snapshot | undefined;
  /** Virtual services whose keys it has been given since the Controller started: it may keep them after it has hosted them last. */
  readonly given: Set<string>;
  connected: Connected | undefined;
}

export class EnginePublisher {
  readonly #services: PublisherServices;
  readonly #engines = new Map<string, Engine>();

  constructor(services: PublisherServices) {
    this.#services = services;
  }

  /** What engines shall have from now on; those that are not named keep what they have. */
  publish(configurations: ReadonlyMap<string, EngineConfiguration>): void {
    for (const [uuid, configuration] of configurations) {
      this.#engine(uuid).desired = configuration;
      const { revision, compiled } = configuration;
      this.#services.registry.note(uuid, { desired: { revision, hash: compiled.snapshot.hash } });
      this.#bringUpToDate(uuid);
    }
  }

  /** Rings of these virtual services are other ones now. */
  deliver(virtualServiceUuids: readonly string[]): void {
    const changed = new Set(virtualServiceUuids);
    for (const uuid of this.#engines.keys())
      this.#sendRings(uuid, (virtualService) => changed.has(virtualService));
  }

  /** Names of the live engines that host a virtual service and have not acknowledged this generation of its ring. */
  lagging(virtualServiceUuid: string, generation: number): readonly string[] {
    return [...this.#engines].flatMap(([uuid, engine]) => {
      const { connected } = engine;
      if (connected === undefined || !hosts(engine, virtualServiceUuid)) return [];
      if (connected.heldRings.get(virtualServiceUuid) === generation) return [];
      return [this.#services.registry.get(uuid)?.name ?? uuid];
    });
  }

  /** Virtual services whose keys an engine has been given since the start, or would be; undefined: of one that has not been seen since then it may be all. */
  knownTo(uuid: string): readonly string[] | undefined {
    const engine = this.#engines.get(uuid);
    const status = this.#services.registry.get(uuid);
    if (status?.sinceMs === undefined) return undefined;
    const desired = engine?.desired?.compiled.snapshot.virtualServices.map(
      (virtualService) => virtualService.uuid,
    );
    return [...new Set([...(engine?.given ?? []), ...(desired ?? [])])];
  }

  /** An engine has said hello. */
  connect(uuid: string, hello: Hello, channel: EngineChannel): void {
    const engine = this.#engine(uuid);
    // What it says of others is not kept: it could say so of any number.
    const rings = hello.rings.filter(({ virtualServiceUuid }) => this.#services.ring(virtualServiceUuid));
    for (const { virtualServiceUuid } of rings) engine.given.add(virtualServiceUuid);
    engine.connected = {
      channel,
      hash: hello.snapshotHash,
      secretHashes: new Set(hello.secretHashes),
      sentRings: generationsOf(rings),
      heldRings: generationsOf(rings),
      ...{ inFlight: undefined, retry: undefined, wantsFull: false },
    };
    const { desired } = engine;
    this.#services.registry.note(uuid, {
      rings: generationsOf(rings),
      // Of one that has just enrolled it was said before it was known.
      ...(desired === undefined
        ? {}
        : { desired: { revision: desired.revision, hash: desired.compiled.snapshot.hash } }),
    });
    this.#bringUpToDate(uuid);
    this.#services.onRings();
  }

  disconnect(uuid: string): void {
    const engine = this.#engines.get(uuid);
    engine?.connected?.inFlight?.deadline.cancel();
    engine?.connected?.retry?.deadline.cancel();
    if (engine !== undefined) engine.connected = undefined;
    this.#services.onRings();
  }

  acknowledge(uuid: string, hash: string): void {
    const engine = this.#engine(uuid);
    const { connected } = engine;
    if (connected?.inFlight?.snapshot.hash !== hash) return;
    const { snapshot, revision, deadline } = connected.inFlight;
    deadline.cancel();
    connected.inFlight = undefined;
    connected.hash = hash;
    engine.acknowledged = snapshot;
    // What the engine keeps, it keeps for this snapshot.
    connected.secretHashes.clear();
    for (const secret of secretHashes(snapshot)) connected.secretHashes.add(secret);
    const hosted = new Set(snapshot.virtualServices.map((virtualService) => virtualService.uuid));
    for (const rings of [connected.sentRings, connected.heldRings])
      for (const virtualService of rings.keys())
        if (!hosted.has(virtualService)) rings.delete(virtualService);
    for (const virtualService of engine.given)
      if (this.#services.ring(virtualService) === undefined) engine.given.delete(virtualService);
    this.#noteAcknowledged(uuid, revision, hash, connected);
    this.#bringUpToDate(uuid);
  }

  refuse(uuid: string, nack: Nack): void {
    const connected = this.#engines.get(uuid)?.connected;
    if (connected?.inFlight?.snapshot.hash !== nack.hash) return;
    connected.inFlight.deadline.cancel();
    connected.inFlight = undefined;
    if (nack.full && !connected.wantsFull) {
      connected.wantsFull = true;
      this.#bringUpToDate(uuid);
      return;
    }
    const { revision, hash, code, reason, problems } = nack;
    // It lacks one that it was sent, whatever became of it.
    if (code === 'KEYS_INVALID') connected.sentRings.clear();
    const refusal = { revision, hash, code, reason, problems, atMs: this.#services.clock.unixMs() };
    this.#services.registry.note(uuid, { refusal });
    const again = connected.retry?.hash === hash;
    const afterMs = again ? Math.min(RETRY_MAX_MS, 2 * (connected.retry?.afterMs ?? 0)) : RETRY_FIRST_MS;
    connected.retry?.deadline.cancel();
    const deadline = this.#services.deadlines.start(afterMs, () => this.#bringUpToDate(uuid, true));
    connected.retry = { hash, deadline, afterMs };
    if (!again) this.#services.onEvent('SE_CONFIG_REFUSED', { service_engine: uuid, code, reason });
    this.#bringUpToDate(uuid);
  }

  acknowledgeRings(uuid: string, rings: readonly { virtualServiceUuid: string; generation: number }[]): void {
    const { connected, given } = this.#engine(uuid);
    if (connected === undefined) return;
    for (const { virtualServiceUuid, generation } of rings)
      if (given.has(virtualServiceUuid)) connected.heldRings.set(virtualServiceUuid, generation);
    const { registry, clock } = this.#services;
    registry.note(uuid, { rings: new Map(connected.heldRings), ringsAtMs: clock.unixMs() });
    this.#services.onRings();
  }

  /** Tried again with the next change of the ring, or the next connection. */
  refuseRings(uuid: string, reason: string): void {
    this.#services.onEvent('SE_TICKET_KEYS_REFUSED', { service_engine: uuid, reason });
  }

  stop(): void {
    for (const uuid of this.#engines.keys()) this.disconnect(uuid);
  }

  #engine(uuid: string): Engine {
    let engine = this.#engines.get(uuid);
    if (engine === undefined) {
      engine = { desired: undefined, acknowledged: undefined, given: new Set(), connected: undefined };
      this.#engines.set(uuid, engine);
    }
    return engine;
  }

  /** One configuration at a time: the newest, once the one under way is settled. */
  #bringUpToDate(uuid: string, isRetry = false): void {
    const { desired, connected, acknowledged } = this.#engine(uuid);
    if (desired === undefined || connected === undefined) return;
    this.#sendRings(uuid);
    const { snapshot } = desired.compiled;
    if (connected.inFlight !== undefined) return;
    if (connected.hash === snapshot.hash) {
      this.#noteAcknowledged(uuid, desired.revision, snapshot.hash, connected);
      this.#engine(uuid).acknowledged = snapshot;
      return;
    }
    if (connected.retry?.hash === snapshot.hash && !isRetry) return;
    const isChange =
      !connected.wantsFull && acknowledged !== undefined && acknowledged.hash === connected.hash;
    const secrets = missingSecrets(desired, connected.wantsFull ? NONE : connected.secretHashes);
    const { revision } = desired;
    const deadline = this.#services.deadlines.start(ACK_TIMEOUT_MS, () =>
      connected.channel.close(`no answer to configuration ${revision} for ${ACK_TIMEOUT_MS / 1000} s`),
    );
    connected.inFlight = { snapshot, revision, deadline };
    connected.wantsFull = false;
    connected.channel.send(
      isChange
        ? { kind: 'changes', revision, changes: snapshotChanges(acknowledged, snapshot), secrets }
        : { kind: 'snapshot', revision, snapshot, secrets },
    );
  }

  /** Those that the engine does not have yet, of virtual services that it hosts or is about to. */
  #sendRings(uuid: string, isAsked: (virtualServiceUuid: string) => boolean = () => true): void {
    const { desired, connected, given } = this.#engine(uuid);
    if (desired === undefined || connected === undefined) return;
    const [rings, destroyed]: [RingMessage[], RingMessage[]] = [[], []];
    for (const { uuid: virtualServiceUuid } of desired.compiled.snapshot.virtualServices) {
      if (!isAsked(virtualServiceUuid)) continue;
      const ring = this.#services.ring(virtualServiceUuid);
      const sent = connected.sentRings.get(virtualServiceUuid);
      if (ring === undefined || sent === ring.generation) continue;
      const { generation, text, destroyedGeneration } = ring;
      const message = { virtualServiceUuid, generation, text };
      if (sent !== undefined && sent < destroyedGeneration) destroyed.push(message);
      else rings.push(message);
      connected.sentRings.set(virtualServiceUuid, generation);
      given.add(virtualServiceUuid);
    }
    if (destroyed.length > 0) connected.channel.send({ kind: 'destroy-keys', rings: destroyed });
    if (rings.length > 0) connected.channel.send({ kind: 'rings', rings });
  }

  #noteAcknowledged(uuid: string, revision: number, hash: string, connected: Connected): void {
    connected.retry?.deadline.cancel();
    connected.retry = undefined;
    const { registry, clock } = this.#services;
    const acknowledged = { revision, hash, atMs: clock.unixMs() };
    registry.note(uuid, { acknowledged, refusal: undefined, rings: new Map(connected.heldRings) });
  }
}

function hosts({ desired, acknowledged }: Engine, virtualServiceUuid: string): boolean {
  // Until it has acknowledged that it shall not have it, it still serves it.
  return [desired?.compiled.snapshot, acknowledged].some((snapshot) =>
    snapshot?.virtualServices.some(({ uuid }) => uuid === virtualServiceUuid),
  );
}

function generationsOf(rings: Hello['rings']): Map<string, number> {
  return new Map(rings.map(({ virtualServiceUuid, generation }) => [virtualServiceUuid, generation]));
}

function missingSecrets(
  { compiled }: EngineConfiguration,
  known: ReadonlySet<string>,
): Readonly<Record<string, string>> {
  const secrets: Record<string, string> = {};
  for (const hash of secretHashes(compiled.snapshot)) {
    const pem = known.has(hash) ? undefined : compiled.secrets.get(hash);
    if (pem !== undefined) secrets[hash] = pem;
  }
  return secrets;
}
