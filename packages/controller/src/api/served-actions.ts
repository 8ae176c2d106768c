// The actions that are served: keys of a virtual service and the engines that it is on, and engines that are no longer trusted.

import { apiTypeByName, LimpetError } from '@limpet/model';
import type { ObjectView } from '../config/object-view.ts';
import type { ScaleRequest } from '../config/scale-placement.ts';
import type { EngineLink } from '../engines/engine-link.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import type { Actor } from '../store/object-store.ts';
import type { ActionRequest, ObjectActions } from './object-actions.ts';
import { ADMIN_TENANT, readReference } from './object-references.ts';

export interface ActionServices {
  readonly link: Pick<EngineLink, 'revoke' | 'ticketKeys'>;
  readonly placement: {
    readonly view: ObjectView;
    scale(virtualServiceUuid: string, request: ScaleRequest, actor: Actor): Promise<void>;
  };
}

export function servedActions({ link, placement }: ActionServices): ObjectActions {
  const scale = (request: (body: JsonObject) => ScaleRequest) => async (call: ActionRequest) => {
    await placement.scale(call.object.uuid, request(call.body), call.actor);
    return {};
  };
  const engine = (value: JsonValue) => engineUuid(placement.view, value);
  const optional = <K extends string>(key: K, value: string | undefined) =>
    (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: string };
  return {
    VirtualService: {
      rotatekeys: async ({ object }) => {
        await link.ticketKeys.rotate(object.uuid);
        return {};
      },
      // Ours: for a key that somebody else may have. Every mapping that was sealed by it is lost.
      destroykeys: async ({ object }) => {
        await link.ticketKeys.destroy([object.uuid]);
        return {};
      },
      scaleout: scale(({ to_se_ref }) => ({ kind: 'out', ...optional('engineUuid', engine(to_se_ref)) })),
      scalein: scale(({ from_se_ref }) => ({ kind: 'in', ...optional('engineUuid', engine(from_se_ref)) })),
      migrate: scale(({ from_se_ref, to_se_ref }) => {
        const fromUuid = engine(from_se_ref);
        if (fromUuid === undefined)
          throw new LimpetError('JSON_MALFORMED', 'from_se_ref must name an engine');
        return { kind: 'migrate', fromUuid, ...optional('toUuid', engine(to_se_ref)) };
      }),
    },
    ServiceEngine: {
      // Ours: cut off for good, and the keys that it knew rotated away; or destroyed, where somebody has the engine.
      revoke: async ({ object, body }) => {
        await link.revoke(object.uuid, { destroyKeys: body.destroy_keys === true });
        return {};
      },
    },
  };
}

/** @throws LimpetError OBJECT_NOT_FOUND */
function engineUuid(view: ObjectView, value: JsonValue): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const type = apiTypeByName('ServiceEngine')?.name ?? '';
  const reference = readReference(String(value));
  const found =
    reference.kind === 'uuid'
      ? view.get(type, reference.uuid)
      : reference.kind === 'name'
        ? view.find(type, ADMIN_TENANT, reference.name)
        : (view.get(type, reference.text) ?? view.find(type, ADMIN_TENANT, reference.text));
  if (found === undefined) throw new LimpetError('OBJECT_NOT_FOUND', 'ServiceEngine object not found!');
  return found.uuid;
}
