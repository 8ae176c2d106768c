// What a request wants of an object, as edits of the configuration: created, replaced, patched, deleted.

import { type ApiType, isDefaultObject, LimpetError, withDefaults, withoutDefaults } from '@limpet/model';
import type { ObjectEdit } from '../config/configuration.ts';
import type { ControllerObject, ObjectView } from '../config/object-view.ts';
import type { JsonObject } from '../json.ts';
import { refuseNewerFields, withNewerFields } from './api-version.ts';
import { nameOf, pathOfType, readGivenBody } from './given-body.ts';
import { asJsonObject } from './json-body.ts';
import { placeAt } from './json-paths.ts';
import { SENSITIVE } from './object-answer.ts';
import {
  ADMIN_TENANT,
  canonicalReferences,
  type ObjectLookup,
  readCanonical,
  referenceTo,
} from './object-references.ts';
import { applyPatch } from './patch-body.ts';

type PutObject = Extract<ObjectEdit, { kind: 'put' }>['object'];

export interface EditContext {
  /** Of the request: where new objects belong and names are looked up first. */
  readonly tenantUuid: string;
  readonly version: string;
  newUuid(type: ApiType): string;
  /** Called with fields that the answer has to name. */
  onPassedOver(fields: {
    readonly unknown: readonly string[];
    readonly withoutEffect: readonly string[];
  }): void;
}

/** The view with what a request has made of it so far; the macro's objects refer to each other. */
export class PendingView implements ObjectLookup {
  readonly #view: ObjectView;
  readonly #put = new Map<string, PutObject>();

  constructor(view: ObjectView) {
    this.#view = view;
  }

  get(type: string, uuid: string): ControllerObject | undefined {
    const pending = this.#put.get(`${type} ${uuid}`);
    return pending === undefined ? this.#view.get(type, uuid) : { ...pending, lastModifiedUs: 0 };
  }

