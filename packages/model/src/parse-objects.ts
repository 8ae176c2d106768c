// Parsing a configuration: from JSON of any shape to objects with their defaults, and a list of everything that is wrong or without effect.

import type { z } from 'zod';
import { deepFreeze } from './canonical-json.ts';
import type { ConfigProblem } from './errors.ts';
import { fieldsWithoutEffect } from './objects/fields-without-effect.ts';
import { nestedTypes, type ObjectSet, type ObjectType, objectSchemas } from './objects/schemas.ts';
import { systemObjects } from './system-objects.ts';
import { derivedUuid } from './uuid.ts';

export interface ParsedObjects {
  readonly objects: ObjectSet;
  readonly problems: readonly ConfigProblem[];
  /** False: an object is missing here since it could not be read, so that a reference may dangle that does not in truth. */
  readonly isWhole: boolean;
  /** Fields that are known and set, and have no effect yet. */
  readonly notices: readonly ConfigProblem[];
  /** Each object that nothing is wrong with, by type and JSON text. */
  readonly byText: Readonly<Record<ObjectType, ReadonlyMap<string, ParsedObject>>>;
}

interface ParsedObject {
  /** Frozen. */
  readonly object: unknown;
  readonly notices: readonly ConfigProblem[];
  /** It is whole, and says what must not be passed over: the configuration is refused. */
  readonly hasProblems: boolean;
}

/** Objects of one type in one configuration. */
const OBJECTS_MAX = 10_000;
/** Avi's objects nest less than ten. */
const NESTING_MAX = 100;

// To pass over one of these would be to do something else than was asked for, not something less.
const MUST_NOT_BE_PASSED_OVER: Readonly<Record<string, readonly string[]>> = {
  VirtualService: [
    'pool_group_ref',
    'vh_matches',
    'http_policies',
    'network_security_policy_ref',
    'traffic_enabled',
    'vs_datascripts',
    'service_pool_select',
  ],
  PKIProfile: ['allow_pki_errors', 'crl_file_refs'],
  Pool: ['use_service_port', 'ipaddrgroup_ref'],
  Server: ['resolve_server_by_dns'],
  // Anybody can write the field; without a list of who is believed, access rules would follow the client's own word.
  HTTPApplicationProfile: ['use_true_client_ip'],
};

const TYPES = Object.keys(objectSchemas) as ObjectType[];

/** @param former what was parsed before: an object of the same text is the same object. */
export function parseObjects(input: unknown, former?: ParsedObjects): ParsedObjects {
  const problems: ConfigProblem[] = [];
  const notices: ConfigProblem[] = [];
  const objects: Record<string, unknown[]> = {};
  const byText = {} as Record<ObjectType, Map<string, ParsedObject>>;
  for (const type of TYPES) {
    objects[type] = [];
    byText[type] = new Map();
  }
  const asParsed = (isWhole: boolean): ParsedObjects => ({
    objects: objects as unknown as ObjectSet,
    problems,
    isWhole,
    notices,
    byText,
  });
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    problems.push({
      objectType: 'configuration',
      objectName: '',
      field: '',
      message: 'must be an object whose fields are arrays of Avi objects',
    });
    return asParsed(false);
  }
  const add = (type: ObjectType, raw: unknown, index: number): boolean => {
    const text = jsonText(raw);
    const parsed =
      (text === undefined ? undefined : former?.byText[type].get(text)) ??
      parseObject(type, text, nameOf(raw) ?? `#${index}`, problems);
    if (parsed === undefined) return false;
    if (text !== undefined && !parsed.hasProblems) byText[type].set(text, parsed);
    notices.push(...parsed.notices);
    objects[type]?.push(parsed.object);
    return true;
  };
  let isWhole = true;
  for (const [type, list] of Object.entries(input)) {
    if (!TYPES.includes(type as ObjectType)) {
      isWhole = false;
      problems.push({
        objectType: type,
        objectName: '',
        field: '',
        message: `is no type that Limpet knows${nearest(type, TYPES)}`,
      });
    } else if (!Array.isArray(list) || list.length > OBJECTS_MAX) {
      isWhole = false;
      problems.push({
        objectType: type,
        objectName: '',
        field: '',
        message: `must be an array of at most ${OBJECTS_MAX} objects`,
      });
    } else {
      list.forEach((raw, index) => {
        if (!add(type as ObjectType, raw, index)) isWhole = false;
      });
    }
  }
  for (const type of TYPES) {
    const named = new Set(objects[type]?.map((object) => (object as { name: string }).name));
    for (const raw of systemObjects[type] ?? []) if (!named.has(raw.name as string)) add(type, raw, 0);
  }
  return asParsed(isWhole);
}

