// API tokens: what a script logs in with in place of a password; given out once, of which the vault keeps the hash.

import { createHash } from 'node:crypto';
import { LimpetError } from '@limpet/model';
import type { Clock } from '../lifecycle/clock.ts';
import type { RandomSource } from '../lifecycle/random.ts';
import type { ObjectStore, VaultEdit, VaultRecord } from '../store/object-store.ts';
import type { ApiToken } from './authenticator.ts';

const RECORD_KIND = 'api-token';
const TOKEN_BYTES = 32;
const LIFETIME_MAX_S = 366 * 86_400;
const TOKENS_PER_USER_MAX = 100;

interface KeptToken extends ApiToken {
  readonly userUuid: string;
  readonly hash: string;
}

export class ApiTokens {
  readonly #store: Pick<ObjectStore, 'commit'>;
  readonly #clock: Clock;
  readonly #random: RandomSource;
  readonly #byHash = new Map<string, KeptToken>();

  constructor(
    store: Pick<ObjectStore, 'commit'>,
    vault: readonly VaultRecord[],
    clock: Clock,
    random: RandomSource,
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#random = random;
    for (const record of vault) {
      if (record.kind !== RECORD_KIND) continue;
      const token = tokenOf(record);
      this.#byHash.set(token.hash, token);
    }
  }

  /** Whose it is; undefined where it is unknown or has expired. The hash is looked up, so that time tells nothing of the token. */
  userOf(token: string): string | undefined {
    const kept = this.#byHash.get(hashOf(token));
    return kept === undefined || kept.expiresAtS <= this.#nowS() ? undefined : kept.userUuid;
  }

  of(userUuid: string): readonly ApiToken[] {
    const nowS = this.#nowS();
    return [...this.#byHash.values()]
      .filter((token) => token.userUuid === userUuid && token.expiresAtS > nowS)
      .map(({ id, description, createdAtS, expiresAtS }) => ({ id, description, createdAtS, expiresAtS }));
  }

  /** @throws LimpetError CONFIG_INVALID: too long a life, or too many tokens. */
  async create(
    userUuid: string,
    description: string,
    lifetimeS: number,
  ): Promise<{ readonly token: string; readonly record: ApiToken }> {
    const nowS = this.#nowS();
    if (!Number.isSafeInteger(lifetimeS) || lifetimeS < 1 || lifetimeS > LIFETIME_MAX_S)
      throw new LimpetError('CONFIG_INVALID', `a token lives 1 to ${LIFETIME_MAX_S} s`);
    if (this.of(userUuid).length >= TOKENS_PER_USER_MAX)
      throw new LimpetError('CONFIG_INVALID', `a user has at most ${TOKENS_PER_USER_MAX} tokens; delete one`);
    const token = this.#random.bytes(TOKEN_BYTES).toString('base64url');
    const record: ApiToken = {
      id: this.#random.uuid(),
      description: description.slice(0, 256),
      createdAtS: nowS,
      expiresAtS: nowS + lifetimeS,
    };
    const kept = { ...record, userUuid, hash: hashOf(token) };
    const { id, ...value } = kept;
    const expired = [...this.#byHash.values()].filter(({ expiresAtS }) => expiresAtS <= nowS);
    await this.#commit('create an API token', [
      ...expired.map(deletionOf),
      { kind: 'put', record: { kind: RECORD_KIND, id, value: { ...value } } },
    ]);
    for (const { hash } of expired) this.#byHash.delete(hash);
    this.#byHash.set(kept.hash, kept);
    return { token, record };
  }

  async revoke(userUuid: string, id: string): Promise<boolean> {
    const kept = [...this.#byHash.values()].find((token) => token.id === id && token.userUuid === userUuid);
    if (kept === undefined) return false;
    // It ends at once, also where the store cannot be written now; then the caller hears that it would come back.
    this.#byHash.delete(kept.hash);
    await this.#commit('revoke an API token', [deletionOf(kept)]);
    return true;
  }

  #commit(summary: string, vault: readonly VaultEdit[]): Promise<number> {
    const atUs = this.#clock.unixMs() * 1000;
    return this.#store.commit({ atUs, actor: { user: 'system' }, summary, objects: [], vault });
  }

  #nowS(): number {
    return Math.floor(this.#clock.unixMs() / 1000);
  }
}

function tokenOf({ id, value }: VaultRecord): KeptToken {
  return {
    id,
    description: String(value.description),
    createdAtS: Number(value.createdAtS),
    expiresAtS: Number(value.expiresAtS),
    userUuid: String(value.userUuid),
    hash: String(value.hash),
  };
}

function deletionOf({ id }: KeptToken): VaultEdit {
  return { kind: 'delete', recordKind: RECORD_KIND, id };
}

/** Of 256 random bits: nothing that could be found by trying, so that no slow hash is needed. */
function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}
