// The password of a user in a request: held to what the system asks of one, and hashed before anything else sees it.

import { type ApiType, LimpetError } from '@limpet/model';
import type { JsonObject, JsonValue } from '../json.ts';
import { hashPassword } from '../users/password.ts';
import type { ApiServices } from './api-services.ts';
import { portalConfiguration } from './caller.ts';
import { isJsonObject } from './json-body.ts';
import { SENSITIVE } from './object-answer.ts';

type Services = Pick<ApiServices, 'configuration' | 'random'>;

/** The body with a hash for its password, also where a patch has it. */
export async function withHashedPassword(
  type: ApiType,
  body: JsonObject,
  services: Services,
): Promise<JsonObject> {
  if (type.name !== 'User') return body;
  const result: Record<string, JsonObject[string]> = { ...body };
  if (typeof body.password === 'string' && body.password !== SENSITIVE)
    result.password = await hashNewPassword(
      body.password,
      String(body.username ?? body.name ?? ''),
      services,
    );
  for (const operation of ['add', 'replace']) {
    const fields = body[operation];
    if (isJsonObject(fields)) result[operation] = await withHashedPassword(type, fields, services);
  }
  if (Array.isArray(body.json_patch) && body.json_patch.some(mayReachPassword))
    throw new LimpetError('PATCH_INVALID', 'a password is changed by replace');
  return result;
}

/** A pointer to the whole object reaches everything in it. */
function mayReachPassword(operation: JsonValue): boolean {
  if (!isJsonObject(operation)) return false;
  return [operation.path, operation.from].some(
    (pointer) => typeof pointer === 'string' && (pointer === '' || pointer.startsWith('/password')),
  );
}

/** @throws LimpetError CONFIG_INVALID where it is too weak. */
export async function hashNewPassword(
  password: string,
  userName: string,
  services: Services,
): Promise<string> {
  const portal = portalConfiguration(services.configuration.view);
  const minimum = typeof portal.minimum_password_length === 'number' ? portal.minimum_password_length : 8;
  const problem =
    password.length < minimum || password.length > 1024
      ? `must have ${minimum} to 1024 characters`
      : portal.password_strength_check === true && kindsOf(password) < 3
        ? 'must have three of: small letters, capital letters, digits, others'
        : undefined;
  if (problem !== undefined)
    throw new LimpetError('CONFIG_INVALID', undefined, {
      problems: [{ objectType: 'User', objectName: userName, field: 'password', message: problem }],
    });
  return hashPassword(password, services.random);
}

function kindsOf(password: string): number {
  return [/[a-z]/, /[A-Z]/, /[0-9]/, /[^A-Za-z0-9]/].filter((kind) => kind.test(password)).length;
}
