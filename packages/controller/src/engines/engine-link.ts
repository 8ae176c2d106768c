// The Controller's side of its engines, composed: authority, enrolment, ticket keys, sessions, and what each engine shall have.

import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { EngineToController } from '@limpet/model';
import type { ConfigurationPublisher, EngineConfiguration } from '../config/publisher.ts';
import type { JsonObject } from '../json.ts';
import type { Clock } from '../lifecycle/clock.ts';
import type { Deadline, Deadlines } from '../lifecycle/deadlines.ts';
import type { RandomSource } from '../lifecycle/random.ts';
import type { ObjectStore, VaultRecord } from '../store/object-store.ts';
import type { SecretBox } from '../store/secret-box.ts';
import { type TicketHolder, TicketKeyService } from '../ticket-keys/ticket-key-service.ts';
import { ControllerCa } from './controller-ca.ts';
import { EngineIdentities } from './engine-identities.ts';
import { EnginePublisher } from './engine-publisher.ts';
import { EngineRegistry } from './engine-registry.ts';
import { EngineSession, type EngineSessionListener } from './engine-session.ts';
import { Enrolment } from './enrolment.ts';
import { LinkServer, type LinkServerOptions } from './link-server.ts';

/** Of an engine's certificate; it asks for another when a third of that is left. */
const ENGINE_CERTIFICATE_DAYS = 30;
const PUBLISH_RETRY_MS = 1000;
const LOOK_EVERY_MS = 1000;

export interface EngineLinkServices {
  readonly store: Pick<ObjectStore, 'commit'>;
  readonly secretBox: SecretBox;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly random: RandomSource;
  /** ControllerProperties.vs_key_rotate_period, minutes; 0: never. */
  readonly rotatePeriodMin: () => number;
  /** Whether there is such a VirtualService object: the ring of one that is disabled is kept. */
  readonly virtualServiceExists: (uuid: string) => boolean;
  /** Whether there is such a ServiceEngine object: one whose object is deleted is revoked. */
  readonly engineExists: (uuid: string) => boolean;
  /** Finds or makes the ServiceEngine object of that name, in a group. */
  readonly engineObject: (name: string, groupUuid: string | undefined) => Promise<string>;
  /** For the store's events and for the log. */
  readonly onEvent: (eventId: string, details: JsonObject) => void;
  /** An engine has connected, is gone, has acknowledged or refused, or has reported. */
  readonly onNews?: (engineUuid: string) => void;
}

export interface RevokeOptions {
  /** Whoever has the engine may use its keys: they are destroyed everywhere, and the mappings sealed by them with them. */
  readonly destroyKeys?: boolean;
}

export class EngineLink implements ConfigurationPublisher {
  readonly registry = new EngineRegistry();
  readonly ca: ControllerCa;
  readonly enrolment: Enrolment;
  readonly ticketKeys: TicketKeyService;
  readonly #services: EngineLinkServices;
  readonly #identities: EngineIdentities;
  readonly #publisher: EnginePublisher;
  readonly #server: LinkServer;
  readonly #sessions = new Map<string, EngineSession>();
  readonly #serials = new WeakMap<EngineSession, string>();
  readonly #startedAtMs: number;
  #address: AddressInfo | undefined;
  #look: Deadline | undefined;
  /** What waits for its rings to be stored. */
  #toPublish = new Map<string, EngineConfiguration>();
  #publishing = false;
  #stopped = false;

