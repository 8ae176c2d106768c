// The Controller, composed: its state opened, its configuration compiled, its link and its API listening.

import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { LimpetError } from '@limpet/model';
import type { Logger } from 'pino';
import { ApiServer } from './api/api-server.ts';
import { findOrMakeEngine, knownEngineEndpoints, publicEngineEndpoints } from './api/engine-endpoints.ts';
import { type CertificateNames, ownCertificate, type ServerCertificate } from './api/own-certificate.ts';
import { servedActions } from './api/served-actions.ts';
import { readProperty } from './api/system-properties.ts';
import { ChangeConfig } from './config/change-config.ts';
import { EngineLink } from './engines/engine-link.ts';
import { LostEngines } from './engines/lost-engines.ts';
import { systemClock } from './lifecycle/clock.ts';
import { Deadlines } from './lifecycle/deadlines.ts';
import { systemRandom } from './lifecycle/random.ts';
import type { ControllerOptions } from './options.ts';
import { type OpenState, openState } from './store/open-state.ts';
import { EventLog } from './telemetry/event-log.ts';
import { JoinedRuntime } from './telemetry/joined-runtime.ts';
import { makeFirstUser } from './users/first-user.ts';
import { LocalAuthenticator } from './users/local-authenticator.ts';

/** What it is told by its environment. */
export interface ControllerSecrets {
  readonly adminPassword: string | undefined;
  readonly masterKey: string | undefined;
}

export interface Ready {
  readonly listen: { readonly ip: string; readonly port: number };
  readonly engine_listen: { readonly ip: string; readonly port: number };
  /** Of the first user, where it was made now: it is said here and nowhere else. */
  readonly admin_password?: string;
}

/** How long requests may go on after a stop. */
const STOP_TIMEOUT_MS = 5000;
const RENEWAL_LOOK_MS = 86_400_000;

const { version: productVersion } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { version: string };

export class Controller {
  readonly #options: ControllerOptions;
  readonly #log: Logger;
  readonly #secrets: ControllerSecrets;
  readonly #deadlines = new Deadlines();
  #state: OpenState | undefined;
  #events: EventLog | undefined;
  #link: EngineLink | undefined;
  #lost: LostEngines | undefined;
  #api: ApiServer | undefined;

  constructor(options: ControllerOptions, log: Logger, secrets: ControllerSecrets) {
    this.#options = options;
    this.#log = log;
    this.#secrets = secrets;
  }

