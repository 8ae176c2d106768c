// What ControllerProperties says, with its defaults.

import { apiTypeByName, withDefaults } from '@limpet/model';
import type { ObjectView } from '../config/object-view.ts';
import type { JsonValue } from '../json.ts';

export function readProperty(view: ObjectView, field: string): JsonValue {
  const type = apiTypeByName('ControllerProperties');
  if (type === undefined) return undefined;
  return withDefaults(type, view.list('ControllerProperties')[0]?.body ?? {})[field] as JsonValue;
}
