// JSON Patch (RFC 6902) with JSON Pointer (RFC 6901), on values that stay as they are.

import { canonicalJson, LimpetError } from '@limpet/model';
import type { JsonValue } from '../json.ts';
import { asJsonObject, isJsonObject } from './json-body.ts';

/** Operations in one patch. */
const OPERATIONS_MAX = 1000;

/** @throws LimpetError PATCH_INVALID naming the operation: then nothing of the patch counts (RFC 5789 §2). */
export function applyJsonPatch(document: JsonValue, patch: unknown): JsonValue {
  if (!Array.isArray(patch) || patch.length > OPERATIONS_MAX)
    throw new LimpetError(
      'PATCH_INVALID',
      `json_patch must be a list of at most ${OPERATIONS_MAX} operations`,
    );
  return patch.reduce<JsonValue>((value, operation, index) => {
    const refuse = (why: string): never => {
      throw new LimpetError('PATCH_INVALID', `json_patch[${index}]: ${why}`);
    };
    return applyOperation(value, asJsonObject(operation, `json_patch[${index}]`), refuse);
  }, document);
}

type Refuse = (why: string) => never;

function applyOperation(
  document: JsonValue,
  operation: { readonly [key: string]: JsonValue },
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
    case 'copy':
      return add(document, path, valueAt(document, pointer(operation.from, 'from', refuse), refuse), refuse);
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
  return text
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
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
