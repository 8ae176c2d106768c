// The events of a change, for whoever audits: who did what to which object, as Avi calls them.

import type { JsonObject } from '../json.ts';
import type { Actor } from '../store/object-store.ts';
import type { ChangedObject } from './configuration.ts';

/** Of one change, which may be a roll back of everything; the history has them all. */
const EVENTS_MAX = 100;

export interface ChangeEvent {
  readonly eventId: 'CONFIG_CREATE' | 'CONFIG_UPDATE' | 'CONFIG_DELETE' | 'CONFIG_MORE';
  readonly details: JsonObject;
}

export function changeEvents(
  changed: readonly ChangedObject[],
  { user, address }: Actor,
  summary: string,
  revision: number,
): readonly ChangeEvent[] {
  const common = {
    user,
    ...(address === undefined ? {} : { client_ip: address }),
    summary,
    version: revision,
  };
  const events = changed.slice(0, EVENTS_MAX).flatMap(({ before, after }): ChangeEvent[] => {
    const object = after ?? before;
    if (object === undefined) return [];
    const { type, uuid, name } = object;
    const eventId =
      before === undefined ? 'CONFIG_CREATE' : after === undefined ? 'CONFIG_DELETE' : 'CONFIG_UPDATE';
    return [{ eventId, details: { obj_type: type, obj_uuid: uuid, obj_name: name, ...common } }];
  });
  const more = changed.length - EVENTS_MAX;
  return more > 0 ? [...events, { eventId: 'CONFIG_MORE', details: { count: more, ...common } }] : events;
}
