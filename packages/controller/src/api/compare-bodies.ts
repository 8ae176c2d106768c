// What is different between two bodies, field by field.

import { canonicalJson } from '@limpet/model';
import type { JsonObject, JsonValue } from '../json.ts';
import { isJsonObject } from './json-body.ts';

export interface FieldDifference {
  /** As `servers[0].enabled`. */
  readonly field: string;
  /** Absent where the field was not there. */
  readonly before?: JsonValue;
  readonly after?: JsonValue;
}

export function compareBodies(before: JsonValue, after: JsonValue, field = ''): readonly FieldDifference[] {
  if (before === after) return [];
  if (isJsonObject(before) && isJsonObject(after)) {
    const fields = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...fields].flatMap((name) =>
      compareBodies(own(before, name), own(after, name), field === '' ? name : `${field}.${name}`),
    );
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    const length = Math.max(before.length, after.length);
    return Array.from({ length }, (_, index) =>
      compareBodies(before[index] as JsonValue, after[index] as JsonValue, `${field}[${index}]`),
    ).flat();
  }
  if (before !== undefined && after !== undefined && canonicalJson(before) === canonicalJson(after))
    return [];
  return [{ field, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }];
}

function own(object: JsonObject, name: string): JsonValue {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}