const frozenTexts = new WeakMap<object, string>();

/** A raw object that is not changed from now on: given again, it is known without being read. */
export function frozenInput<T extends object>(raw: T): T {
  frozenTexts.set(deepFreeze(raw), JSON.stringify(raw));
  return raw;
}

/** Undefined where it has none, as a circle or what nests so deep that the stack ends. */
function jsonText(raw: unknown): string | undefined {
  const known = typeof raw === 'object' && raw !== null ? frozenTexts.get(raw) : undefined;
  if (known !== undefined) return known;
  try {
    return JSON.stringify(raw);
  } catch {
    return undefined;
  }
}

/** A function of the text: what is parsed is a copy, which nobody else can change. */
function parseObject(
  type: ObjectType,
  text: string | undefined,
  objectName: string,
  problems: ConfigProblem[],
): ParsedObject | undefined {
  const notices: ConfigProblem[] = [];
  const report = (list: ConfigProblem[], field: string, message: string): void => {
    list.push({ objectType: type, objectName, field, message });
  };
  const raw: unknown = text === undefined ? undefined : JSON.parse(text);
  if (raw === undefined || isDeeperThan(NESTING_MAX, raw)) {
    report(problems, '', `must be a JSON object that nests at most ${NESTING_MAX} deep`);
    return undefined;
  }
  const problemsBefore = problems.length;
  const result = objectSchemas[type].safeParse(raw);
  if (typeof raw === 'object' && raw !== null && !Array.isArray(raw)) {
    checkFields(type, raw as Record<string, unknown>, (field, message, severe) =>
      report(severe ? problems : notices, field, message),
    );
  }
  if (!result.success) {
    for (const issue of result.error.issues) report(problems, pathText(issue.path), describeIssue(issue));
    return undefined;
  }
  const { uuid, tenant_ref, name } = result.data;
  const object = deepFreeze({
    ...result.data,
    uuid: uuid ?? derivedUuid(type, tenant_ref ?? 'admin', name),
  });
  return { object, notices, hasProblems: problems.length > problemsBefore };
}

function isDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeperThan(levels - 1, inner));
}

type OnField = (field: string, message: string, severe: boolean) => void;

/** Tells of fields that Avi does not have, and of those that it has and Limpet does not act upon. */
function checkFields(type: ObjectType, object: Record<string, unknown>, onField: OnField): void {
  checkLevel(type, objectSchemas[type].shape, object, '', onField);
  for (const [path, nested] of Object.entries(nestedTypes[type])) {
    for (const { value, place } of valuesAt(object, path.split('.'), '')) {
      checkLevel(nested, shapeAt(objectSchemas[type], path), value, `${place}.`, onField);
    }
  }
}

