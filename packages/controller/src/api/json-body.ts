// Reads a JSON body of a request, and refuses what only an attack or a mistake would send.

import { LimpetError } from '@limpet/model';
import type { JsonObject, JsonValue } from '../json.ts';

/** Avi's objects nest seven deep; what walks over a body may then recurse without fear for the stack. */
export const BODY_DEPTH_MAX = 32;

// They would reach into the prototype of what is assigned from them; no field of Avi's is called so.
const POISON: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** @throws LimpetError JSON_MALFORMED, whose detail quotes nothing of the body: it may hold a key. */
export function parseJsonBody(bytes: Uint8Array): JsonValue {
  let value: JsonValue;
  try {
    value = JSON.parse(utf8.decode(bytes)) as JsonValue;
  } catch {
    throw new LimpetError('JSON_MALFORMED');
  }
  checkJson(value);
  return value;
}

/**
 * Level by level, since a recursion would end where the stack does.
 *
 * @throws LimpetError JSON_MALFORMED where it nests too deep, or has a field that reaches into a prototype.
 */
export function checkJson(value: JsonValue): void {
  let level: JsonValue[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > BODY_DEPTH_MAX)
      throw new LimpetError('JSON_MALFORMED', `it nests deeper than ${BODY_DEPTH_MAX}`);
    const next: JsonValue[] = [];
    for (const one of level) {
      if (typeof one !== 'object' || one === null) continue;
      if (Array.isArray(one)) {
        for (const item of one) next.push(item as JsonValue);
        continue;
      }
      for (const [field, item] of Object.entries(one)) {
        if (POISON.has(field)) throw new LimpetError('JSON_MALFORMED', `"${field}" is no name of a field`);
        next.push(item as JsonValue);
      }
    }
    level = next;
  }
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @throws LimpetError JSON_MALFORMED where it is anything else. */
export function asJsonObject(value: unknown, what = 'the body'): JsonObject {
  if (!isJsonObject(value)) throw new LimpetError('JSON_MALFORMED', `${what} must be an object`);
  return value;
}
