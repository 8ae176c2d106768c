// Which objects a caller sees and may change.

import { type ApiType, isDefaultObject, LimpetError } from '@limpet/model';
import type { ControllerObject, ObjectView } from '../config/object-view.ts';
import type { Caller } from './api-call.ts';
import { mayUseTenant } from './caller.ts';
import { ADMIN_TENANT } from './object-references.ts';

/** Types whose objects serve all tenants. */
const SHARED: ReadonlySet<string> = new Set(['Cloud', 'ServiceEngine', 'ServiceEngineGroup', 'Tenant']);
/** Who is no superuser learns nothing of other users. */
const PRIVATE: ReadonlySet<string> = new Set(['User']);

export function mayRead(caller: Caller, type: ApiType): boolean {
  return caller.user.isSuperuser || !PRIVATE.has(type.name);
}

/** @throws LimpetError FORBIDDEN */
export function refuseForeignType(caller: Caller, type: ApiType, isChange: boolean): void {
  const isInfrastructure = type.singleton || SHARED.has(type.name) || PRIVATE.has(type.name);
  if (!mayRead(caller, type) || (isChange && isInfrastructure && !caller.user.isSuperuser))
    throw new LimpetError('FORBIDDEN', `${type.name} objects are for superusers`);
}

export function isVisible(
  caller: Caller,
  type: ApiType,
  object: ControllerObject,
  view: ObjectView,
): boolean {
  if (type.singleton || SHARED.has(type.name) || PRIVATE.has(type.name)) return true;
  if (object.tenantUuid === ADMIN_TENANT && isDefaultObject(object.type, object.uuid)) return true;
  if (caller.tenant.kind === 'one') return object.tenantUuid === caller.tenant.uuid;
  return mayUseTenant(caller.user, view.get('User', caller.user.uuid), object.tenantUuid);
}

/** @throws LimpetError FORBIDDEN where the object is seen, and is another tenant's. */
export function refuseForeignObject(caller: Caller, type: ApiType, object: ControllerObject): void {
  refuseForeignType(caller, type, true);
  if (caller.user.isSuperuser || object.tenantUuid !== ADMIN_TENANT) return;
  if (homeOf(caller) !== ADMIN_TENANT) throw new LimpetError('FORBIDDEN', 'the object is of tenant admin');
}

/** Where objects that are made belong. */
export function homeOf(caller: Caller): string {
  return caller.tenant.kind === 'one' ? caller.tenant.uuid : caller.tenant.home;
}