  /** @throws LimpetError of what cannot be opened or listened on; then {@link stop} gives back what was. */
  async start(): Promise<Ready> {
    const { listen, engineListen } = this.#options;
    const [clock, random, deadlines] = [systemClock, systemRandom, this.#deadlines];
    const source = { environment: this.#secrets.masterKey, file: this.#options.masterKeyFile };
    const state = await openState(this.#options.stateFolder, source, { clock, random });
    this.#state = state;
    const { store, box } = state;
    const events = new EventLog(store, clock, this.#log);
    this.#events = events;
    const onEvent = (eventId: string, details: Parameters<EventLog['record']>[1]): void =>
      events.record(eventId, details);

    let configuration: ChangeConfig | undefined;
    const started = (): ChangeConfig => {
      if (configuration === undefined) throw new Error('the configuration is not there yet');
      return configuration;
    };
    const link = await EngineLink.open(
      {
        ...{ store, secretBox: box, clock, deadlines, random, onEvent },
        rotatePeriodMin: () => Number(readProperty(started().view, 'vs_key_rotate_period')),
        virtualServiceExists: (uuid) => started().view.get('VirtualService', uuid) !== undefined,
        engineExists: (uuid) => started().view.get('ServiceEngine', uuid) !== undefined,
        engineObject: (name, groupUuid) => findOrMakeEngine(started(), random, name, groupUuid),
      },
      state.contents.vault,
    );
    this.#link = link;
    // Publishing waits for the rings, and these for the objects.
    configuration = await ChangeConfig.start({ store, box, publisher: link, clock, onEvent });
    const password = await makeFirstUser(configuration, random, this.#secrets.adminPassword);
    const placement = configuration;

    this.#lost = new LostEngines({
      engines: () => link.registry.list(),
      afterS: () => Number(readProperty(placement.view, 'dead_se_detection_timer')),
      onLost: (uuids) => placement.setLostEngines(uuids),
      ...{ clock, deadlines, onEvent },
    });
    this.#lost.start();

    const authenticator = new LocalAuthenticator({
      view: () => placement.view,
      ...{ store, vault: state.contents.vault, clock, random },
      onEvent: (event) => events.append(event),
    });
    const engineServices = { link: () => link, configuration: () => placement, onEvent };
    const api = new ApiServer(
      {
        ...{ configuration, authenticator, clock, random, productVersion },
        runtime: runtimeOf(link, configuration),
        actions: servedActions({ link, placement: configuration }),
        publicEndpoints: publicEngineEndpoints(engineServices),
        knownEndpoints: knownEngineEndpoints(engineServices),
        recordEvent: onEvent,
      },
      { listen, ...(await this.#certificate(link, state)) },
      this.#log,
    );
    this.#api = api;
    const enginePort = (await this.#startLink(link)).port;
    const port = await api.start();
    return {
      listen: { ip: listen.ip, port },
      engine_listen: { ip: engineListen.ip, port: enginePort },
      ...(password === undefined ? {} : { admin_password: password }),
    };
  }

  /** Answers what is under way, for a while, and gives back what it has. */
  async stop(): Promise<void> {
    const api = this.#api;
    const cut = this.#deadlines.start(STOP_TIMEOUT_MS, () => api?.cut());
    await api?.stop();
    cut.cancel();
    this.#lost?.stop();
    this.#link?.stop();
    await this.#events?.flush();
    this.#deadlines.stop();
    await this.#state?.store.close();
  }

  /** Ends requests that are under way. */
  cut(): void {
    this.#api?.cut();
  }

  async #startLink(link: EngineLink) {
    const { ip, port } = this.#options.engineListen;
    try {
      return await link.start({ host: ip, port });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      throw new LimpetError('ADDRESS_IN_USE', `${ip}:${port}`, { cause: error });
    }
  }

  async #certificate(link: EngineLink, { store, box, contents }: OpenState): Promise<ServerCertificate> {
    const { certificate } = this.#options;
    if (certificate !== undefined)
      return {
        certificatePem: readPem(certificate.certificateFile),
        privateKeyPem: readPem(certificate.keyFile),
      };
    const names = namesOf(this.#options);
    const services = { ca: link.ca, store, box, clock: systemClock };
    this.#deadlines.start(RENEWAL_LOOK_MS, () => void this.#renew(link, names));
    return ownCertificate(services, contents.vault, names);
  }

  async #renew(link: EngineLink, names: CertificateNames): Promise<void> {
    this.#deadlines.start(RENEWAL_LOOK_MS, () => void this.#renew(link, names));
    const state = this.#state;
    if (state === undefined) return;
    try {
      const { vault } = await state.store.readAll();
      const services = { ca: link.ca, store: state.store, box: state.box, clock: systemClock };
      this.#api?.useCertificate(await ownCertificate(services, vault, names));
    } catch (error) {
      this.#events?.record('API_CERTIFICATE_NOT_RENEWED', {
        reason: error instanceof Error ? error.message : String(error),
      });
    }
  }
}

function readPem(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new LimpetError('CONFIG_UNREADABLE', `${file}: ${(error as NodeJS.ErrnoException).code}`);
  }
}

function namesOf({ names, listen }: ControllerOptions): CertificateNames {
  const all = [...names, hostname(), 'localhost', '127.0.0.1', '::1', listen.ip];
  const known = [...new Set(all)].filter((name) => name !== '0.0.0.0' && name !== '::');
  return {
    dnsNames: known.filter((name) => isIP(name) === 0),
    ipAddresses: known.filter((name) => isIP(name) !== 0),
  };
}

function runtimeOf(link: EngineLink, configuration: ChangeConfig): JoinedRuntime {
  return new JoinedRuntime({
    engines: () =>
      link.registry.list().map((engine) => ({ ...engine, report: engine.reports.get('runtime')?.body })),
    enginesOf: (uuid) => configuration.enginesOf(uuid),
    keyRotations: (uuid) => {
      const status = link.ticketKeys.status(uuid);
      return status === undefined
        ? undefined
        : { count: status.rotationCount, lastMs: status.rotatedAtS * 1000 };
    },
  });
}
