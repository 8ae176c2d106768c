// What a body says and does not say: defaults filled in and taken out, fields that Avi does not have taken out, by the schema of its type.

import type { z } from 'zod';
import type { ApiType } from './api-type.ts';
import { fieldsWithoutEffect } from './fields-without-effect.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The fields of an object, or of what is nested in one. */
interface Level {
  readonly known: ReadonlySet<string>;
  /** Of fields with a default that is no object and no list: these stay absent in an answer, as Avi's do. */
  readonly defaults: ReadonlyMap<string, unknown>;
  readonly nested: ReadonlyMap<string, Level>;
  /** Fields that nothing acts upon, with their defaults. */
  readonly idle: ReadonlyMap<string, unknown>;
}

const levels = new WeakMap<ApiType, Level>();

/** The body with every default that it leaves unsaid. */
export function withDefaults(type: ApiType, body: Fields): Fields {
  return filled(levelOf(type), body);
}

/** The body without what it says and need not. */
export function withoutDefaults(type: ApiType, body: Fields): Fields {
  return bared(levelOf(type), body);
}

export interface KnownBody {
  readonly body: Fields;
  /** Paths of the fields that Avi does not have, as `servers[0].colour`. */
  readonly unknown: readonly string[];
}

/** The body without fields that Avi does not have, and which these are. */
export function withoutUnknownFields(type: ApiType, body: Fields): KnownBody {
  const unknown: string[] = [];
  return { body: pruned(levelOf(type), body, '', unknown), unknown };
}

/** Paths of fields that a body sets to something else than their default, and that have no effect. */
export function fieldsSetWithoutEffect(type: ApiType, body: Fields): readonly string[] {
  const found: string[] = [];
  findIdle(levelOf(type), body, '', found);
  return found;
}

function findIdle(level: Level, body: Fields, prefix: string, found: string[]): void {
  for (const [field, value] of Object.entries(body)) {
    const place = `${prefix}${field}`;
    if (level.idle.has(field)) {
      if (!isEmpty(value) && value !== level.idle.get(field)) found.push(place);
    } else {
      below(level, field, value, (inner, object, index) => {
        findIdle(inner, object, `${place}${index === undefined ? '' : `[${index}]`}.`, found);
        return object;
      });
    }
  }
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)
  );
}

function levelOf(type: ApiType): Level {
  const made = levels.get(type);
  if (made !== undefined) return made;
  const level = readLevel(type, type.schema, type.name, '');
  levels.set(type, level);
  return level;
}

function readLevel(type: ApiType, schema: z.ZodType, name: string, path: string): Level {
  const known = new Set<string>();
  const defaults = new Map<string, unknown>();
  const nested = new Map<string, Level>();
  for (const [field, inner] of Object.entries(shapeOf(schema) ?? {})) {
    known.add(field);
    const value = defaultOf(inner);
    if (value !== undefined && typeof value !== 'object') defaults.set(field, value);
    for (const step of [field, `${field}[]`]) {
      const below = path === '' ? step : `${path}.${step}`;
      const nestedName = type.nested[below];
      const nestedSchema = nestedName === undefined ? undefined : unwrap(inner);
      if (nestedName !== undefined && nestedSchema !== undefined)
        nested.set(field, readLevel(type, elementOf(nestedSchema), nestedName, below));
    }
  }
  const idle = new Map<string, unknown>();
  for (const [field, value] of Object.entries(fieldsWithoutEffect[name] ?? {})) {
    if (known.has(field)) continue;
    known.add(field);
    idle.set(field, value);
    if (value !== undefined) defaults.set(field, value);
  }
  return { known, defaults, nested, idle };
}

function shapeOf(schema: z.ZodType): Readonly<Record<string, z.ZodType>> | undefined {
  return (unwrap(schema) as unknown as { readonly shape?: Readonly<Record<string, z.ZodType>> }).shape;
}

function elementOf(schema: z.ZodType): z.ZodType {
  return (schema as unknown as { readonly element?: z.ZodType }).element ?? schema;
}

/** The schema beneath `default`, `prefault` and `optional`. */
function unwrap(schema: z.ZodType): z.ZodType {
  let current = schema;
  while ('innerType' in current.def) current = current.def.innerType as z.ZodType;
  return current;
}

function defaultOf(schema: z.ZodType): unknown {
  return 'defaultValue' in schema.def ? schema.def.defaultValue : undefined;
}

function filled(level: Level, body: Fields): Fields {
  const made: Record<string, unknown> = { ...Object.fromEntries(level.defaults) };
  for (const [field, value] of Object.entries(body)) {
    if (value === undefined || value === null) continue;
    made[field] = below(level, field, value, filled);
  }
  return made;
}

function bared(level: Level, body: Fields): Fields {
  const said = Object.entries(body).filter(
    ([field, value]) => !level.defaults.has(field) || level.defaults.get(field) !== value,
  );
  return Object.fromEntries(said.map(([field, value]) => [field, below(level, field, value, bared)]));
}

function pruned(level: Level, body: Fields, prefix: string, unknown: string[]): Fields {
  const made: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(body)) {
    const place = `${prefix}${field}`;
    if (!level.known.has(field)) unknown.push(place);
    else
      made[field] = below(level, field, value, (inner, object, index) =>
        pruned(inner, object, `${place}${index === undefined ? '' : `[${index}]`}.`, unknown),
      );
  }
  return made;
}

/** A field's value with each object in it that has a level of its own made another. */
function below(
  level: Level,
  field: string,
  value: unknown,
  make: (inner: Level, object: Fields, index?: number) => Fields,
): unknown {
  const inner = level.nested.get(field);
  if (inner === undefined) return value;
  if (Array.isArray(value))
    return value.map((item: unknown, index) => (isObject(item) ? make(inner, item, index) : item));
  return isObject(value) ? make(inner, value) : value;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
