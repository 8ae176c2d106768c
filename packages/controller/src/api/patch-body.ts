// PATCH as Avi has it: `add`, `replace` and `delete` of fields one level deep, or `json_patch`.

import { canonicalJson, LimpetError } from '@limpet/model';
import type { JsonObject, JsonValue } from '../json.ts';
import { asJsonObject, isJsonObject } from './json-body.ts';
import { applyJsonPatch } from './json-patch.ts';
import { valuesAt } from './json-paths.ts';

const OPERATIONS = ['add', 'replace', 'delete', 'json_patch'] as const;

/**
 * @param listKeys by field, what makes an element of its list the same one: `{servers: ['ip.addr', 'port']}`; elements of other lists are the same
 * when they are equal.
 * @throws LimpetError PATCH_INVALID
 */
export function applyPatch(
  body: JsonObject,
  patch: JsonObject,
  listKeys: Readonly<Record<string, readonly string[]>>,
): JsonObject {
  const given = Object.keys(patch);
  const unknown = given.find((field) => !OPERATIONS.includes(field as never));
  if (given.length === 0 || unknown !== undefined)
    throw new LimpetError('PATCH_INVALID', `a patch consists of ${OPERATIONS.join(', ')}`);
  let result = body;
  for (const operation of OPERATIONS) {
    if (!Object.hasOwn(patch, operation)) continue;
    if (operation === 'json_patch') {
      result = asJsonObject(applyJsonPatch(result, patch.json_patch), 'the patched object');
      continue;
    }
    const fields = asJsonObject(patch[operation], operation);
    for (const [field, value] of Object.entries(fields)) {
      result = applyField(result, operation, field, value, listKeys[field]);
    }
  }
  return result;
}

function applyField(
  body: JsonObject,
  operation: 'add' | 'replace' | 'delete',
  field: string,
  value: JsonValue,
  keys: readonly string[] | undefined,
): JsonObject {
  const before = Object.hasOwn(body, field) ? body[field] : undefined;
  if (operation === 'delete') {
    const remaining = Array.isArray(before) && isGiven(value) ? without(before, listOf(value), keys) : [];
    if (remaining.length > 0) return { ...body, [field]: remaining };
    const { [field]: _, ...others } = body;
    return others;
  }
  // An object of Avi's that is not a list has fields of its own, which a patch of one field must not take away.
  if (operation === 'add' && isJsonObject(before) && isJsonObject(value))
    return { ...body, [field]: { ...before, ...value } };
  if (operation === 'add' && Array.isArray(before))
    return { ...body, [field]: withElements(before, listOf(value), keys) };
  return { ...body, [field]: value };
}

function isGiven(value: JsonValue): boolean {
  return value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);
}

function listOf(value: JsonValue): readonly JsonValue[] {
  return Array.isArray(value) ? value : [value];
}

/** Elements that are the same one take what is given of them; the others come at the end. */
function withElements(
  list: readonly JsonValue[],
  given: readonly JsonValue[],
  keys: readonly string[] | undefined,
): readonly JsonValue[] {
  const result = [...list];
  // By what makes them the same: thousands of servers are given to thousands.
  const places = new Map<string, number>();
  for (const [at, one] of list.entries()) {
    const identity = identityOf(one, keys);
    if (!places.has(identity)) places.set(identity, at);
  }
  for (const element of given) {
    const identity = identityOf(element, keys);
    const at = places.get(identity);
    if (at === undefined) {
      places.set(identity, result.length);
      result.push(element);
      continue;
    }
    const present = result[at];
    result[at] = isJsonObject(present) && isJsonObject(element) ? { ...present, ...element } : element;
  }
  return result;
}

function without(
  list: readonly JsonValue[],
  given: readonly JsonValue[],
  keys: readonly string[] | undefined,
): readonly JsonValue[] {
  const gone = new Set(given.map((element) => identityOf(element, keys)));
  return list.filter((one) => !gone.has(identityOf(one, keys)));
}

/** Equal for elements that are the same one. */
function identityOf(element: JsonValue, keys: readonly string[] | undefined): string {
  if (keys === undefined || !isJsonObject(element)) return `= ${canonicalJson(element)}`;
  return `# ${JSON.stringify(keys.map((key) => keyText(element, key) ?? null))}`;
}

function keyText(element: JsonObject, key: string): string | undefined {
  const value = valuesAt(element, key)[0]?.value;
  return value === undefined || value === null ? undefined : canonicalJson(value);
}
