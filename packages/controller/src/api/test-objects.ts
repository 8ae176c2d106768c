// Objects of tests, in the real view.

import { type ApiType, apiTypeByName } from '@limpet/model';
import { withDefaultObjects } from '../config/default-view.ts';
import { ImmutableView } from '../config/immutable-view.ts';
import type { ControllerObject } from '../config/object-view.ts';
import type { JsonObject } from '../json.ts';

export function typeNamed(name: string): ApiType {
  const type = apiTypeByName(name);
  if (type === undefined) throw new Error(name);
  return type;
}

/** With the uuid `<path>-<name>`, of tenant admin. */
export function object(
  type: string,
  body: JsonObject,
  more: Partial<ControllerObject> = {},
): ControllerObject {
  const name = String(body.name);
  return Object.freeze({
    type,
    uuid: `${typeNamed(type).path}-${name}`,
    tenantUuid: 'admin',
    name,
    body,
    secrets: new Map(),
    lastModifiedUs: 1_000_000,
    ...more,
  });
}

export function viewOf(...objects: readonly ControllerObject[]): ImmutableView {
  return ImmutableView.of(withDefaultObjects(objects), 1);
}
