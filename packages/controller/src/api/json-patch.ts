// JSON Patch (RFC 6902) with JSON Pointer (RFC 6901), on values that stay as they are.

import { canonicalJson, LimpetError } from '@limpet/model';
import type { JsonValue } from '../json.ts';
import { asJsonObject, BODY_DEPTH_MAX, checkJson, isJsonObject } from './json-body.ts';

/** Operations in one patch. */
const OPERATIONS_MAX = 1000;
/** Values that the copies of one patch may make: each copy of the whole doubles it, and thirty of them would take all memory. */
const COPIED_MAX = 100_000;

/**
 * @throws LimpetError PATCH_INVALID naming the operation: then nothing of the patch counts (RFC 5789 §2). JSON_MALFORMED where what comes of it
 * is none that a body may be.
 */
export function applyJsonPatch(document: JsonValue, patch: unknown): JsonValue {
  if (!Array.isArray(patch) || patch.length > OPERATIONS_MAX)
    throw new LimpetError(
      'PATCH_INVALID',
      `json_patch must be a list of at most ${OPERATIONS_MAX} operations`,
    );
  let copiesLeft = COPIED_MAX;
  const patched = patch.reduce<JsonValue>((value, operation, index) => {
    const refuse = (why: string): never => {
      throw new LimpetError('PATCH_INVALID', `json_patch[${index}]: ${why}`);
    };
    const copied = (one: JsonValue): JsonValue => {
      copiesLeft -= countValues(one, copiesLeft);
      return copiesLeft < 0 ? refuse(`the patch copies more than ${COPIED_MAX} values`) : one;
    };
    return applyOperation(value, asJsonObject(operation, `json_patch[${index}]`), copied, refuse);
  }, document);
  checkJson(patched);
  return patched;
}

/** Those in a value and the value itself; of more than may be, one more than that. */
function countValues(value: JsonValue, max: number): number {
  const waiting: JsonValue[] = [value];
  let count = 0;
  for (let one = waiting.pop(); one !== undefined && count <= max; one = waiting.pop()) {
    count++;
    if (typeof one === 'object' && one !== null)
      for (const item of Object.values(one)) waiting.push(item as JsonValue);
  }
  return count;
}

type Refuse = (why: string) => never;

function applyOperation(
  document: JsonValue,
  operation: { readonly [key: string]: JsonValue },
  copied: (value: JsonValue) => JsonValue,
  refuse: Refuse,
): JsonValue {
  const { op } = operation;
  const path = pointer(operation.path, 'path', refuse);
  const wanted = (): JsonValue => {
    if (!Object.hasOwn(operation, 'value')) refuse(`"${op}" needs a value`);
    return operation.value;
  };
  switch (op) {
    case 'add':
      return add(document, path, wanted(), refuse);
    case 'remove':
      return remove(document, path, refuse);
    case 'replace':
      return path.length === 0 ? wanted() : add(remove(document, path, refuse), path, wanted(), refuse);
    case 'test':
      if (canonicalJson(valueAt(document, path, refuse)) !== canonicalJson(wanted()))
        refuse('the test fails');
      return document;
    case 'copy': {
      const from = pointer(operation.from, 'from', refuse);
      return add(document, path, copied(valueAt(document, from, refuse)), refuse);
    }
    case 'move': {
      const from = pointer(operation.from, 'from', refuse);
      if (from.length < path.length && from.every((part, at) => part === path[at]))
        refuse('a value cannot be moved into itself');
      return add(remove(document, from, refuse), path, valueAt(document, from, refuse), refuse);
    }
    default:
      return refuse('op must be add, remove, replace, move, copy or test');
  }
}

function pointer(text: JsonValue, field: string, refuse: Refuse): readonly string[] {
  if (typeof text !== 'string' || (text !== '' && !text.startsWith('/')) || /~(?![01])/.test(text))
    return refuse(`${field} must be a JSON pointer (RFC 6901)`);
  const parts = text.split('/').slice(1);
  if (parts.length > BODY_DEPTH_MAX) refuse(`${field} is deeper than a body may nest`);
  return parts.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** RFC 6901 §4: digits without a leading zero. */
function indexIn(list: readonly JsonValue[], part: string, max: number, refuse: Refuse): number {
  const index = /^(0|[1-9]\d{0,9})$/.test(part) ? Number(part) : Number.NaN;
  if (!(index <= max)) refuse(`a list of ${list.length} has no place "${part}"`);
  return index;
}

function valueAt(document: JsonValue, path: readonly string[], refuse: Refuse): JsonValue {
  return path.reduce<JsonValue>((value, part) => {
    if (Array.isArray(value)) return value[indexIn(value, part, value.length - 1, refuse)] as JsonValue;
    if (!isJsonObject(value) || !Object.hasOwn(value, part)) return refuse(`nothing is at "${part}"`);
    return value[part];
  }, document);
}

function add(target: JsonValue, path: readonly string[], value: JsonValue, refuse: Refuse): JsonValue {
  const [part, ...rest] = path;
  if (part === undefined) return value;
  if (Array.isArray(target)) {
    const list = target as readonly JsonValue[];
    if (rest.length > 0)
      return list.with(
        indexIn(list, part, list.length - 1, refuse),
        add(valueAt(list, [part], refuse), rest, value, refuse),
      );
    return list.toSpliced(part === '-' ? list.length : indexIn(list, part, list.length, refuse), 0, value);
  }
  if (!isJsonObject(target)) return refuse(`nothing can be put at "${part}"`);
  if (part === '__proto__') return refuse('"__proto__" is no name of a field');
  const below = rest.length === 0 ? value : add(valueAt(target, [part], refuse), rest, value, refuse);
  return { ...target, [part]: below };
}

function remove(target: JsonValue, path: readonly string[], refuse: Refuse): JsonValue {
  const [part, ...rest] = path;
  if (part === undefined) return refuse('the whole object cannot be removed');
  const below = valueAt(target, [part], refuse);
  if (Array.isArray(target)) {
    const list = target as readonly JsonValue[];
    return rest.length > 0
      ? list.with(Number(part), remove(below, rest, refuse))
      : list.toSpliced(Number(part), 1);
  }
  const object = asJsonObject(target);
  if (rest.length > 0) return { ...object, [part]: remove(below, rest, refuse) };
  const { [part]: _, ...others } = object;
  return others;
}
