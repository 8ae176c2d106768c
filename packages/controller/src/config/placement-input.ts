// What placement is told of a view: the groups, their engines, and the virtual services that have an address of their own.

import { apiTypeByName, defaultUuid } from '@limpet/model';
import { referencesOf } from './object-references.ts';
import type { ControllerObject, ObjectView } from './object-view.ts';
import type {
  PlacedEngine,
  PlacedGroup,
  PlacedVirtualService,
  Placement,
  PlacementInput,
} from './placement.ts';

export const DEFAULT_GROUP = defaultUuid('ServiceEngineGroup', 'Default-Group');

export interface PlacementState {
  readonly former: Placement;
  /** How many engines were asked for, by the uuid of the virtual service. */
  readonly wanted: ReadonlyMap<string, number>;
  /** Uuids of engines that have been away for long. */
  readonly lost: ReadonlySet<string>;
}

export function placementInput(view: ObjectView, { former, wanted, lost }: PlacementState): PlacementInput {
  return {
    groups: new Map(view.list('ServiceEngineGroup').map((group) => [group.uuid, groupOf(group)])),
    engines: view.list('ServiceEngine').map((engine) => engineOf(engine, lost)),
    virtualServices: view
      .list('VirtualService')
      .filter((object) => parentOf(object) === undefined)
      .map((object) => placedOf(object, wanted.get(object.uuid))),
    former,
  };
}

/** The uuid of the virtual service that a child is reached through. */
export function parentOf(object: ControllerObject): string | undefined {
  return object.body.type === 'VS_TYPE_VH_CHILD' ? referenced(object, 'vh_parent_vs_ref') : undefined;
}

/** The group whose engines a virtual service is on; a child's is that of its parent. */
export function groupUuidOf(object: ControllerObject, view: ObjectView): string {
  const parent = parentOf(object);
  const owner = parent === undefined ? object : (view.get('VirtualService', parent) ?? object);
  return referenced(owner, 'se_group_ref') ?? DEFAULT_GROUP;
}

function placedOf(object: ControllerObject, wanted: number | undefined): PlacedVirtualService {
  return {
    uuid: object.uuid,
    group: referenced(object, 'se_group_ref') ?? DEFAULT_GROUP,
    unit: referenced(object, 'vsvip_ref') ?? object.uuid,
    ...(wanted === undefined ? {} : { wanted }),
  };
}

function referenced(object: ControllerObject, field: string): string | undefined {
  return referencesOf(object).find((reference) => reference.field === field)?.uuid;
}

interface GroupFields {
  readonly algo: string;
  readonly ha_mode: string;
  readonly min_scaleout_per_vs: number;
  readonly max_scaleout_per_vs: number;
  readonly max_vs_per_se: number;
}

function groupOf({ body }: ControllerObject): PlacedGroup {
  const fields = apiTypeByName('ServiceEngineGroup')?.schema.parse({ name: '-', ...body }) as GroupFields;
  const { algo, ha_mode, min_scaleout_per_vs, max_scaleout_per_vs, max_vs_per_se } = fields;
  const base = {
    algorithm: algo === 'PLACEMENT_ALGO_DISTRIBUTED' ? ('distributed' as const) : ('packed' as const),
    virtualServicesPerEngine: max_vs_per_se,
  };
  // Avi: of active and standby one engine works, and another takes over when it is gone.
  if (ha_mode === 'HA_MODE_LEGACY_ACTIVE_STANDBY') return { ...base, enginesMin: 1, enginesMax: 1 };
  const enginesMin = Math.max(min_scaleout_per_vs, ha_mode === 'HA_MODE_SHARED_PAIR' ? 2 : 1);
  return { ...base, enginesMin, enginesMax: Math.max(enginesMin, max_scaleout_per_vs) };
}

const STATES: Readonly<Record<string, PlacedEngine['state']>> = {
  SE_STATE_DISABLED_FOR_PLACEMENT: 'keeping',
  SE_STATE_DISABLED: 'disabled',
  SE_STATE_DISABLED_FORCE: 'disabled',
};

function engineOf(object: ControllerObject, lost: ReadonlySet<string>): PlacedEngine {
  const { enable_state } = object.body;
  return {
    uuid: object.uuid,
    group: referenced(object, 'se_group_ref') ?? DEFAULT_GROUP,
    state: (typeof enable_state === 'string' ? STATES[enable_state] : undefined) ?? 'enabled',
    isLost: lost.has(object.uuid),
  };
}
