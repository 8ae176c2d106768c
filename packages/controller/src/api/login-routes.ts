// Login and logout, as the SDKs of Avi do them.

import { apiTypeByName, LimpetError } from '@limpet/model';
import type { ObjectView } from '../config/object-view.ts';
import type { JsonObject } from '../json.ts';
import type { AuthenticatedUser } from '../users/authenticator.ts';
import { type ApiAnswer, type ApiCall, bodyOf, headerOf, ok } from './api-call.ts';
import type { ApiServices } from './api-services.ts';
import {
  CSRF_COOKIE,
  homeTenant,
  isOwnReferer,
  mayUseTenant,
  refusalError,
  SESSION_COOKIES,
} from './caller.ts';
import { readCookies, setCookie } from './cookies.ts';
import { answerObject } from './object-answer.ts';
import { versionDetails } from './public-routes.ts';

const YEAR_S = 365 * 86_400;

export class LoginRoutes {
  readonly #services: ApiServices;

  constructor(services: ApiServices) {
    this.#services = services;
  }

  async login(call: ApiCall): Promise<ApiAnswer> {
    // A form on another site could log a browser in as somebody else, who then reads what is given to the Controller in that session.
    if (!isOwnReferer(call.headers)) throw new LimpetError('CSRF_INVALID');
    const { username, password, token } = bodyOf(call);
    if (typeof username !== 'string' || (typeof password !== 'string' && typeof token !== 'string'))
      throw new LimpetError('LOGIN_FAILED');
    const { authenticator } = this.#services;
    const result =
      typeof password === 'string'
        ? await authenticator.login(username, password, call.address)
        : await authenticator.loginByToken(username, token as string, call.address);
    if (result.kind === 'refused') throw refusalError(result);
    const cookies = [
      setCookie(CSRF_COOKIE, result.csrfToken, { maxAgeS: YEAR_S, httpOnly: false }),
      ...sessionCookies(result.sessionId, result.lifetimeS),
    ];
    return ok(loginBody(this.#services, result.session.user, call), { 'set-cookie': cookies });
  }

  /** A request without a session has nothing to end, and gets the same answer. */
  logout(call: ApiCall): ApiAnswer {
    const cookies = readCookies(headerOf(call.headers, 'cookie'));
    for (const name of SESSION_COOKIES) {
      const sessionId = cookies.get(name);
      const session = sessionId === undefined ? undefined : this.#services.authenticator.session(sessionId);
      if (sessionId === undefined || session === undefined) continue;
      if (!session.hasCsrfToken(headerOf(call.headers, 'x-csrftoken') ?? ''))
        throw new LimpetError('CSRF_INVALID');
      this.#services.authenticator.logout(sessionId, call.address);
    }
    return ok({}, { 'set-cookie': [...sessionCookies('', 0)] });
  }
}

export function sessionCookies(sessionId: string, lifetimeS: number): string[] {
  return SESSION_COOKIES.map((name) => setCookie(name, sessionId, { maxAgeS: lifetimeS, httpOnly: true }));
}

function loginBody(services: ApiServices, user: AuthenticatedUser, call: ApiCall): JsonObject {
  const { view } = services.configuration;
  const account = view.get('User', user.uuid);
  const tenants = view.list('Tenant').filter((tenant) => mayUseTenant(user, account, tenant.uuid));
  return {
    user_initialized: true,
    version: versionDetails(services.productVersion),
    user: {
      username: user.name,
      name: account?.body.name ?? user.name,
      full_name: account?.body.full_name ?? '',
      email: account?.body.email ?? '',
      is_superuser: user.isSuperuser,
      local: true,
      uuid: user.uuid,
      default_tenant_ref: `${call.origin}/api/tenant/${homeTenant(account)}`,
      ui_property: '',
    },
    tenants: tenants.map((tenant) => ({
      url: `${call.origin}/api/tenant/${tenant.uuid}`,
      uuid: tenant.uuid,
      name: tenant.name,
      local: true,
    })),
    system_config: singleton(view, 'SystemConfiguration', call),
    controller: { api_idle_timeout: idleTimeout(view, call) },
    session_cookie_name: SESSION_COOKIES[0],
  };
}

function singleton(view: ObjectView, name: string, call: ApiCall): JsonObject {
  const object = view.list(name)[0];
  const type = apiTypeByName(name);
  if (object === undefined || type === undefined) return {};
  return answerObject(type, object, {
    view,
    origin: call.origin,
    version: call.version,
    nowS: call.nowS,
    includeName: false,
    skipDefault: false,
    joinRuntime: false,
  });
}

function idleTimeout(view: ObjectView, call: ApiCall): JsonObject[string] {
  return singleton(view, 'ControllerProperties', call).api_idle_timeout ?? 15;
}
