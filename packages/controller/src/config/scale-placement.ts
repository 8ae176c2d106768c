// Scaling by hand: one engine more, one less, or another for a virtual service and those that share its address.

import { LimpetError } from '@limpet/model';
import type { KeptPlacement } from './kept-placement.ts';
import type { PlacementInput } from './placement.ts';

export type ScaleRequest =
  /** The engine, or whichever suits best. */
  | { readonly kind: 'out'; readonly engineUuid?: string }
  /** From the engine, or from the one that came last. */
  | { readonly kind: 'in'; readonly engineUuid?: string }
  | { readonly kind: 'migrate'; readonly fromUuid: string; readonly toUuid?: string };

/** What the next placement begins with. @throws LimpetError CONFIG_INVALID where it cannot be done. */
export function scaled(
  input: PlacementInput,
  kept: KeptPlacement,
  virtualService: { readonly uuid: string; readonly name: string },
  request: ScaleRequest,
): KeptPlacement {
  const refuse = (message: string): never => {
    const problem = { objectType: 'VirtualService', objectName: virtualService.name, field: '', message };
    throw new LimpetError('CONFIG_INVALID', undefined, { problems: [problem] });
  };
  const own = input.virtualServices.find(({ uuid }) => uuid === virtualService.uuid);
  const group = own === undefined ? undefined : input.groups.get(own.group);
  if (own === undefined || group === undefined)
    return refuse('is a child, which is where its parent is; scale the parent');
  const engines = kept.placement.get(own.uuid) ?? [];
  const count = Math.max(engines.length, kept.wanted.get(own.uuid) ?? 0);
  const demand = (uuid: string | undefined, isOn: boolean): void => {
    if (uuid === undefined) return;
    if (isOn && !engines.includes(uuid)) refuse('is not on that engine');
    if (isOn) return;
    if (engines.includes(uuid)) refuse('is on that engine already');
    const takes = input.engines.some(
      (engine) => engine.uuid === uuid && engine.group === own.group && engine.state === 'enabled',
    );
    if (!takes) refuse('cannot be on that engine: it is not enabled, or is of another group');
  };
  let [next, wanted]: [readonly string[], number] = [engines, count];
  if (request.kind === 'out') {
    demand(request.engineUuid, false);
    if (engines.length >= group.enginesMax)
      refuse(`is on ${engines.length} engines, as many as max_scaleout_per_vs of its group allows`);
    [next, wanted] = [
      request.engineUuid === undefined ? engines : [...engines, request.engineUuid],
      engines.length + 1,
    ];
  } else if (request.kind === 'in') {
    demand(request.engineUuid, true);
    if (engines.length <= group.enginesMin)
      refuse(`is on ${engines.length} engines, as few as min_scaleout_per_vs of its group allows`);
    const gone = request.engineUuid ?? engines.at(-1);
    [next, wanted] = [engines.filter((uuid) => uuid !== gone), engines.length - 1];
  } else {
    const { fromUuid } = request;
    demand(fromUuid, true);
    const isFree = ({ uuid, group: of, state, isLost }: PlacementInput['engines'][number]): boolean =>
      of === own.group && state === 'enabled' && !isLost && !engines.includes(uuid);
    const toUuid = request.toUuid ?? input.engines.find(isFree)?.uuid;
    if (toUuid === undefined) return refuse('has no other engine to go to');
    demand(toUuid, false);
    next = [...engines.filter((uuid) => uuid !== fromUuid), toUuid];
  }
  const members = input.virtualServices.filter(
    ({ unit, group: of }) => unit === own.unit && of === own.group,
  );
  return {
    placement: new Map([...kept.placement, ...members.map(({ uuid }) => [uuid, next] as const)]),
    wanted: new Map([...kept.wanted, ...members.map(({ uuid }) => [uuid, wanted] as const)]),
  };
}
