// The macro call: an object with others nested in it as `<ref>_data`, made or changed together.

import { type ApiType, apiTypeByName, LimpetError } from '@limpet/model';
import type { ObjectEdit } from '../config/configuration.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import { nameOf } from './given-body.ts';
import { asJsonObject, isJsonObject } from './json-body.ts';
import { createObject, type EditContext, type PendingView, replaceObject } from './object-edits.ts';
import { readReference, referenceTo } from './object-references.ts';

/** Objects in one call. */
const OBJECTS_MAX = 1000;

export interface MacroEdits {
  /** Nested objects before those that refer to them. */
  readonly edits: readonly ObjectEdit[];
  readonly type: ApiType;
  readonly uuid: string;
}

/** @throws LimpetError of the first object that cannot be made; the caller then makes none. */
export function macroEdits(pending: PendingView, request: JsonObject, context: EditContext): MacroEdits {
  const { model_name } = request;
  const type = typeof model_name === 'string' ? apiTypeByName(model_name) : undefined;
  if (type === undefined)
    throw new LimpetError('JSON_MALFORMED', 'model_name must be the name of a type, as VirtualService');
  const edits: ObjectEdit[] = [];
  const uuid = makeObject(pending, type, asJsonObject(request.data, 'data'), context, edits);
  return { edits, type, uuid };
}

function makeObject(
  pending: PendingView,
  type: ApiType,
  data: JsonObject,
  context: EditContext,
  edits: ObjectEdit[],
): string {
  const given = unfold(type, data, '', (target, nested) => {
    const nestedType = apiTypeByName(target) as ApiType;
    const uuid = makeObject(pending, nestedType, nested, context, edits);
    return referenceTo(nestedType.path, uuid);
  }) as JsonObject;
  if (edits.length >= OBJECTS_MAX)
    throw new LimpetError('JSON_MALFORMED', `a macro makes at most ${OBJECTS_MAX} objects`);
  const before = present(pending, type, given, context.tenantUuid);
  const object =
    before === undefined
      ? createObject(pending, type, given, context)
      : replaceObject(pending, type, before, given, context);
  edits.push({ kind: 'put', object });
  return object.uuid;
}

/** The object that is meant to be changed: of this uuid, url or name. */
function present(pending: PendingView, type: ApiType, given: JsonObject, tenantUuid: string) {
  const { uuid, url } = given;
  if (typeof uuid === 'string') return pending.get(type.name, uuid);
  if (typeof url === 'string') {
    const reference = readReference(url);
    if (reference.kind === 'uuid') return pending.get(type.name, reference.uuid);
  }
  return pending.find(type.name, tenantUuid, nameOf(given));
}

/** The object with a reference in place of every object that is nested in it. */
function unfold(
  type: ApiType,
  value: JsonValue,
  path: string,
  make: (target: string, nested: JsonObject) => string,
): JsonValue {
  if (Array.isArray(value)) return value.map((item) => unfold(type, item as JsonValue, `${path}[]`, make));
  if (!isJsonObject(value)) return value;
  const result: Record<string, JsonValue> = {};
  for (const [name, field] of Object.entries(value)) {
    const at = path === '' ? name : `${path}.${name}`;
    const reference = name.endsWith('_data') ? name.slice(0, -'_data'.length) : undefined;
    const referencePath = at.slice(0, -'_data'.length);
    const target = referred(type, referencePath);
    const listTarget = referred(type, `${referencePath}[]`);
    if (reference !== undefined && target !== undefined) {
      result[reference] = make(target, asJsonObject(field, at));
    } else if (reference !== undefined && listTarget !== undefined) {
      if (!Array.isArray(field)) throw new LimpetError('JSON_MALFORMED', `${at} must be a list of objects`);
      const made = field.map((item, index) => make(listTarget, asJsonObject(item, `${at}[${index}]`)));
      const others = value[reference];
      result[reference] = [...(Array.isArray(others) ? others : []), ...made];
    } else if (!Object.hasOwn(result, name)) result[name] = unfold(type, field, at, make);
  }
  return result;
}

/** Names are a client's own: `toString` is no reference. */
function referred({ references }: ApiType, path: string): string | undefined {
  return Object.hasOwn(references, path) ? references[path] : undefined;
}