function checkLevel(
  type: string,
  shape: Record<string, unknown>,
  object: Record<string, unknown>,
  prefix: string,
  onField: OnField,
): void {
  const withoutEffect = fieldsWithoutEffect[type] ?? {};
  for (const [field, value] of Object.entries(object)) {
    // Not `in`: "constructor" is in every object.
    if (Object.hasOwn(shape, field)) continue;
    if (!Object.hasOwn(withoutEffect, field)) {
      const known = [...Object.keys(shape), ...Object.keys(withoutEffect)];
      onField(prefix + field, `${type} has no such field${nearest(field, known)}`, true);
    } else if (value !== undefined && value !== withoutEffect[field] && !isEmpty(value)) {
      const severe = MUST_NOT_BE_PASSED_OVER[type]?.includes(field) === true;
      const message = severe
        ? 'is not implemented yet and cannot be passed over; take it out'
        : 'is not implemented yet and has no effect';
      onField(prefix + field, message, severe);
    }
  }
}

function isEmpty(value: unknown): boolean {
  return value === null || value === '' || (Array.isArray(value) && value.length === 0);
}

interface PlacedObject {
  readonly value: Record<string, unknown>;
  readonly place: string;
}

/** The objects at a path such as `servers[].ip`, each with the place where it stands. */
function valuesAt(object: Record<string, unknown>, path: readonly string[], place: string): PlacedObject[] {
  const [first, ...rest] = path;
  if (first === undefined) return [{ value: object, place }];
  const isList = first.endsWith('[]');
  const field = isList ? first.slice(0, -2) : first;
  const at = place === '' ? field : `${place}.${field}`;
  const value = object[field];
  const items = isList ? (Array.isArray(value) ? value : []) : [value];
  return items.flatMap((item, index) =>
    typeof item === 'object' && item !== null
      ? valuesAt(item as Record<string, unknown>, rest, isList ? `${at}[${index}]` : at)
      : [],
  );
}

/** The fields that the schema has at such a path. */
function shapeAt(schema: z.ZodType, path: string): Record<string, unknown> {
  let current: z.ZodType = schema;
  for (const step of path.split('.')) {
    const isList = step.endsWith('[]');
    const shape = (unwrap(current) as unknown as { shape: Record<string, z.ZodType> }).shape;
    current = unwrap(shape[isList ? step.slice(0, -2) : step] as z.ZodType);
    if (isList) current = (current as unknown as { element: z.ZodType }).element;
  }
  return (unwrap(current) as unknown as { shape: Record<string, unknown> }).shape;
}

/** The schema beneath `default`, `prefault` and `optional`. */
function unwrap(schema: z.ZodType): z.ZodType {
  let current = schema;
  while ('innerType' in current.def) current = current.def.innerType as z.ZodType;
  return current;
}

/** What a schema finds wrong with a body, each with its field. */
export function bodyProblems(
  schema: z.ZodType,
  objectType: string,
  objectName: string,
  body: unknown,
): readonly ConfigProblem[] {
  const issues = schema.safeParse(body).error?.issues ?? [];
  return issues.map((issue) => ({
    objectType,
    objectName,
    field: pathText(issue.path),
    message: describeIssue(issue),
  }));
}

function nameOf(raw: unknown): string | undefined {
  const name = typeof raw === 'object' && raw !== null ? (raw as Record<string, unknown>).name : undefined;
  return typeof name === 'string' && name !== '' ? name : undefined;
}

function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) =>
      typeof part === 'number' ? `${text}[${part}]` : text === '' ? String(part) : `${text}.${String(part)}`,
    '',
  );
}

/** zod's own words, but for those that would quote a value: it may be a key. */
function describeIssue(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return `must be ${issue.expected}`;
  return issue.message;
}

/** "; did you mean …" for a name that is one or two letters away. */
function nearest(name: string, known: readonly string[]): string {
  let best: string | undefined;
  let bestDistance = 3;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best === undefined ? '' : `; did you mean "${best}"?`;
}

function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const cost = a[row - 1] === b[column - 1] ? 0 : 1;
      current.push(
        Math.min(
          (previous[column] as number) + 1,
          (current[column - 1] as number) + 1,
          (previous[column - 1] as number) + cost,
        ),
      );
    }
    previous = current;
  }
  return previous[b.length] as number;
}
