// Enrolment: a token is made, an engine shows it with a certificate request, and is given an identity.

import {
  enrolmentTokenHash,
  formatEnrolmentToken,
  LimpetError,
  parseEnrolmentToken,
  TOKEN_SECRET_BYTES,
} from '@limpet/model';
import type { Clock } from '../lifecycle/clock.ts';
import type { RandomSource } from '../lifecycle/random.ts';
import type { ObjectStore, VaultEdit, VaultRecord } from '../store/object-store.ts';
import type { ControllerCa } from './controller-ca.ts';
import type { EngineIdentities } from './engine-identities.ts';

const RECORD_KIND = 'enrolment-token';
/** Tokens that are good at one time; so many are a mistake or an attack. */
const TOKENS_MAX = 1000;
/** Wrong tokens that are told of in a minute: anybody may send them, and the store keeps so many events and no more. */
const WRONG_TOLD_MAX = 10;
const WRONG_TOLD_WINDOW_MS = 60_000;

export interface EnrolmentServices {
  readonly store: Pick<ObjectStore, 'commit'>;
  readonly ca: ControllerCa;
  readonly identities: EngineIdentities;
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Of an engine's certificate. */
  readonly certificateDays: number;
  /**
   * Finds or makes the ServiceEngine object of that name.
   *
   * @throws LimpetError where there cannot be one.
   */
  readonly engineObject: (name: string, groupUuid: string | undefined) => Promise<string>;
  readonly isConnected: (engineUuid: string) => boolean;
  /** Its certificate is good from now on, and every former one is not. */
  readonly onEnrolled: (engineUuid: string) => void;
  readonly onEvent: (eventId: string, details: Readonly<Record<string, string>>) => void;
}

export interface TokenRequest {
  /** ControllerProperties.secure_channel_se_token_timeout. */
  readonly validMin: number;
  /** ServiceEngineGroup that the engine joins; absent: Default-Group. */
  readonly groupUuid?: string | undefined;
}

export interface Enrolled {
  readonly engineUuid: string;
  readonly certificatePem: string;
  readonly caPem: string;
}

interface WaitingToken {
  readonly expiresAtMs: number;
  readonly groupUuid?: string | undefined;
}

export class Enrolment {
  readonly #services: EnrolmentServices;
  /** By hash. */
  readonly #tokens = new Map<string, WaitingToken>();
  #wrong = { sinceMs: Number.NEGATIVE_INFINITY, told: 0, untold: 0 };

  constructor(services: EnrolmentServices, vault: readonly VaultRecord[]) {
    this.#services = services;
    for (const { kind, id, value } of vault)
      if (kind === RECORD_KIND) this.#tokens.set(id, value as unknown as WaitingToken);
  }

  /** The token, which is shown this once: what is kept is its hash. */
  async createToken({
    validMin,
    groupUuid,
  }: TokenRequest): Promise<{ readonly token: string; readonly expiresAtMs: number }> {
    const { ca, clock, random } = this.#services;
    const edits = this.#forgetExpired();
    if (this.#tokens.size >= TOKENS_MAX)
      throw new LimpetError('ENROLMENT_REFUSED', `${TOKENS_MAX} tokens wait to be used; let some expire`);
    const token = { secret: random.bytes(TOKEN_SECRET_BYTES), caFingerprint: ca.fingerprint };
    const expiresAtMs = clock.unixMs() + validMin * 60_000;
    const id = enrolmentTokenHash(token);
    const value = { expiresAtMs, ...(groupUuid === undefined ? {} : { groupUuid }) };
    await this.#commit('make an enrolment token', [
      ...edits,
      { kind: 'put', record: { kind: RECORD_KIND, id, value } },
    ]);
    this.#tokens.set(id, value);
    return { token: formatEnrolmentToken(token), expiresAtMs };
  }

  /**
   * @param engineName what the engine calls itself; an engine of that name that is not connected is this one, come back without its state.
   * @param address that it asks from, for whoever audits.
   * @throws LimpetError ENROLMENT_REFUSED.
   */
  async enrol(token: string, engineName: string, requestPem: string, address = ''): Promise<Enrolled> {
    const { ca, identities, clock, certificateDays, engineObject, isConnected, onEnrolled, onEvent } =
      this.#services;
    const id = enrolmentTokenHash(parseEnrolmentToken(token));
    const waiting = this.#tokens.get(id);
    // The token is used up by the try: nothing else may be tried with it, whatever comes of this one.
    this.#tokens.delete(id);
    const used: VaultEdit = { kind: 'delete', recordKind: RECORD_KIND, id };
    try {
      // One answer for a wrong, a used and an expired token: it tells nobody what was right about it.
      if (waiting === undefined || waiting.expiresAtMs <= clock.unixMs())
        throw new LimpetError(
          'ENROLMENT_REFUSED',
          'the token is wrong, was used, or has expired; make another',
        );
      if (!/^[A-Za-z0-9 .@+_-]{1,255}$/.test(engineName))
        throw new LimpetError(
          'ENROLMENT_REFUSED',
          'the name of the engine has letters that a name cannot have',
        );
      const engineUuid = await engineObject(engineName, waiting.groupUuid);
      if (isConnected(engineUuid))
        throw new LimpetError(
          'ENROLMENT_REFUSED',
          `an engine "${engineName}" is connected; give this one another name`,
        );
      const certificate = await ca.issueEngine(engineUuid, requestPem, certificateDays);
      await identities.enrol(engineUuid, engineName, certificate, clock.unixMs(), [used]);
      onEnrolled(engineUuid);
      onEvent('SE_ENROLLED', { service_engine: engineUuid, name: engineName, client_ip: address });
      return { engineUuid, certificatePem: certificate.certificatePem, caPem: ca.certificatePem };
    } catch (error) {
      if (waiting !== undefined) await this.#commit('use up an enrolment token', [used]);
      if (waiting !== undefined || this.#mayTellOfWrong())
        onEvent('SE_ENROLMENT_REFUSED', {
          ...{ name: engineName.slice(0, 255), client_ip: address, reason: describe(error) },
          ...(this.#wrong.untold === 0 ? {} : { others_not_told: String(this.#wrong.untold) }),
        });
      throw error;
    }
  }

  /** Else the events of what really happened would be pushed out by those of strangers. */
  #mayTellOfWrong(): boolean {
    const nowMs = this.#services.clock.monotonicMs();
    if (nowMs - this.#wrong.sinceMs >= WRONG_TOLD_WINDOW_MS)
      this.#wrong = { sinceMs: nowMs, told: 0, untold: this.#wrong.untold };
    if (this.#wrong.told >= WRONG_TOLD_MAX) {
      this.#wrong.untold++;
      return false;
    }
    this.#wrong.told++;
    return true;
  }

  #forgetExpired(): readonly VaultEdit[] {
    const nowMs = this.#services.clock.unixMs();
    const expired = [...this.#tokens].filter(([, { expiresAtMs }]) => expiresAtMs <= nowMs).map(([id]) => id);
    for (const id of expired) this.#tokens.delete(id);
    return expired.map((id) => ({ kind: 'delete', recordKind: RECORD_KIND, id }));
  }

  async #commit(summary: string, vault: readonly VaultEdit[]): Promise<void> {
    const atUs = Math.floor(this.#services.clock.unixMs() * 1000);
    await this.#services.store.commit({ atUs, actor: { user: 'system' }, summary, objects: [], vault });
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
