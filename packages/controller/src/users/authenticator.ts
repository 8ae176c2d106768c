// The authenticator's interface: who somebody is that logs in, comes back with a session, or shows a password or token with each request.

/** A User object, as far as the API asks. */
export interface AuthenticatedUser {
  readonly uuid: string;
  readonly name: string;
  readonly isSuperuser: boolean;
}

/** A session, of which the client alone knows the id. */
export interface Session {
  readonly user: AuthenticatedUser;
  /** Whether the request's X-CSRFToken is the one that was given out with the session. Takes the same time whatever is wrong. */
  hasCsrfToken(token: string): boolean;
}

/** Why nobody was let in. What a client reads must not tell which: all are "wrong name or password", but for `busy`. */
export type RefusalReason =
  /** No such user, or not this password or token. */
  | 'credentials'
  /** Too many failures of this user, or from this address. */
  | 'locked'
  /** More wait for their password to be checked than may. */
  | 'busy';

export interface Refusal {
  readonly kind: 'refused';
  readonly reason: RefusalReason;
  /** When it may be tried again, where that is known. */
  readonly retryAfterS?: number;
}

export interface LoggedIn {
  readonly kind: 'logged-in';
  /** For the cookie; only its hash is kept. */
  readonly sessionId: string;
  /** For the cookie `csrftoken`; only its hash is kept. */
  readonly csrfToken: string;
  readonly session: Session;
  /** How long the session may live, whatever its client does; for Max-Age. */
  readonly lifetimeS: number;
}

export interface Known {
  readonly kind: 'known';
  readonly user: AuthenticatedUser;
}

export interface ApiToken {
  /** Names it to list and revoke; says nothing of the token. */
  readonly id: string;
  readonly description: string;
  readonly createdAtS: number;
  readonly expiresAtS: number;
}

/** `address` is the client's, for limits and events. */
export interface Authenticator {
  login(name: string, password: string, address: string): Promise<LoggedIn | Refusal>;
  /** As SDKs log in with `token` in place of `password`. */
  loginByToken(name: string, token: string, address: string): Promise<LoggedIn | Refusal>;
  /** For Authorization: Basic, with every request; whether that is allowed at all is the caller's to ask. */
  basic(name: string, password: string, address: string): Promise<Known | Refusal>;
  /** For Authorization: Token or Bearer. */
  token(token: string, address: string): Known | Refusal;
  /** The session, which is not idle from now on; undefined where it has ended: idle or open for too long, user deleted, password changed. */
  session(sessionId: string): Session | undefined;
  logout(sessionId: string, address: string): void;
  /** After a user changed the password: every other session of the user ends with the old one, this one goes on. */
  keepSession(sessionId: string): void;
  /** @returns undefined where the password is wrong; counts as a failed login. */
  checkPassword(userUuid: string, password: string, address: string): Promise<boolean>;
  /** Its text is given out once and not kept. */
  createToken(
    userUuid: string,
    description: string,
    lifetimeS: number,
  ): Promise<{ readonly token: string; readonly record: ApiToken }>;
  tokensOf(userUuid: string): readonly ApiToken[];
  /** @returns whether it was there. */
  revokeToken(userUuid: string, id: string): Promise<boolean>;
}
