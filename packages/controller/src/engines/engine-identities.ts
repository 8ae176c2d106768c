// Who an engine is: the certificates that are good for each engine, and those engines whose certificates are good no more.

import type { JsonObject } from '../json.ts';
import type { ObjectStore, VaultEdit, VaultRecord } from '../store/object-store.ts';
import type { EngineCertificate } from './controller-ca.ts';

const RECORD_KIND = 'engine-identity';
/** The one in use, and the one that takes its place. */
const SERIALS_MAX = 2;

export interface EngineIdentity {
  readonly engineUuid: string;
  readonly name: string;
  /** Newest first. */
  readonly serials: readonly string[];
  readonly enrolledAtMs: number;
  readonly notAfterMs: number;
  /** From then on its certificates are refused. */
  readonly revokedAtMs?: number;
}

export class EngineIdentities {
  readonly #store: Pick<ObjectStore, 'commit'>;
  readonly #identities = new Map<string, EngineIdentity>();

  constructor(store: Pick<ObjectStore, 'commit'>, vault: readonly VaultRecord[]) {
    this.#store = store;
    for (const { kind, id, value } of vault)
      if (kind === RECORD_KIND)
        this.#identities.set(id, { ...(value as unknown as EngineIdentity), engineUuid: id });
  }

  list(): readonly EngineIdentity[] {
    return [...this.#identities.values()];
  }

  get(engineUuid: string): EngineIdentity | undefined {
    return this.#identities.get(engineUuid);
  }

  /** Whose certificate it is, or why it is nobody's. */
  judge(engineUuid: string, serial: string): EngineIdentity | 'unknown' | 'revoked' {
    const identity = this.#identities.get(engineUuid);
    if (identity === undefined) return 'unknown';
    if (identity.revokedAtMs !== undefined || !identity.serials.includes(serial.toUpperCase()))
      return 'revoked';
    return identity;
  }

  /** @param extra what is written in the same transaction. */
  async enrol(
    engineUuid: string,
    name: string,
    { serial, notAfterMs }: EngineCertificate,
    nowMs: number,
    extra: readonly VaultEdit[],
  ): Promise<void> {
    await this.#put(
      { engineUuid, name, serials: [serial], enrolledAtMs: nowMs, notAfterMs },
      nowMs,
      'enrol',
      extra,
    );
  }

  /** The former certificate stays good, for an engine that ends before it has stored the new one. */
  async renew(engineUuid: string, { serial, notAfterMs }: EngineCertificate, nowMs: number): Promise<void> {
    const identity = this.#identities.get(engineUuid);
    if (identity === undefined) return;
    const serials = [serial, ...identity.serials].slice(0, SERIALS_MAX);
    await this.#put({ ...identity, serials, notAfterMs }, nowMs, 'renew the certificate of');
  }

  /** At once in memory: a store that fails must not let the engine back in. */
  async revoke(engineUuid: string, nowMs: number): Promise<void> {
    const identity = this.#identities.get(engineUuid);
    if (identity === undefined) return;
    const revoked = { ...identity, serials: [], revokedAtMs: nowMs };
    this.#identities.set(engineUuid, revoked);
    await this.#put(revoked, nowMs, 'revoke');
  }

  async #put(
    identity: EngineIdentity,
    nowMs: number,
    verb: string,
    extra: readonly VaultEdit[] = [],
  ): Promise<void> {
    const { engineUuid: id, ...value } = identity;
    await this.#store.commit({
      ...{
        atUs: Math.floor(nowMs * 1000),
        actor: { user: 'system' },
        summary: `${verb} engine ${identity.name}`,
      },
      objects: [],
      vault: [
        ...extra,
        { kind: 'put', record: { kind: RECORD_KIND, id, value: value as unknown as JsonObject } },
      ],
    });
    this.#identities.set(id, identity);
  }
}
