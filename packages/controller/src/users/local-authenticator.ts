// The authenticator for users whose passwords the Controller itself keeps.

import { createHmac } from 'node:crypto';
import type { ControllerObject, ObjectView } from '../config/object-view.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import type { Clock } from '../lifecycle/clock.ts';
import type { RandomSource } from '../lifecycle/random.ts';
import type { ObjectStore, StoredEvent, VaultRecord } from '../store/object-store.ts';
import { ApiTokens } from './api-tokens.ts';
import type {
  ApiToken,
  AuthenticatedUser,
  Authenticator,
  Known,
  LoggedIn,
  Refusal,
  Session,
} from './authenticator.ts';
import { LoginLimits } from './login-limits.ts';
import { hashPassword, verifyPassword } from './password.ts';
import { hasCsrfToken, Sessions, type SessionTimes } from './sessions.ts';

/** Of 32 MiB and some tenths of a second each, in a pool of four threads that also reads files. */
const CHECKS_AT_ONCE_MAX = 2;
const CHECKS_WAITING_MAX = 32;
/** Passwords that came with a request and were right need no second look for so long. */
const REMEMBERED_MS = 60_000;
const REMEMBERED_MAX = 1000;

export interface LocalAuthenticatorServices {
  /** The newest view. */
  view(): ObjectView;
  readonly store: Pick<ObjectStore, 'commit'>;
  /** As read at start; the tokens are among it. */
  readonly vault: readonly VaultRecord[];
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Of logins, refusals and locks, for the event log. */
  onEvent(event: StoredEvent): void;
}

