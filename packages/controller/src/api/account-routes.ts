// A user's own account: what it is, its password, and its tokens.

import { type ApiType, apiTypeByName, LimpetError } from '@limpet/model';
import type { ControllerObject } from '../config/object-view.ts';
import type { JsonObject } from '../json.ts';
import { type ApiAnswer, type ApiCall, bodyOf, type Caller, ok } from './api-call.ts';
import type { ApiServices } from './api-services.ts';
import { refuseDryRun } from './collection-query.ts';
import { answerObject } from './object-answer.ts';
import { hashNewPassword } from './user-password.ts';

const HOURS_DEFAULT = 24;
const HOURS_MAX = 8760;

/** What users may change of their own account. */
const OWN_FIELDS = ['full_name', 'email'] as const;

export class AccountRoutes {
  readonly #services: ApiServices;

  constructor(services: ApiServices) {
    this.#services = services;
  }

  read(call: ApiCall, caller: Caller): ApiAnswer {
    return ok(this.#answer(call, this.#account(caller)));
  }

  /** With `old_password` and `password`, a new one; every other session of the user ends. */
  async change(call: ApiCall, caller: Caller): Promise<ApiAnswer> {
    refuseDryRun(call.query);
    const { authenticator, configuration } = this.#services;
    const body = bodyOf(call);
    const { password, old_password } = body;
    const account = this.#account(caller);
    let hash: string | undefined;
    if (password !== undefined) {
      if (typeof password !== 'string' || typeof old_password !== 'string')
        throw new LimpetError('JSON_MALFORMED', 'old_password and password must be strings');
      if (!(await authenticator.checkPassword(caller.user.uuid, old_password, call.address)))
        throw new LimpetError('FORBIDDEN', 'old_password is wrong');
      hash = await hashNewPassword(password, caller.user.name, this.#services);
    }
    const outcome = await configuration.change({
      actor: { user: caller.user.name, address: call.address },
      summary: `${call.method} ${call.path}`,
      edit: (view) => {
        const before = view.get('User', account.uuid);
        if (before === undefined) throw new LimpetError('OBJECT_NOT_FOUND', 'User object not found!');
        const own = OWN_FIELDS.filter((field) => Object.hasOwn(body, field)).map((field) => [
          field,
          body[field],
        ]);
        const secrets = new Map(before.secrets);
        if (hash !== undefined) secrets.set('password', hash);
        const { lastModifiedUs: _, ...object } = before;
        return [
          {
            kind: 'put',
            object: { ...object, body: { ...object.body, ...Object.fromEntries(own) }, secrets },
          },
        ];
      },
    });
    if (hash !== undefined && caller.sessionId !== undefined) authenticator.keepSession(caller.sessionId);
    return ok(this.#answer(call, outcome.view.get('User', account.uuid) as ControllerObject));
  }

  /** Avi's: `hours` that it is good for. The token is in this answer and nowhere else. */
  async createToken(call: ApiCall, caller: Caller): Promise<ApiAnswer> {
    refuseDryRun(call.query);
    const { hours = HOURS_DEFAULT, description = '' } = call.body === undefined ? {} : bodyOf(call);
    const count = Number(hours);
    if (!(count > 0 && count <= HOURS_MAX))
      throw new LimpetError('QUERY_INVALID', `hours must be a number up to ${HOURS_MAX}`);
    const { token, record } = await this.#services.authenticator.createToken(
      caller.user.uuid,
      String(description).slice(0, 255),
      Math.ceil(count * 3600),
    );
    this.#tell('API_TOKEN_CREATED', record.id, call, caller);
    return { status: 201, body: { ...describeToken(record), token, username: caller.user.name } };
  }

  tokens(_: ApiCall, caller: Caller): ApiAnswer {
    const tokens = this.#services.authenticator.tokensOf(caller.user.uuid).map(describeToken);
    return ok({ count: tokens.length, results: tokens });
  }

  async revokeToken(call: ApiCall, caller: Caller): Promise<ApiAnswer> {
    refuseDryRun(call.query);
    const wasThere = await this.#services.authenticator.revokeToken(caller.user.uuid, call.params.id ?? '');
    if (!wasThere) throw new LimpetError('OBJECT_NOT_FOUND', 'AuthToken object not found!');
    this.#tell('API_TOKEN_REVOKED', call.params.id ?? '', call, caller);
    return { status: 204 };
  }

  #tell(eventId: string, token: string, call: ApiCall, caller: Caller): void {
    this.#services.recordEvent(eventId, { token, user: caller.user.name, client_ip: call.address });
  }

  #account(caller: Caller): ControllerObject {
    const account = this.#services.configuration.view.get('User', caller.user.uuid);
    if (account === undefined) throw new LimpetError('OBJECT_NOT_FOUND', 'User object not found!');
    return account;
  }

  #answer(call: ApiCall, account: ControllerObject): JsonObject {
    return answerObject(apiTypeByName('User') as ApiType, account, {
      view: this.#services.configuration.view,
      origin: call.origin,
      version: call.version,
      nowS: call.nowS,
      includeName: false,
      skipDefault: false,
      joinRuntime: false,
    });
  }
}

function describeToken(record: {
  readonly id: string;
  readonly description: string;
  readonly createdAtS: number;
  readonly expiresAtS: number;
}): JsonObject {
  return {
    uuid: record.id,
    description: record.description,
    created_at: new Date(record.createdAtS * 1000).toISOString(),
    expires_at: new Date(record.expiresAtS * 1000).toISOString(),
  };
}
