// Paths in JSON, as `servers[].ip.addr`: what stands at one, and a copy with something else there.

import type { JsonObject, JsonValue } from '../json.ts';
import { isJsonObject } from './json-body.ts';

export interface Placed {
  /** As `servers[0].ip.addr`. */
  readonly place: string;
  readonly value: JsonValue;
}

/** All values at a path, in their order; `[]` stands for every element of a list. */
export function valuesAt(body: JsonObject, path: string): readonly Placed[] {
  const found: Placed[] = [];
  collect(body, path.split('.'), '', found);
  return found;
}

function collect(value: JsonValue, steps: readonly string[], place: string, found: Placed[]): void {
  const [step, ...rest] = steps;
  if (step === undefined) {
    found.push({ place, value });
    return;
  }
  if (!isJsonObject(value)) return;
  const field = step.endsWith('[]') ? step.slice(0, -2) : step;
  if (!Object.hasOwn(value, field)) return;
  const at = place === '' ? field : `${place}.${field}`;
  const next = value[field];
  if (field === step) collect(next, rest, at, found);
  else if (Array.isArray(next)) {
    for (const [index, item] of next.entries()) collect(item as JsonValue, rest, `${at}[${index}]`, found);
  }
}

/** A copy in which every value at the path is what `change` makes of it; undefined takes it out. What is not changed is the same object. */
export function changeAt(
  body: JsonObject,
  path: string,
  change: (value: JsonValue, place: string) => JsonValue,
): JsonObject {
  return changeBelow(body, path.split('.'), '', change) as JsonObject;
}

function changeBelow(
  value: JsonValue,
  steps: readonly string[],
  place: string,
  change: (value: JsonValue, place: string) => JsonValue,
): JsonValue {
  const [step, ...rest] = steps;
  if (step === undefined) return change(value, place);
  if (!isJsonObject(value)) return value;
  const field = step.endsWith('[]') ? step.slice(0, -2) : step;
  if (!Object.hasOwn(value, field)) return value;
  const at = place === '' ? field : `${place}.${field}`;
  const before = value[field];
  let after: JsonValue;
  if (field === step) after = changeBelow(before, rest, at, change);
  else if (Array.isArray(before)) {
    const items = before as readonly JsonValue[];
    const changed = items.map((item, index) => changeBelow(item, rest, `${at}[${index}]`, change));
    after = changed.some((item, index) => item !== items[index])
      ? changed.filter((item) => item !== undefined)
      : before;
  } else return value;
  if (after === before) return value;
  if (after !== undefined) return { ...value, [field]: after };
  const { [field]: _, ...others } = value;
  return others;
}

/** A copy with a value at a place, as `certificate.key` or `users[0].password`; nothing where the place is not there. */
export function placeAt(body: JsonObject, place: string, value: JsonValue): JsonObject {
  const steps = place.split('.').flatMap((part) => {
    const [field = '', ...indexes] = part.split('[');
    return [field, ...indexes.map((index) => Number(index.slice(0, -1)))];
  });
  return setBelow(body, steps, value) as JsonObject;
}

function setBelow(target: JsonValue, steps: readonly (string | number)[], value: JsonValue): JsonValue {
  const [step, ...rest] = steps;
  if (step === undefined) return value;
  if (typeof step === 'number') {
    if (!Array.isArray(target) || step >= target.length) return target;
    return (target as readonly JsonValue[]).map((item, index) =>
      index === step ? setBelow(item, rest, value) : item,
    );
  }
  const object = isJsonObject(target) ? target : {};
  return { ...object, [step]: setBelow(object[step], rest, value) };
}
