// An object as it is answered and filtered: with its defaults, those references too that an absent one stands for.

import { type ApiType, apiTypeByPath, withDefaults } from '@limpet/model';
import type { ControllerObject, ObjectView } from '../config/object-view.ts';
import type { JsonObject } from '../json.ts';
import { isJsonObject } from './json-body.ts';
import { ADMIN_TENANT, readCanonical, referenceTo } from './object-references.ts';

const CLOUD = ['cloud_ref', 'Cloud', 'Default-Cloud'] as const;

/** By type: field, type and name of the default object that an absent reference stands for; recorded of a real controller. */
const defaultReferences: Readonly<
  Record<string, readonly (readonly [field: string, type: string, name: string])[]>
> = {
  Pool: [CLOUD],
  ServiceEngine: [CLOUD, ['se_group_ref', 'ServiceEngineGroup', 'Default-Group']],
  ServiceEngineGroup: [CLOUD],
  VirtualService: [
    CLOUD,
    ['se_group_ref', 'ServiceEngineGroup', 'Default-Group'],
    ['application_profile_ref', 'ApplicationProfile', 'System-HTTP'],
    ['network_profile_ref', 'NetworkProfile', 'System-TCP-Proxy'],
  ],
  VsVip: [CLOUD],
};

/** Only where something terminates TLS. */
const SSL_PROFILE = ['ssl_profile_ref', 'SSLProfile', 'System-Standard'] as const;

const filled = new WeakMap<ControllerObject, JsonObject>();

/** References are canonical in it; secrets are not in it. */
export function fullBody(type: ApiType, object: ControllerObject, view: ObjectView): JsonObject {
  let body = filled.get(object);
  if (body === undefined) {
    body = withDefaults(type, object.body) as JsonObject;
    // Objects are immutable, so what is made of one stays true.
    filled.set(object, body);
  }
  const full = body;
  const ofType = defaultReferences[type.name] ?? [];
  const ofThis = terminatesTls(type, full) ? [...ofType, SSL_PROFILE] : ofType;
  const absent = ofThis.filter(([field]) => full[field] === undefined);
  if (absent.length === 0) return body;
  const references = absent.flatMap(([field, typeName, name]) => {
    const found = view.find(typeName, ADMIN_TENANT, name);
    return found === undefined ? [] : [[field, referenceTo(typeName.toLowerCase(), found.uuid)]];
  });
  return { ...body, ...Object.fromEntries(references) };
}

function terminatesTls(type: ApiType, { services }: JsonObject): boolean {
  return (
    type.name === 'VirtualService' &&
    Array.isArray(services) &&
    services.some((service) => isJsonObject(service) && service.enable_ssl === true)
  );
}

/** The object that a canonical reference names. */
export function referencedObject(view: ObjectView, reference: string): ControllerObject | undefined {
  const target = readCanonical(reference);
  const type = target === undefined ? undefined : apiTypeByPath(target.path);
  return target === undefined || type === undefined ? undefined : view.get(type.name, target.uuid);
}
