// The schema of a type as JSON Schema, for descriptions of the API.

import { z } from 'zod';
import type { ApiType } from './api-type.ts';

export type JsonSchema = Readonly<Record<string, unknown>>;

/** Of what a client gives: fields with a default may be absent. Refinements that JSON Schema has no words for are left out. */
export function jsonSchemaOf(type: ApiType): JsonSchema {
  const { $schema: _, ...schema } = z.toJSONSchema(type.schema, {
    io: 'input',
    unrepresentable: 'any',
    target: 'draft-2020-12',
  });
  return schema;
}