export class LocalAuthenticator implements Authenticator {
  readonly #services: LocalAuthenticatorServices;
  readonly #limits: LoginLimits;
  /** Tokens cannot be found by trying: only what is told of wrong ones is limited, so that a script with an old one locks nobody out. */
  readonly #tokenLimits: LoginLimits;
  readonly #sessions: Sessions;
  readonly #tokens: ApiTokens;
  readonly #rememberKey: Buffer;
  readonly #remembered = new Map<string, { readonly credential: string; readonly untilMs: number }>();
  /** So that a name that is not there takes as long as one that is. */
  #nobody: Promise<string> | undefined;
  #checks = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(services: LocalAuthenticatorServices) {
    const { store, vault, clock, random } = services;
    this.#services = services;
    this.#limits = new LoginLimits(clock);
    this.#tokenLimits = new LoginLimits(clock);
    this.#sessions = new Sessions(clock, random);
    this.#tokens = new ApiTokens(store, vault, clock, random);
    this.#rememberKey = random.bytes(32);
  }

  async login(name: string, password: string, address: string): Promise<LoggedIn | Refusal> {
    const checked = await this.#check(this.#accountNamed(name), name, password, address);
    return checked.kind === 'refused' ? checked : this.#logIn(checked.account, address);
  }

  async loginByToken(name: string, token: string, address: string): Promise<LoggedIn | Refusal> {
    const known = this.#byToken(token, address, name);
    return known.kind === 'refused' ? known : this.#logIn(known.account, address);
  }

  async basic(name: string, password: string, address: string): Promise<Known | Refusal> {
    const account = this.#accountNamed(name);
    const nowMs = this.#services.clock.monotonicMs();
    const key = createHmac('sha256', this.#rememberKey)
      .update(JSON.stringify([name, password]))
      .digest('base64');
    const remembered = this.#remembered.get(key);
    if (
      account !== undefined &&
      remembered?.credential === credentialOf(account) &&
      nowMs < remembered.untilMs
    )
      return { kind: 'known', user: userOf(account) };
    this.#remembered.delete(key);
    const checked = await this.#check(account, name, password, address);
    if (checked.kind === 'refused') return checked;
    const untilMs = nowMs + REMEMBERED_MS;
    this.#remembered.set(key, { credential: credentialOf(checked.account), untilMs });
    if (this.#remembered.size > REMEMBERED_MAX)
      for (const oldest of this.#remembered.keys()) if (this.#remembered.delete(oldest)) break;
    return { kind: 'known', user: userOf(checked.account) };
  }

  token(token: string, address: string): Known | Refusal {
    const known = this.#byToken(token, address);
    return known.kind === 'refused' ? known : { kind: 'known', user: userOf(known.account) };
  }

  session(sessionId: string): Session | undefined {
    const open = this.#sessions.use(sessionId, this.#times());
    if (open === undefined) return undefined;
    const account = activeAccount(this.#services.view().get('User', open.userUuid));
    if (account === undefined || credentialOf(account) !== open.credential) {
      this.#sessions.end(sessionId);
      return undefined;
    }
    return { user: userOf(account), hasCsrfToken: (token) => hasCsrfToken(open, token) };
  }

  logout(sessionId: string, address: string): void {
    const ended = this.#sessions.end(sessionId);
    if (ended === undefined) return;
    const account = this.#services.view().get('User', ended.userUuid);
    this.#tell('USER_LOGOUT', {
      user: account === undefined ? ended.userUuid : loginName(account),
      client_ip: address,
    });
  }

  keepSession(sessionId: string): void {
    const open = this.#sessions.use(sessionId, this.#times());
    const account = open === undefined ? undefined : this.#services.view().get('User', open.userUuid);
    if (open !== undefined && account !== undefined) open.credential = credentialOf(account);
  }

  async checkPassword(userUuid: string, password: string, address: string): Promise<boolean> {
    const account = activeAccount(this.#services.view().get('User', userUuid));
    if (account === undefined) return false;
    return (await this.#check(account, loginName(account), password, address)).kind === 'right';
  }

  createToken(
    userUuid: string,
    description: string,
    lifetimeS: number,
  ): Promise<{ readonly token: string; readonly record: ApiToken }> {
    return this.#tokens.create(userUuid, description, lifetimeS);
  }

  tokensOf(userUuid: string): readonly ApiToken[] {
    return this.#tokens.of(userUuid);
  }

  revokeToken(userUuid: string, id: string): Promise<boolean> {
    return this.#tokens.revoke(userUuid, id);
  }

  #logIn(account: ControllerObject, address: string): LoggedIn {
    const { id, csrfToken, session } = this.#sessions.open(account.uuid, credentialOf(account));
    this.#tell('USER_LOGIN', { user: loginName(account), client_ip: address });
    return {
      kind: 'logged-in',
      sessionId: id,
      csrfToken,
      session: { user: userOf(account), hasCsrfToken: (token) => hasCsrfToken(session, token) },
      lifetimeS: this.#times().lifetimeMs / 1000,
    };
  }

  async #check(
    account: ControllerObject | undefined,
    name: string,
    password: string,
    address: string,
  ): Promise<{ readonly kind: 'right'; readonly account: ControllerObject } | Refusal> {
    const lockedMs = this.#limits.lockedMs(account?.uuid, address);
    if (lockedMs > 0) return { kind: 'refused', reason: 'locked', retryAfterS: Math.ceil(lockedMs / 1000) };
    if (!(await this.#takeTurn())) return { kind: 'refused', reason: 'busy', retryAfterS: 1 };
    let right: boolean;
    try {
      // Others may have failed while this one waited.
      if (this.#limits.lockedMs(account?.uuid, address) > 0) return { kind: 'refused', reason: 'locked' };
      this.#nobody ??= hashPassword(this.#services.random.uuid(), this.#services.random);
      const kept = account === undefined ? await this.#nobody : credentialOf(account);
      right = await verifyPassword(password, kept);
    } finally {
      this.#giveTurn();
    }
    // Deleted or changed while it was checked.
    const now =
      account === undefined ? undefined : activeAccount(this.#services.view().get('User', account.uuid));
    if (right && now !== undefined && account !== undefined && credentialOf(now) === credentialOf(account)) {
      this.#limits.succeeded(now.uuid, address);
      return { kind: 'right', account: now };
    }
    this.#fail(this.#limits, account?.uuid, name, address);
    return { kind: 'refused', reason: 'credentials' };
  }

  #byToken(
    token: string,
    address: string,
    name?: string,
  ): { readonly kind: 'right'; readonly account: ControllerObject } | Refusal {
    const userUuid = this.#tokens.userOf(token);
    const account =
      userUuid === undefined ? undefined : activeAccount(this.#services.view().get('User', userUuid));
    if (account === undefined || (name !== undefined && loginName(account) !== name)) {
      if (this.#tokenLimits.lockedMs(undefined, address) === 0)
        this.#fail(this.#tokenLimits, undefined, '', address);
      return { kind: 'refused', reason: 'credentials' };
    }
    return { kind: 'right', account };
  }

  #fail(limits: LoginLimits, userUuid: string | undefined, name: string, address: string): void {
    const locked = limits.failed(userUuid, address);
    // A name that is not there may be a password in the wrong field.
    const user = userUuid === undefined ? '' : name;
    this.#tell('USER_LOGIN_FAILURE', { user, client_ip: address });
    if (locked !== undefined) this.#tell('USER_LOCKED', { user, client_ip: address, locked });
  }

  /** False where as many wait as may. */
  async #takeTurn(): Promise<boolean> {
    if (this.#checks < CHECKS_AT_ONCE_MAX) {
      this.#checks++;
      return true;
    }
    if (this.#waiting.length >= CHECKS_WAITING_MAX) return false;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return true;
  }

  #giveTurn(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#checks--;
    else next();
  }

  #accountNamed(name: string): ControllerObject | undefined {
    return activeAccount(
      this.#services
        .view()
        .list('User')
        .find((user) => loginName(user) === name),
    );
  }

  #times(): SessionTimes {
    const view = this.#services.view();
    const idleMin = numberOf(view.list('ControllerProperties')[0]?.body.api_idle_timeout, 15);
    const portal = view.list('SystemConfiguration')[0]?.body.portal_configuration as JsonObject | undefined;
    const lifetimeH = numberOf(portal?.api_force_timeout, 24);
    return { idleMs: idleMin === 0 ? undefined : idleMin * 60_000, lifetimeMs: lifetimeH * 3_600_000 };
  }

  #tell(eventId: string, details: JsonObject): void {
    this.#services.onEvent({ atUs: this.#services.clock.unixMs() * 1000, eventId, details });
  }
}

function activeAccount(account: ControllerObject | undefined): ControllerObject | undefined {
  return account?.body.is_active === false ? undefined : account;
}

function loginName({ body, name }: ControllerObject): string {
  return typeof body.username === 'string' ? body.username : name;
}

function userOf(account: ControllerObject): AuthenticatedUser {
  return {
    uuid: account.uuid,
    name: loginName(account),
    isSuperuser: account.body.is_superuser === true,
  };
}

/** Empty for a user without a password, which verifies nothing. */
function credentialOf({ secrets }: ControllerObject): string {
  return secrets.get('password') ?? '';
}

function numberOf(value: JsonValue, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}