  private constructor(services: EngineLinkServices, ca: ControllerCa, vault: readonly VaultRecord[]) {
    const { clock, deadlines, random, store, onEvent } = services;
    this.#services = services;
    this.#startedAtMs = clock.unixMs();
    this.ca = ca;
    this.#identities = new EngineIdentities(store, vault);
    this.#publisher = new EnginePublisher({
      ...{ registry: this.registry, clock, deadlines, onEvent },
      ring: (uuid) => this.ticketKeys.ring(uuid),
      onRings: () => this.ticketKeys.acknowledged(),
    });
    this.ticketKeys = new TicketKeyService({ ...services, delivery: this.#publisher }, vault);
    this.enrolment = new Enrolment(
      {
        ...{
          store,
          ca,
          clock,
          random,
          certificateDays: ENGINE_CERTIFICATE_DAYS,
          identities: this.#identities,
        },
        engineObject: async (name, groupUuid) => {
          const uuid = await services.engineObject(name, groupUuid);
          // Until it has its certificate it is what it was: a try that fails makes none of a revoked engine good.
          this.registry.add(uuid, name, this.registry.get(uuid)?.revoked ?? false);
          return uuid;
        },
        isConnected: (uuid) => this.#sessions.has(uuid),
        onEnrolled: (uuid) => {
          this.registry.note(uuid, { revoked: false });
          // It may have come back by its former certificate while this one was made.
          this.#sessions.get(uuid)?.refuse('ENGINE_REVOKED', 'the engine has enrolled anew');
        },
        onEvent,
      },
      vault,
    );
    this.#server = new LinkServer(ca, deadlines, (socket, uuid, serial) =>
      this.#accept(socket, uuid, serial),
    );
    for (const { engineUuid, name, revokedAtMs } of this.#identities.list())
      this.registry.add(engineUuid, name, revokedAtMs !== undefined);
  }

  /** @param vault as the store has it. @throws LimpetError SECRET_UNREADABLE: another master key. */
  static async open(services: EngineLinkServices, vault: readonly VaultRecord[]): Promise<EngineLink> {
    return new EngineLink(services, await ControllerCa.open(services, vault), vault);
  }

  /** @throws Error with `code`, as EADDRINUSE. */
  async start(options: LinkServerOptions): Promise<AddressInfo> {
    this.#address = await this.#server.start(options);
    this.#look = this.#services.deadlines.start(LOOK_EVERY_MS, () => this.#revokeDeleted());
    return this.#address;
  }

  /** Where engines dial; absent before it has started. */
  get port(): number | undefined {
    return this.#address?.port;
  }

  /** Engines are given it once the rings of its virtual services are stored. */
  publish(configurations: ReadonlyMap<string, EngineConfiguration>): void {
    for (const [uuid, configuration] of configurations) this.#toPublish.set(uuid, configuration);
    if (!this.#publishing) void this.#publishAll();
  }

  /**
   * Cuts an engine off at once and for good; keys that it knew are replaced (R17).
   *
   * @returns once that is stored. @throws what the store throws; the engine is cut off all the same.
   */
  async revoke(engineUuid: string, { destroyKeys = false }: RevokeOptions = {}): Promise<void> {
    const name = this.registry.get(engineUuid)?.name ?? engineUuid;
    const known = this.#knownTo(engineUuid);
    const stored = this.#identities.revoke(engineUuid, this.#services.clock.unixMs());
    this.registry.note(engineUuid, { revoked: true });
    this.#sessions.get(engineUuid)?.refuse('ENGINE_REVOKED', 'the engine was revoked');
    this.#publisher.disconnect(engineUuid);
    this.#services.onEvent('SE_REVOKED', { service_engine: engineUuid, name });
    await stored;
    await (destroyKeys ? this.ticketKeys.destroy(known) : this.ticketKeys.outdate(known));
  }

  /** Virtual services whose keys an engine may know. What it was given before this process nobody has noted, so that it may be all. */
  #knownTo(engineUuid: string): readonly string[] {
    const enrolledAtMs = this.#identities.get(engineUuid)?.enrolledAtMs ?? 0;
    const known = enrolledAtMs < this.#startedAtMs ? undefined : this.#publisher.knownTo(engineUuid);
    return known ?? this.ticketKeys.virtualServices;
  }

  stop(): void {
    this.#stopped = true;
    this.#look?.cancel();
    this.ticketKeys.stop();
    this.#publisher.stop();
    for (const session of this.#sessions.values()) session.close('the Controller stops');
    this.#server.stop();
  }

  #revokeDeleted(): void {
    this.#look?.restart();
    for (const { uuid, revoked } of this.registry.list()) {
      if (revoked || this.#services.engineExists(uuid)) continue;
      void this.revoke(uuid).catch((error: unknown) =>
        this.#services.onEvent('SE_REVOCATION_NOT_STORED', { service_engine: uuid, reason: describe(error) }),
      );
    }
  }

  async #publishAll(): Promise<void> {
    this.#publishing = true;
    try {
      while (this.#toPublish.size > 0) {
        const configurations = this.#toPublish;
        this.#toPublish = new Map();
        try {
          await this.ticketKeys.ensure(holdersOf(configurations.values()));
          this.#publisher.publish(configurations);
          await this.ticketKeys.retain(this.#services.virtualServiceExists);
        } catch (error) {
          this.#services.onEvent('VS_KEYS_NOT_STORED', { reason: describe(error) });
          // Newer ones win.
          this.#toPublish = new Map([...configurations, ...this.#toPublish]);
          await new Promise<void>((resolve) => this.#services.deadlines.start(PUBLISH_RETRY_MS, resolve));
        }
        if (this.#stopped) return;
      }
    } finally {
      this.#publishing = false;
    }
  }

  #accept(socket: TLSSocket, engineUuid: string, serial: string): void {
    const session = new EngineSession(socket, engineUuid, this.#services.deadlines, this.#listener);
    this.#serials.set(session, serial);
    this.#refuseUnlessGood(session);
  }

  /** @returns whether it was refused: its certificate is good no more. */
  #refuseUnlessGood(session: EngineSession): boolean {
    const { engineUuid, address } = session;
    const identity = this.#identities.judge(engineUuid, this.#serials.get(session) ?? '');
    if (typeof identity === 'object') return false;
    session.refuse('ENGINE_REVOKED', `the certificate of the engine is ${identity}`);
    this.#services.onEvent('SE_CERTIFICATE_REFUSED', {
      ...{ service_engine: engineUuid, address, reason: identity },
    });
    return true;
  }

  readonly #listener: EngineSessionListener = {
    onHello: (session, hello) => {
      const { engineUuid: uuid, address } = session;
      // Since the handshake it may have been revoked, or have enrolled anew.
      if (this.#refuseUnlessGood(session)) return;
      // It comes back before the end of its former connection was noticed, or this is the process that takes the place of that one.
      this.#sessions.get(uuid)?.refuse('ENGINE_REPLACED', 'the engine has connected again');
      this.#sessions.set(uuid, session);
      const nowMs = this.#services.clock.unixMs();
      const { engineVersion, nodeVersion } = hello;
      this.registry.note(uuid, {
        connected: true,
        sinceMs: nowMs,
        lastHeardMs: nowMs,
        address,
        engineVersion,
        nodeVersion,
      });
      const engineName = this.registry.get(uuid)?.name ?? uuid;
      session.send({ kind: 'welcome', engineUuid: uuid, engineName });
      this.#services.onEvent('SE_UP', { service_engine: uuid, name: engineName, address });
      this.#publisher.connect(uuid, hello, session);
      this.#services.onNews?.(uuid);
    },
    onMessage: (session, message) => {
      if (this.#sessions.get(session.engineUuid) === session) this.#handle(session, message);
    },
    onHeard: ({ engineUuid }) =>
      this.registry.note(engineUuid, { lastHeardMs: this.#services.clock.unixMs() }),
    onSent: ({ engineUuid }, bytes, hasRings) => this.registry.noteSent(engineUuid, bytes, hasRings),
    onClosed: (session, reason) => {
      const { engineUuid: uuid } = session;
      if (this.#sessions.get(uuid) !== session) return;
      this.#sessions.delete(uuid);
      this.#publisher.disconnect(uuid);
      this.registry.note(uuid, { connected: false, sinceMs: this.#services.clock.unixMs() });
      const name = this.registry.get(uuid)?.name ?? uuid;
      if (!this.#stopped) this.#services.onEvent('SE_DOWN', { service_engine: uuid, name, reason });
      this.#services.onNews?.(uuid);
    },
  };

  #handle(session: EngineSession, message: Exclude<EngineToController, { kind: 'hello' }>): void {
    const { engineUuid: uuid } = session;
    switch (message.kind) {
      case 'ack':
        this.#publisher.acknowledge(uuid, message.hash);
        break;
      case 'nack':
        this.#publisher.refuse(uuid, message);
        break;
      case 'rings-ack':
        this.#publisher.acknowledgeRings(uuid, message.rings);
        break;
      case 'rings-nack':
        this.#publisher.refuseRings(uuid, message.reason);
        break;
      case 'certificate-request':
        void this.#renewCertificate(session, message.requestPem);
        break;
      case 'report':
        this.registry.noteReport(
          uuid,
          message.topic,
          { atMs: message.atMs, body: message.body },
          message.dropped,
        );
        break;
      case 'heartbeat':
        return;
    }
    this.#services.onNews?.(uuid);
  }

  async #renewCertificate(session: EngineSession, requestPem: string): Promise<void> {
    const { engineUuid: uuid } = session;
    try {
      const certificate = await this.ca.issueEngine(uuid, requestPem, ENGINE_CERTIFICATE_DAYS);
      // Meanwhile it may have been revoked.
      if (this.#sessions.get(uuid) !== session) return;
      await this.#identities.renew(uuid, certificate, this.#services.clock.unixMs());
      session.send({ kind: 'certificate', certificatePem: certificate.certificatePem });
    } catch (error) {
      this.#services.onEvent('SE_CERTIFICATE_NOT_RENEWED', { service_engine: uuid, reason: describe(error) });
    }
  }
}

/** Each virtual service once, whatever its persistence: so that switching TLS persistence on changes nothing of its keys. */
function holdersOf(configurations: Iterable<EngineConfiguration>): readonly TicketHolder[] {
  const holders = new Map<string, TicketHolder>();
  for (const { compiled } of configurations) {
    for (const { uuid, tls } of compiled.snapshot.virtualServices)
      holders.set(uuid, { uuid, ...(tls === undefined ? {} : { ticketLifetimeS: tls.sessionTimeoutS }) });
  }
  return [...holders.values()];
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
