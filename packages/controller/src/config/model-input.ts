// A view as the model takes a configuration: arrays of objects by type, each the same object from view to view while it is not changed.

import { defaultUuid, frozenInput, objectSchemas } from '@limpet/model';
import { referenceTo } from './object-references.ts';
import type { ControllerObject, ObjectView } from './object-view.ts';

export type ModelInput = Readonly<Record<string, readonly object[]>>;

const TYPES = Object.keys(objectSchemas);

const kept = new WeakMap<ControllerObject, object>();

export function modelInput(view: ObjectView): ModelInput {
  return Object.fromEntries(TYPES.map((type) => [type, view.list(type).map(rawOf)]));
}

function rawOf(object: ControllerObject): object {
  const known = kept.get(object);
  if (known !== undefined) return known;
  const { uuid, name, tenantUuid, body } = object;
  const raw = frozenInput({
    ...unsaidReferences(object),
    ...body,
    ...keyOf(object),
    name,
    uuid,
    tenant_ref: referenceTo('Tenant', tenantUuid),
  });
  kept.set(object, raw);
  return raw;
}

const APPLICATION_PROFILE = referenceTo(
  'ApplicationProfile',
  defaultUuid('ApplicationProfile', 'System-HTTP'),
);
const SSL_PROFILE = referenceTo('SSLProfile', defaultUuid('SSLProfile', 'System-Standard'));

/** By uuid: another tenant may have an object by the name that the model would look for. */
function unsaidReferences({ type, body }: ControllerObject): Readonly<Record<string, string>> {
  if (type !== 'VirtualService') return {};
  // A child's is its parent's, and one of its own would be noticed.
  const isChild = body.type === 'VS_TYPE_VH_CHILD';
  return {
    application_profile_ref: APPLICATION_PROFILE,
    ...(isChild ? {} : { ssl_profile_ref: SSL_PROFILE }),
  };
}

/** The model has no use for any other secret. */
function keyOf({ type, secrets }: ControllerObject): Readonly<Record<string, string>> {
  return type === 'SSLKeyAndCertificate' ? Object.fromEntries(secrets) : {};
}
