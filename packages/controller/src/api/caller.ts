// Who makes a request, by session, token or password; and which tenant it speaks of.

import { apiTypeByName, LimpetError, withDefaults } from '@limpet/model';
import type { Configuration } from '../config/configuration.ts';
import type { ControllerObject, ObjectView } from '../config/object-view.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import type { AuthenticatedUser, Authenticator, Refusal } from '../users/authenticator.ts';
import type { Caller, TenantScope } from './api-call.ts';
import { headerOf } from './api-call.ts';
import { readCookies } from './cookies.ts';
import { isJsonObject } from './json-body.ts';
import { ADMIN_TENANT, readCanonical } from './object-references.ts';

/** The older name and the newer; both have the same value. */
export const SESSION_COOKIES = ['avi-sessionid', 'sessionid'] as const;
export const CSRF_COOKIE = 'csrftoken';

type Headers = Readonly<Record<string, string | string[] | undefined>>;

const UNSAFE: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/** @throws LimpetError LOGIN_REQUIRED, CSRF_INVALID, FORBIDDEN, OBJECT_NOT_FOUND */
export async function identifyCaller(
  request: { readonly method: string; readonly headers: Headers; readonly address: string },
  authenticator: Authenticator,
  configuration: Configuration,
): Promise<Caller> {
  const { headers } = request;
  const authorization = headerOf(headers, 'authorization');
  const withUser = (user: AuthenticatedUser, sessionId?: string): Caller => ({
    user,
    ...(sessionId === undefined ? {} : { sessionId }),
    tenant: tenantScope(headers, user, configuration.view),
  });
  if (authorization !== undefined) {
    const known = await byAuthorization(authorization, request.address, authenticator, configuration.view);
    if (known.kind === 'refused') throw refusalError(known);
    return withUser(known.user);
  }
  const cookies = readCookies(headerOf(headers, 'cookie'));
  for (const name of SESSION_COOKIES) {
    const sessionId = cookies.get(name);
    const session = sessionId === undefined ? undefined : authenticator.session(sessionId);
    if (session === undefined) continue;
    // Another site can make a browser send cookies; it can neither read them nor set this header.
    if (UNSAFE.has(request.method)) {
      const token = headerOf(headers, 'x-csrftoken') ?? '';
      if (!session.hasCsrfToken(token) || !isOwnReferer(headers)) throw new LimpetError('CSRF_INVALID');
    }
    return withUser(session.user, sessionId);
  }
  throw new LimpetError('LOGIN_REQUIRED');
}

async function byAuthorization(
  authorization: string,
  address: string,
  authenticator: Authenticator,
  view: ObjectView,
) {
  const [scheme = '', credentials = ''] = authorization.split(/ +(.*)/s);
  switch (scheme.toLowerCase()) {
    case 'token':
    case 'bearer':
      return authenticator.token(credentials, address);
    case 'basic': {
      if (portalConfiguration(view).allow_basic_authentication !== true)
        throw new LimpetError('LOGIN_REQUIRED', 'basic authentication is not allowed');
      const text = Buffer.from(credentials, 'base64').toString('utf8');
      const colon = text.indexOf(':');
      if (colon < 1) throw new LimpetError('LOGIN_REQUIRED');
      return authenticator.basic(text.slice(0, colon), text.slice(colon + 1), address);
    }
    default:
      throw new LimpetError('LOGIN_REQUIRED');
  }
}

/** What a client reads does not tell a name that is not there from a wrong password or too many of them. */
export function refusalError(refusal: Refusal): LimpetError {
  return new LimpetError(refusal.reason === 'busy' ? 'LOGIN_BUSY' : 'LOGIN_FAILED');
}

/** SDKs send the address that they speak to; a browser on another site sends that one's. */
export function isOwnReferer(headers: Headers): boolean {
  const host = headerOf(headers, 'host')?.toLowerCase();
  return ['origin', 'referer'].every((name) => {
    const text = headerOf(headers, name);
    if (text === undefined || text === '') return true;
    const url = URL.parse(text);
    return url !== null && host !== undefined && hostOf(url.host) === hostOf(host);
  });
}

/** The Go SDK leaves out a port that the Host field has. */
function hostOf(host: string): string {
  return host.toLowerCase().replace(/:\d+$/, '');
}

export function portalConfiguration(view: ObjectView): JsonObject {
  const type = apiTypeByName('SystemConfiguration');
  const object = view.list('SystemConfiguration')[0];
  if (type === undefined || object === undefined) return {};
  const portal = withDefaults(type, { portal_configuration: {}, ...object.body }).portal_configuration;
  return isJsonObject(portal) ? portal : {};
}

/** X-Avi-Tenant names a tenant, X-Avi-Tenant-UUID gives its uuid; without them it is the user's own. */
function tenantScope(headers: Headers, user: AuthenticatedUser, view: ObjectView): TenantScope {
  const name = headerOf(headers, 'x-avi-tenant');
  const uuid = headerOf(headers, 'x-avi-tenant-uuid');
  const account = view.get('User', user.uuid);
  const home = homeTenant(account);
  if (name === '*' || uuid === '*') return { kind: 'all', home };
  if (!name && !uuid) {
    if (!mayUseTenant(user, account, home))
      throw new LimpetError('FORBIDDEN', 'the user has access to no tenant');
    return { kind: 'one', uuid: home };
  }
  const tenant = uuid ? view.get('Tenant', uuid) : view.find('Tenant', ADMIN_TENANT, name as string);
  if (tenant === undefined) throw new LimpetError('OBJECT_NOT_FOUND', 'Tenant object not found!');
  if (!mayUseTenant(user, account, tenant.uuid))
    throw new LimpetError('FORBIDDEN', `nothing in tenant ${tenant.name}`);
  return { kind: 'one', uuid: tenant.uuid };
}

/** The default tenant, else the first that the user has access to. A user without either speaks of admin, and may do nothing there. */
export function homeTenant(account: ControllerObject | undefined): string {
  const { default_tenant_ref, access } = account?.body ?? {};
  const ofAccess = Array.isArray(access)
    ? access.filter(isJsonObject).map(({ tenant_ref }) => tenant_ref)
    : [];
  return (
    [default_tenant_ref, ...ofAccess].map(tenantOfReference).find((uuid) => uuid !== undefined) ??
    ADMIN_TENANT
  );
}

function tenantOfReference(reference: JsonValue): string | undefined {
  return typeof reference === 'string' ? readCanonical(reference)?.uuid : undefined;
}

export function mayUseTenant(
  user: AuthenticatedUser,
  account: ControllerObject | undefined,
  tenantUuid: string,
): boolean {
  if (user.isSuperuser) return true;
  const { default_tenant_ref, access } = account?.body ?? {};
  if (tenantOfReference(default_tenant_ref) === tenantUuid) return true;
  if (!Array.isArray(access)) return false;
  return access.some(
    (one) =>
      isJsonObject(one) && (one.all_tenants === true || tenantOfReference(one.tenant_ref) === tenantUuid),
  );
}
