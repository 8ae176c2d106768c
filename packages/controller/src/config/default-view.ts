// The objects that a Controller has before anybody has made one; what is stored of the same uuid takes their place.

import { ADMIN_TENANT, deepFreeze, defaultObjects } from '@limpet/model';
import type { JsonObject } from '../json.ts';
import type { ControllerObject } from './object-view.ts';

export const defaultControllerObjects: readonly ControllerObject[] = defaultObjects.map(
  ({ type, uuid, name, body }) =>
    Object.freeze({
      type,
      uuid,
      tenantUuid: ADMIN_TENANT,
      name,
      body: deepFreeze(structuredClone(body)) as JsonObject,
      secrets: new Map(),
      lastModifiedUs: 0,
    }),
);

/** Stored objects, in their order, with the default ones that are not among them before. */
export function withDefaultObjects(stored: readonly ControllerObject[]): readonly ControllerObject[] {
  const keys = new Set(stored.map(({ type, uuid }) => `${type} ${uuid}`));
  return [...defaultControllerObjects.filter(({ type, uuid }) => !keys.has(`${type} ${uuid}`)), ...stored];
}

export function defaultObjectOf(type: string, uuid: string): ControllerObject | undefined {
  return defaultControllerObjects.find((object) => object.type === type && object.uuid === uuid);
}
