// An object as it is answered: defaults filled in, references as URLs, secrets hidden, as the request's version knows it.

import { type ApiType, withoutDefaults } from '@limpet/model';
import type { ControllerObject, ObjectView } from '../config/object-view.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import { asOfVersion } from './api-version.ts';
import type { Shown } from './collection-query.ts';
import { withComputedFields } from './computed-fields.ts';
import { fullBody, referencedObject } from './full-object.ts';
import { changeAt, placeAt } from './json-paths.ts';

/** What stands in an answer for a secret; a client that sends it back leaves the secret as it is. */
export const SENSITIVE = '<sensitive>';

export interface AnswerForm extends Shown {
  readonly view: ObjectView;
  /** As `https://controller.example:9443`. */
  readonly origin: string;
  readonly version: string;
  /** Seconds since 1970. */
  readonly nowS: number;
}

export function objectUrl(
  type: ApiType,
  object: ControllerObject,
  origin: string,
  withName: boolean,
): string {
  const url = `${origin}/api/${type.path}${type.singleton ? '' : `/${object.uuid}`}`;
  return withName && object.name !== '' ? `${url}#${object.name}` : url;
}

export function answerObject(type: ApiType, object: ControllerObject, form: AnswerForm): JsonObject {
  const whole = form.skipDefault
    ? (withoutDefaults(type, object.body) as JsonObject)
    : withComputedFields(type, fullBody(type, object, form.view), form.nowS);
  const { name: _, ...known } = asOfVersion(type, whole, form.version);
  let body: JsonObject = known;
  for (const path of Object.keys(type.references))
    body = changeAt(body, path, (value) => referenceUrl(value, form));
  for (const place of object.secrets.keys()) body = placeAt(body, place, SENSITIVE);
  const answer: Record<string, JsonValue> = {
    url: objectUrl(type, object, form.origin, form.includeName),
    uuid: object.uuid,
    ...(object.name === '' ? {} : { name: object.name }),
    ...body,
    _last_modified: String(object.lastModifiedUs),
  };
  if (form.fields === undefined) return answer;
  const { fields } = form;
  return Object.fromEntries(
    Object.entries(answer).filter(([field]) => ALWAYS.has(field) || fields.has(field)),
  );
}

const ALWAYS: ReadonlySet<string> = new Set(['url', 'uuid', 'name']);

function referenceUrl(value: JsonValue, form: AnswerForm): JsonValue {
  if (typeof value !== 'string' || !value.startsWith('/api/')) return value;
  const target = form.includeName ? referencedObject(form.view, value) : undefined;
  return target === undefined || target.name === ''
    ? form.origin + value
    : `${form.origin}${value}#${target.name}`;
}
