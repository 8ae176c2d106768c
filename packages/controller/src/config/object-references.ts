// The references of an object: every field that refers, with the object that it names.

import { apiTypeByName, apiTypeByPath } from '@limpet/model';
import type { JsonObject, JsonValue } from '../json.ts';

export interface ObjectReference {
  /** As `health_monitor_refs[0]`. */
  readonly field: string;
  readonly text: string;
  /** Type that the field refers to. */
  readonly type: string;
  /** Undefined where the text is no `/api/<type>/<uuid>` of that type. */
  readonly uuid: string | undefined;
}

type Referring = { readonly type: string; readonly body: JsonObject };

const known = new WeakMap<JsonObject, readonly ObjectReference[]>();

/** @param object whose body is frozen. The tenant that it belongs to is none of them. */
export function referencesOf({ type, body }: Referring): readonly ObjectReference[] {
  const made = known.get(body);
  if (made !== undefined) return made;
  const found = Object.entries(apiTypeByName(type)?.references ?? {})
    .filter(([path]) => path !== 'tenant_ref')
    .flatMap(([path, target]) =>
      textsAt(body, path.split('.'), '').map(({ field, text }) => ({
        field,
        text,
        type: target,
        uuid: uuidIn(text, target),
      })),
    );
  known.set(body, found);
  return found;
}

interface Found {
  readonly field: string;
  readonly text: string;
}

function textsAt(value: JsonValue, path: readonly string[], place: string): readonly Found[] {
  const [step, ...rest] = path;
  if (step === undefined) return typeof value === 'string' ? [{ field: place, text: value }] : [];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  const isList = step.endsWith('[]');
  const name = isList ? step.slice(0, -2) : step;
  const at = place === '' ? name : `${place}.${name}`;
  const inner = Object.hasOwn(value, name) ? (value as JsonObject)[name] : undefined;
  if (!isList) return textsAt(inner, rest, at);
  return Array.isArray(inner) ? inner.flatMap((item, index) => textsAt(item, rest, `${at}[${index}]`)) : [];
}

function uuidIn(text: string, type: string): string | undefined {
  const [, path = '', uuid] = /^\/api\/([a-z]+)\/([^/?#]+)$/.exec(text) ?? [];
  return apiTypeByPath(path)?.name === type ? uuid : undefined;
}

/** The text that refers to an object. */
export function referenceTo(type: string, uuid: string): string {
  return `/api/${apiTypeByName(type)?.path ?? type.toLowerCase()}/${uuid}`;
}
