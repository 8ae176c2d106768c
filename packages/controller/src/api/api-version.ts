// X-Avi-Version: which version a request speaks, what of an object it knows, and what it must not name.

import { LimpetError } from '@limpet/model';
import type { JsonObject, JsonValue } from '../json.ts';
import { introducedIn } from './introduced-fields.ts';
import { isJsonObject } from './json-body.ts';
import { changeAt, valuesAt } from './json-paths.ts';

/** The version of Avi's API whose objects are spoken here. */
export const CONTROLLER_VERSION = '30.2.1';
/** What a request without the header speaks. */
export const OLDEST_VERSION = '16.4.1';

/** What is to know of a type: the message types of what is nested in it, by path. */
export interface VersionedType {
  readonly name: string;
  readonly nested: Readonly<Record<string, string>>;
}

/** @throws LimpetError VERSION_INVALID */
export function readApiVersion(header: string | undefined): string {
  if (header === undefined || header === '') return OLDEST_VERSION;
  if (!/^\d{1,3}(\.\d{1,3}){1,3}$/.test(header) || compareVersions(header, CONTROLLER_VERSION) > 0)
    throw new LimpetError('VERSION_INVALID', `versions up to ${CONTROLLER_VERSION} are spoken`);
  return header;
}

export function compareVersions(one: string, other: string): number {
  const [a, b] = [one.split('.').map(Number), other.split('.').map(Number)];
  for (let at = 0; at < 4; at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

const tag = (version: string): string => `v${version.replaceAll('.', '_')}`;

/** The places of a type with a message of their own, as `` for the object itself and `services[]`. */
function levels(type: VersionedType): readonly (readonly [path: string, message: string])[] {
  return [['', type.name], ...Object.entries(type.nested)];
}

function isNewer(message: string, field: string, version: string): boolean {
  const since = introducedIn[message];
  if (since === undefined || !Object.hasOwn(since, field)) return false;
  return compareVersions(since[field] as string, version) > 0;
}

/** @throws LimpetError FIELD_TOO_NEW with Avi's text. */
export function refuseNewerFields(type: VersionedType, body: JsonObject, version: string): void {
  for (const [path, message] of levels(type)) {
    const objects = path === '' ? [{ value: body }] : valuesAt(body, path);
    for (const { value } of objects) {
      if (!isJsonObject(value)) continue;
      const field = Object.keys(value).find((name) => isNewer(message, name, version));
      if (field !== undefined)
        throw new LimpetError(
          'FIELD_TOO_NEW',
          `Incoming request (${tag(version)}) has field (${field}) introduced in later versions(${tag(introducedIn[message]?.[field] as string)}).`,
        );
    }
  }
}

/** Without the fields that the version does not know. */
export function asOfVersion(type: VersionedType, body: JsonObject, version: string): JsonObject {
  return levels(type).reduce((result, [path, message]) => {
    if (introducedIn[message] === undefined) return result;
    const known = (value: JsonValue): JsonValue => {
      if (!isJsonObject(value)) return value;
      const fields = Object.entries(value);
      const kept = fields.filter(([field]) => !isNewer(message, field, version));
      return kept.length === fields.length ? value : Object.fromEntries(kept);
    };
    return path === '' ? (known(result) as JsonObject) : changeAt(result, path, known);
  }, body);
}

/**
 * An object that a client of an older version sends back has none of the newer fields: it could not see them, and did not mean to take them away.
 * @param listKeys by path of a list, what makes an element the same one.
 */
export function withNewerFields(
  type: VersionedType,
  sent: JsonObject,
  before: JsonObject,
  version: string,
  listKeys: Readonly<Record<string, readonly string[]>>,
): JsonObject {
  const keep = (
    message: string | undefined,
    path: string,
    after: JsonObject,
    old: JsonObject,
  ): JsonObject => {
    const result: Record<string, JsonValue> = { ...after };
    for (const [field, value] of Object.entries(old)) {
      const at = path === '' ? field : `${path}.${field}`;
      if (message !== undefined && isNewer(message, field, version)) result[field] ??= value;
      else if (isJsonObject(value) && isJsonObject(after[field]))
        result[field] = keep(type.nested[at], at, after[field], value);
      else if (Array.isArray(value) && Array.isArray(after[field]) && type.nested[`${at}[]`] !== undefined) {
        const keys = listKeys[at];
        if (keys === undefined) continue;
        result[field] = (after[field] as readonly JsonValue[]).map((item) => {
          const same = value.find(
            (one) => isJsonObject(one) && isJsonObject(item) && isSame(one, item, keys),
          );
          if (!isJsonObject(item) || !isJsonObject(same)) return item;
          return keep(type.nested[`${at}[]`], `${at}[]`, item, same);
        });
      }
    }
    return result;
  };
  return version === CONTROLLER_VERSION ? sent : keep(type.name, '', sent, before);
}

function isSame(one: JsonObject, other: JsonObject, keys: readonly string[]): boolean {
  return keys.every((key) => valuesAt(one, key)[0]?.value === valuesAt(other, key)[0]?.value);
}