  find(type: string, tenantUuid: string, name: string): ControllerObject | undefined {
    for (const object of this.#put.values())
      if (object.type === type && object.tenantUuid === tenantUuid && object.name === name)
        return { ...object, lastModifiedUs: 0 };
    const found = this.#view.find(type, tenantUuid, name);
    // It may have another name by now.
    return found !== undefined && this.#put.has(`${type} ${found.uuid}`) ? undefined : found;
  }

  put(object: PutObject): ObjectEdit {
    this.#put.set(`${object.type} ${object.uuid}`, object);
    return { kind: 'put', object };
  }
}

/** @param slug the uuid that the client wants. */
export function createObject(
  pending: PendingView,
  type: ApiType,
  given: JsonObject,
  context: EditContext,
  slug?: string,
): PutObject {
  if (type.singleton) throw new LimpetError('METHOD_NOT_ALLOWED', "Method 'POST' not allowed.");
  if (slug !== undefined && !/^[A-Za-z0-9._-]{1,255}$/.test(slug))
    throw new LimpetError('QUERY_INVALID', 'the Slug header must be a uuid');
  refuseNewerFields(type, given, context.version);
  const tenantUuid = tenantOf(pending, type, given, context.tenantUuid);
  const read = readGivenBody(type, given, tenantUuid, pending, undefined);
  context.onPassedOver(read);
  const uuid = slug ?? context.newUuid(type);
  if (slug !== undefined && pending.get(type.name, slug) !== undefined)
    throw new LimpetError('NAME_TAKEN', `${type.name} object with uuid ${slug} already exists!`);
  const object = {
    type: type.name,
    uuid,
    tenantUuid,
    name: objectName(type, read.body),
    body: withTenant(type, read.body, tenantUuid),
    secrets: read.secrets,
  };
  refuseTakenName(pending, type, object);
  pending.put(object);
  return object;
}

export interface Expected {
  /** Of If-Match: the ETags of which the object must have one. */
  readonly ifMatch?: readonly string[];
}

export function replaceObject(
  pending: PendingView,
  type: ApiType,
  before: ControllerObject,
  given: JsonObject,
  context: EditContext,
  expected: Expected = {},
): PutObject {
  refuseStale(before, given, expected);
  refuseNewerFields(type, given, context.version);
  const whole = withNewerFields(type, given, before.body, context.version, type.listKeys);
  return putChanged(pending, type, before, whole, context);
}

export function patchObject(
  pending: PendingView,
  type: ApiType,
  before: ControllerObject,
  patch: JsonObject,
  context: EditContext,
  expected: Expected = {},
): PutObject {
  refuseStale(before, {}, expected);
  // References in the patch are made canonical first: an element of a list is the same one in whatever form it is written.
  const canonical = Object.fromEntries(
    Object.entries(patch).map(([operation, fields]) =>
      operation === 'json_patch'
        ? [operation, fields]
        : [
            operation,
            canonicalReferences(
              type,
              asJsonObject(fields, operation),
              before.tenantUuid,
              pending,
              pathOfType,
            ),
          ],
    ),
  );
  for (const [operation, fields] of Object.entries(canonical))
    if (operation === 'add' || operation === 'replace')
      refuseNewerFields(type, fields as JsonObject, context.version);
  // The pointers of a JSON patch are into what the client has seen: with defaults.
  const isByPointer = Object.hasOwn(patch, 'json_patch');
  let shown = isByPointer ? (withDefaults(type, before.body) as JsonObject) : before.body;
  for (const place of before.secrets.keys()) shown = placeAt(shown, place, SENSITIVE);
  const patched = applyPatch(shown, canonical, type.listKeys);
  const whole = isByPointer ? (withoutDefaults(type, patched) as JsonObject) : patched;
  return putChanged(pending, type, before, whole, context);
}

function putChanged(
  pending: PendingView,
  type: ApiType,
  before: ControllerObject,
  whole: JsonObject,
  context: EditContext,
): PutObject {
  const tenantUuid = tenantOf(pending, type, whole, before.tenantUuid);
  if (tenantUuid !== before.tenantUuid)
    throw new LimpetError('CONFIG_INVALID', undefined, {
      problems: [
        { objectType: type.name, objectName: before.name, field: 'tenant_ref', message: 'cannot be changed' },
      ],
    });
  const read = readGivenBody(type, whole, tenantUuid, pending, before);
  context.onPassedOver(read);
  const object = {
    type: type.name,
    uuid: before.uuid,
    tenantUuid,
    name: type.singleton ? before.name : objectName(type, read.body),
    body: withTenant(type, read.body, tenantUuid),
    secrets: read.secrets,
  };
  if (object.name !== before.name) refuseTakenName(pending, type, object);
  pending.put(object);
  return object;
}

export function deleteObject(
  view: ObjectView,
  type: ApiType,
  before: ControllerObject,
  expected: Expected = {},
): ObjectEdit {
  refuseStale(before, {}, expected);
  if (isDefaultObject(type.name, before.uuid)) throw new LimpetError('SYSTEM_OBJECT');
  const referrers = view.referrers(type.name, before.uuid).filter((one) => one.uuid !== before.uuid);
  if (referrers.length > 0) {
    const names = referrers.map((one) => `'${one.type} ${one.name}'`);
    throw new LimpetError('OBJECT_REFERRED', `Cannot delete, object is referred by: [${names.join(', ')}]`, {
      problems: [
        { objectType: type.name, objectName: before.name, field: '', message: 'others refer to it' },
      ],
    });
  }
  return { kind: 'delete', type: type.name, uuid: before.uuid };
}

export function entityTag(object: { readonly lastModifiedUs: number }): string {
  return `"${object.lastModifiedUs}"`;
}

/** `_last_modified` is what a client read; where it has changed since, the client has not seen what it would overwrite. */
function refuseStale(before: ControllerObject, given: JsonObject, { ifMatch }: Expected): void {
  const seen = given._last_modified;
  const isStale =
    seen !== undefined && seen !== null && seen !== '' && String(seen) !== String(before.lastModifiedUs);
  const matches = ifMatch === undefined || ifMatch.includes('*') || ifMatch.includes(entityTag(before));
  if (isStale || !matches)
    throw new LimpetError('CONCURRENT_UPDATE', undefined, {
      problems: [
        { objectType: before.type, objectName: before.name, field: '_last_modified', message: 'was changed' },
      ],
    });
}

function refuseTakenName(pending: PendingView, type: ApiType, object: PutObject): void {
  if (object.name === '') return;
  const other = pending.find(type.name, object.tenantUuid, object.name);
  if (other === undefined || other.uuid === object.uuid) return;
  throw new LimpetError('NAME_TAKEN', `${type.name} object with name ${object.name} already exists!`, {
    problems: [{ objectType: type.name, objectName: object.name, field: 'name', message: 'is taken' }],
  });
}

/** Users are named by the field that they log in with. */
function objectName(type: ApiType, body: JsonObject): string {
  return type.name === 'User' && typeof body.username === 'string' ? body.username : nameOf(body);
}

/** Tenants, users and clusters belong to all: to the admin tenant. */
const OF_ALL: ReadonlySet<string> = new Set(['Tenant', 'User']);

function tenantOf(lookup: ObjectLookup, type: ApiType, given: JsonObject, otherwise: string): string {
  if (type.singleton || OF_ALL.has(type.name)) return ADMIN_TENANT;
  const { tenant_ref } = given;
  if (tenant_ref === undefined || tenant_ref === null || tenant_ref === '') return otherwise;
  const found = canonicalReferences(
    { ...type, references: { tenant_ref: 'Tenant' } },
    { name: nameOf(given), tenant_ref },
    otherwise,
    lookup,
    pathOfType,
  ).tenant_ref as string;
  return readCanonical(found)?.uuid ?? otherwise;
}

function withTenant(type: ApiType, body: JsonObject, tenantUuid: string): JsonObject {
  if (type.singleton || OF_ALL.has(type.name)) {
    const { tenant_ref: _, ...others } = body;
    return others;
  }
  return { ...body, tenant_ref: referenceTo('tenant', tenantUuid) };
}
