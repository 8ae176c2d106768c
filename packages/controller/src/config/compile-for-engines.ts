// Compiling for engines: the objects compiled once, and of that for each engine what is placed on it.

import { type CheckedConfig, type CompiledConfig, compileChecked, selectCompiled } from '@limpet/model';
import type { ObjectView } from './object-view.ts';
import type { Placement } from './placement.ts';
import { parentOf } from './placement-input.ts';

/** By the uuid of the engine; one that hosts nothing has a configuration in which nothing is. */
export type CompiledForEngines = ReadonlyMap<string, CompiledConfig>;

/** @throws LimpetError CONFIG_INVALID where two servers of a pool could not be told apart. */
export function compileForEngines(
  view: ObjectView,
  checked: CheckedConfig,
  placement: Placement,
): CompiledForEngines {
  const enginesOf = hostingEngines(view, placement);
  const parts = compileChecked(checked, (uuid) => enginesOf.get(uuid) ?? []);
  const hosted = new Map<string, Set<string>>(
    view.list('ServiceEngine').map(({ uuid }) => [uuid, new Set()]),
  );
  for (const [virtualService, engines] of enginesOf)
    for (const engine of engines) hosted.get(engine)?.add(virtualService);
  // Engines of a group often host the same: it is put together and hashed once.
  const made: { readonly hosts: ReadonlySet<string>; readonly compiled: CompiledConfig }[] = [];
  const compiledFor = (hosts: ReadonlySet<string>): CompiledConfig => {
    const known = made.find((one) => areSame(one.hosts, hosts));
    if (known !== undefined) return known.compiled;
    const compiled = selectCompiled(parts, (uuid) => hosts.has(uuid));
    made.push({ hosts, compiled });
    return compiled;
  };
  return new Map([...hosted].map(([engine, hosts]) => [engine, compiledFor(hosts)]));
}

function areSame(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  if (a.size !== b.size) return false;
  for (const one of a) if (!b.has(one)) return false;
  return true;
}

/** The engines of each virtual service: a child's are those of its parent. */
export function hostingEngines(view: ObjectView, placement: Placement): Placement {
  return new Map(
    view
      .list('VirtualService')
      .map((object) => [object.uuid, placement.get(parentOf(object) ?? object.uuid) ?? []]),
  );
}
