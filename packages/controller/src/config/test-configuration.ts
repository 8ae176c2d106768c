// What tests of the configuration flow need: a store in memory, a publisher that remembers, and objects in which nothing is wrong.

import { LimpetError } from '@limpet/model';
import { type Certificate, createSelfSigned } from '@limpet/testkit';
import type { JsonObject } from '../json.ts';
import type {
  Commit,
  HistoryEntry,
  ObjectStore,
  StoredEvent,
  StoredObject,
  VaultRecord,
} from '../store/object-store.ts';
import type { SecretBox } from '../store/secret-box.ts';
import { ChangeConfig } from './change-config.ts';
import type { ChangeOutcome, ObjectEdit } from './configuration.ts';
import { DEFAULT_GROUP } from './placement-input.ts';
import type { ConfigurationPublisher, EngineConfiguration } from './publisher.ts';

export class MemoryStore implements ObjectStore {
  #revision = 0;
  readonly objects = new Map<string, StoredObject>();
  readonly vault = new Map<string, VaultRecord>();
  readonly #revisions: (readonly StoredObject[])[] = [[]];
  readonly #history: HistoryEntry[] = [];
  commits = 0;

  async readAll() {
    return { revision: this.#revision, objects: [...this.objects.values()], vault: [...this.vault.values()] };
  }

  async commit({ expectedRevision, objects, vault, atUs, actor, summary }: Commit): Promise<number> {
    if (expectedRevision !== undefined && expectedRevision !== this.#revision)
      throw new LimpetError('INTERNAL', 'another revision');
    this.commits++;
    for (const edit of vault) {
      if (edit.kind === 'put') this.vault.set(`${edit.record.kind} ${edit.record.id}`, edit.record);
      else this.vault.delete(`${edit.recordKind} ${edit.id}`);
    }
    if (objects.length === 0) return this.#revision;
    const revision = ++this.#revision;
    for (const edit of objects) {
      const { type, uuid } = edit.kind === 'put' ? edit.object : edit;
      const key = `${type} ${uuid}`;
      const name = this.objects.get(key)?.name ?? '';
      if (edit.kind === 'put') this.objects.set(key, edit.object);
      else this.objects.delete(key);
      const body = edit.kind === 'put' ? { name: edit.object.name, body: edit.object.body } : { name };
      this.#history.unshift({ revision, atUs, actor, summary, type, uuid, ...body });
    }
    this.#revisions[revision] = [...this.objects.values()];
    return revision;
  }

  async history({ limit }: { readonly limit: number }) {
    return this.#history.slice(0, limit);
  }

  async objectsAt(revision: number) {
    return this.#revisions[revision] ?? [];
  }

  async appendEvents(): Promise<void> {}

  async readEvents(): Promise<readonly StoredEvent[]> {
    return [];
  }

  async reseal(): Promise<void> {}

  async close(): Promise<void> {}
}

/** Seals nothing that is worth it, and shows which purpose a text was sealed for. */
export const openBox: SecretBox = {
  seal: (purpose, secret) => `${purpose}|${Buffer.from(secret).toString('base64')}`,
  open: (purpose, sealed) => {
    const [of, text = ''] = sealed.split('|');
    if (of !== purpose) throw new LimpetError('INTERNAL', `sealed for ${of}, opened for ${purpose}`);
    return Buffer.from(text, 'base64').toString();
  },
};

export class RememberingPublisher implements ConfigurationPublisher {
  /** What each engine has. */
  readonly engines = new Map<string, EngineConfiguration>();
  /** Engines that were named, by call. */
  readonly calls: (readonly string[])[] = [];

  publish(configurations: ReadonlyMap<string, EngineConfiguration>): void {
    this.calls.push([...configurations.keys()]);
    for (const [uuid, configuration] of configurations) this.engines.set(uuid, configuration);
  }
}

export const certificate: Certificate = await createSelfSigned({ dnsNames: ['limpet.test'] });

export interface Bed {
  readonly store: MemoryStore;
  readonly publisher: RememberingPublisher;
  readonly configuration: ChangeConfig;
  readonly events: string[];
  put(...objects: readonly ObjectEdit[]): Promise<ChangeOutcome>;
  nowMs: number;
}

/** As of a Controller that has just started, or that starts again with a store. */
export async function startBed(store = new MemoryStore()): Promise<Bed> {
  const publisher = new RememberingPublisher();
  const events: string[] = [];
  const bed = { nowMs: Date.now() };
  const configuration = await ChangeConfig.start({
    store,
    publisher,
    box: openBox,
    clock: { unixMs: () => bed.nowMs },
    onEvent: (eventId) => void events.push(eventId),
  });
  const put = (...edits: readonly ObjectEdit[]) =>
    configuration.change({ actor: { user: 'tester' }, summary: 'test', edit: () => edits });
  return Object.assign(bed, { store, publisher, configuration, events, put });
}

type Put = Extract<ObjectEdit, { kind: 'put' }>;

export function object(
  type: string,
  uuid: string,
  body: JsonObject,
  secrets: Readonly<Record<string, string>> = {},
  tenantUuid = 'admin',
): Put {
  const name = typeof body.name === 'string' ? body.name : uuid;
  return {
    kind: 'put',
    object: {
      type,
      uuid,
      tenantUuid,
      name,
      body: { name, ...body },
      secrets: new Map(Object.entries(secrets)),
    },
  };
}

export const engine = (uuid: string, body: JsonObject = {}): Put => object('ServiceEngine', uuid, body);

export const keyAndCertificate = (uuid = 'certificate', made: Certificate = certificate): Put =>
  object(
    'SSLKeyAndCertificate',
    uuid,
    { certificate: { certificate: made.certificatePem } },
    { key: made.privateKeyPem },
  );

export function pool(uuid: string, body: JsonObject = {}): Put {
  return object('Pool', uuid, { servers: [{ ip: { addr: '10.0.0.1', type: 'V4' }, port: 8080 }], ...body });
}

export function virtualService(uuid: string, port: number, body: JsonObject = {}): Put {
  return object('VirtualService', uuid, {
    vip: [{ vip_id: '1', ip_address: { addr: '127.0.0.1', type: 'V4' } }],
    services: [{ port, enable_ssl: true }],
    ssl_key_and_certificate_refs: ['/api/sslkeyandcertificate/certificate'],
    pool_ref: '/api/pool/pool',
    ...body,
  });
}

export const group = (body: JsonObject): Put =>
  object('ServiceEngineGroup', DEFAULT_GROUP, { name: 'Default-Group', ...body });

export const remove = (type: string, uuid: string): ObjectEdit => ({ kind: 'delete', type, uuid });
