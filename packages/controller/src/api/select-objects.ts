// Which objects of a collection a query asks for, and in which order.

import { type ApiType, apiTypeByName, apiTypeByPath, LimpetError } from '@limpet/model';
import type { ControllerObject, ObjectView } from '../config/object-view.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import type { CollectionQuery, Filter, ObjectName } from './collection-query.ts';
import { fullBody, referencedObject } from './full-object.ts';
import { isJsonObject } from './json-body.ts';
import { readReference } from './object-references.ts';

/**
 * All that fit, not only those of the page.
 * @param isVisible of the tenant that the request speaks of.
 */
export function selectObjects(
  view: ObjectView,
  type: ApiType,
  query: Pick<CollectionQuery, 'filters' | 'sort' | 'refersTo' | 'referredBy'>,
  isVisible: (object: ControllerObject) => boolean,
): readonly ControllerObject[] {
  let objects = view.list(type.name).filter(isVisible);
  if (query.refersTo !== undefined) {
    const { type: target, uuid } = named(query.refersTo);
    const referrers = new Set(view.referrers(target.name, uuid));
    objects = objects.filter((object) => referrers.has(object));
  }
  if (query.referredBy !== undefined) {
    const { type: source, uuid } = named(query.referredBy);
    const referrer = view.get(source.name, uuid);
    const referred = new Set(referrer === undefined ? [] : view.referred(referrer));
    objects = objects.filter((object) => referred.has(object));
  }
  for (const filter of query.filters) objects = objects.filter((object) => fits(view, type, object, filter));
  if (query.sort.length === 0) return objects;
  const keyed = objects.map((object) => ({
    object,
    keys: query.sort.map(({ field }) => fieldValues(view, type, object, field)[0] ?? ''),
  }));
  keyed.sort((a, b) => {
    for (const [at, { descending }] of query.sort.entries()) {
      const order = compare(a.keys[at] as string, b.keys[at] as string);
      if (order !== 0) return descending ? -order : order;
    }
    return 0;
  });
  return keyed.map(({ object }) => object);
}

function named({ type, uuid }: ObjectName): { readonly type: ApiType; readonly uuid: string } {
  const found = apiTypeByPath(type.toLowerCase()) ?? apiTypeByName(type);
  if (found === undefined) throw new LimpetError('QUERY_INVALID', `"${type.slice(0, 64)}" is no type`);
  return { type: found, uuid };
}

// Numbers by their size, names with numbers in them by these.
const collator = new Intl.Collator('en', { numeric: true });
const compare = (a: string, b: string): number => collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);

function fits(view: ObjectView, type: ApiType, object: ControllerObject, filter: Filter): boolean {
  const values = fieldValues(view, type, object, filter.field);
  switch (filter.kind) {
    case 'is':
      return values.some((value) => filter.values.some((wanted) => isSame(value, wanted)));
    case 'in':
      return values.some((value) => filter.values.includes(value));
    case 'contains': {
      const part = (filter.values[0] as string).toLowerCase();
      return values.some((value) => value.toLowerCase().includes(part));
    }
  }
}

function isSame(value: string, wanted: string): boolean {
  // Python writes True; a reference may be written in any form, and is then compared by its uuid.
  if (value === wanted || ((value === 'true' || value === 'false') && value === wanted.toLowerCase()))
    return true;
  if (!wanted.includes('/api/')) return false;
  const reference = readReference(wanted);
  return reference.kind === 'uuid' && reference.uuid !== '' && value === reference.uuid;
}

/** All values of a field as text; for a reference the object's uuid and name. */
function fieldValues(view: ObjectView, type: ApiType, object: ControllerObject, field: string): string[] {
  if (field === 'uuid') return [object.uuid];
  // Clients ask for one object by its name all the time.
  if (field === 'name') return [object.name];
  if (field === '_last_modified') return [String(object.lastModifiedUs)];
  const body = fullBody(type, object, view);
  const [first = '', ...rest] = field.split('.');
  // `cloud=x` is short for the name or uuid of cloud_ref.
  const head = [first, `${first}_ref`, `${first}_refs`].find((name) => Object.hasOwn(body, name));
  if (head === undefined) return [];
  return textsAt(view, body[head], rest);
}

function textsAt(view: ObjectView, value: JsonValue, steps: readonly string[]): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => textsAt(view, item as JsonValue, steps));
  const [step, ...rest] = steps;
  if (typeof value === 'string' && value.startsWith('/api/')) {
    const target = referencedObject(view, value);
    if (target === undefined) return [];
    if (step === undefined) return [target.name, target.uuid];
    if (step === 'uuid') return [target.uuid];
    return step === 'name' ? [target.name] : [];
  }
  if (isJsonObject(value)) {
    if (step === undefined || !Object.hasOwn(value as JsonObject, step)) return [];
    return textsAt(view, value[step], rest);
  }
  return value === undefined || value === null || step !== undefined ? [] : [String(value)];
}
