// What a client gave as an object, made ready to be stored: without what it cannot set, references canonical, secrets apart, and a list of what has no effect.

import {
  type ApiType,
  apiTypeByName,
  fieldsWithoutEffect,
  LimpetError,
  withoutUnknownFields,
} from '@limpet/model';
import type { ControllerObject } from '../config/object-view.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import { isJsonObject } from './json-body.ts';
import { changeAt, valuesAt } from './json-paths.ts';
import { SENSITIVE } from './object-answer.ts';
import { canonicalReferences, type ObjectLookup } from './object-references.ts';

export interface GivenBody {
  /** Without secrets. */
  readonly body: JsonObject;
  readonly secrets: ReadonlyMap<string, string>;
  /** As `Pool.colour`: not Avi's, and not stored. */
  readonly unknown: readonly string[];
  /** As `VirtualService.weight`: stored, and without effect here. */
  readonly withoutEffect: readonly string[];
}

/** @param before what `<sensitive>` stands for; undefined where there was none. */
export function readGivenBody(
  type: ApiType,
  given: JsonObject,
  tenantUuid: string,
  lookup: ObjectLookup,
  before: Pick<ControllerObject, 'body' | 'secrets'> | undefined,
): GivenBody {
  let body = withoutNulls(given) as JsonObject;
  for (const path of type.readOnly) body = changeAt(body, path, () => undefined);
  const known = withoutUnknownFields(type, body);
  body = known.body as JsonObject;
  const whole = body;
  const secrets = new Map<string, string>();
  for (const path of type.secrets) {
    body = changeAt(body, path, (value, place) => {
      const secret = value === SENSITIVE ? secretBefore(type, place, whole, before) : value;
      if (value !== SENSITIVE && typeof value !== 'string')
        throw new LimpetError('CONFIG_INVALID', undefined, {
          problems: [
            { objectType: type.name, objectName: nameOf(given), field: place, message: 'must be a string' },
          ],
        });
      if (secret !== undefined && secret !== '') secrets.set(place, secret as string);
      return undefined;
    });
  }
  body = canonicalReferences(type, body, tenantUuid, lookup, pathOfType);
  return {
    body,
    secrets,
    unknown: known.unknown.map((field) => `${type.name}.${field}`),
    withoutEffect: setWithoutEffect(type, body).map((field) => `${type.name}.${field}`),
  };
}

/** An element of a list may stand elsewhere than before: the secret goes with it. */
function secretBefore(
  type: ApiType,
  place: string,
  body: JsonObject,
  before: Pick<ControllerObject, 'body' | 'secrets'> | undefined,
): string | undefined {
  const [, list = '', index, field = ''] = /^([^[]+)\[(\d+)\](.*)$/.exec(place) ?? [];
  const keys = type.listKeys[list];
  if (before === undefined || index === undefined || keys === undefined) return before?.secrets.get(place);
  const [present, former] = [body, before.body].map((one) =>
    listAt(one, list).map((element) => JSON.stringify(keys.map((key) => keyValue(element, key)))),
  ) as [string[], string[]];
  const at = former.indexOf(present[Number(index)] as string);
  if (at >= 0) return before.secrets.get(`${list}[${at}]${field}`);
  // One with another name, in the place of one that is no more.
  return present.includes(former[Number(index)] as string) ? undefined : before.secrets.get(place);
}

function listAt(body: JsonObject, path: string): readonly JsonValue[] {
  const value = valuesAt(body, path)[0]?.value;
  return Array.isArray(value) ? value : [];
}

function keyValue(element: JsonValue, key: string): JsonValue {
  return isJsonObject(element) ? valuesAt(element, key)[0]?.value : undefined;
}

export function nameOf(body: JsonObject): string {
  return typeof body.name === 'string' ? body.name : '';
}

export function pathOfType(name: string): string {
  return apiTypeByName(name)?.path ?? name.toLowerCase();
}

/** Clients write null, as Python's None, for a field that is not set. */
function withoutNulls(value: JsonValue): JsonValue {
  if (Array.isArray(value))
    return value.map(withoutNulls).filter((item) => item !== undefined && item !== null);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== null)
      .map(([name, field]) => [name, withoutNulls(field)]),
  );
}

/** Set to something else than Avi's default. */
function setWithoutEffect(type: ApiType, body: JsonObject): string[] {
  return type.withoutEffect.flatMap((path) => {
    const cut = path.lastIndexOf('.');
    const message = cut < 0 ? type.name : (type.nested[path.slice(0, cut)] ?? '');
    const normal = fieldsWithoutEffect[message]?.[path.slice(cut + 1)];
    return valuesAt(body, path)
      .filter(
        ({ value }) => value !== normal && value !== '' && !(Array.isArray(value) && value.length === 0),
      )
      .map(({ place }) => place);
  });
}
