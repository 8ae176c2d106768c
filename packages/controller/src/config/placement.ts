// Placement: which virtual services are on which engines. Pure, and steady: what is placed moves only where it must.

import { createHash } from 'node:crypto';

export interface PlacedGroup {
  readonly algorithm: 'packed' | 'distributed';
  readonly enginesMin: number;
  readonly enginesMax: number;
  readonly virtualServicesPerEngine: number;
}

export interface PlacedEngine {
  readonly uuid: string;
  readonly group: string;
  /** `enabled` takes and keeps, `keeping` takes no new ones, `disabled` has none. */
  readonly state: 'enabled' | 'keeping' | 'disabled';
  /** For so long unheard of that another shall take its virtual services, if there is one. */
  readonly isLost: boolean;
}

export interface PlacedVirtualService {
  readonly uuid: string;
  readonly group: string;
  /** Those that share an address are on the same engines: the uuid of a VsVip, or its own. */
  readonly unit: string;
  /** How many engines were asked for; the group's bounds count more. */
  readonly wanted?: number;
}

/** Uuids of engines, by that of the virtual service. */
export type Placement = ReadonlyMap<string, readonly string[]>;

export interface PlacementInput {
  readonly groups: ReadonlyMap<string, PlacedGroup>;
  readonly engines: readonly PlacedEngine[];
  /** In order of creation: where engines are full, the newest wait. Without children, which are where their parent is. */
  readonly virtualServices: readonly PlacedVirtualService[];
  readonly former: Placement;
}

export interface PlacementResult {
  readonly placement: Placement;
  /** Those that have fewer engines than they should, for want of engines or of room on them. */
  readonly short: readonly { readonly uuid: string; readonly wanted: number; readonly placed: number }[];
}

export function place({ groups, engines, virtualServices, former }: PlacementInput): PlacementResult {
  const placement = new Map<string, readonly string[]>();
  const short: { uuid: string; wanted: number; placed: number }[] = [];
  for (const [uuid, group] of groups) {
    const members = virtualServices.filter((virtualService) => virtualService.group === uuid);
    if (members.length === 0) continue;
    const placing = new GroupPlacing(
      group,
      engines.filter((engine) => engine.group === uuid && engine.state !== 'disabled'),
      members,
      former,
    );
    placing.run();
    for (const { uuid: member, unit } of members) {
      const placed = placing.enginesOf(member);
      const wanted = placing.wantedOf(unit);
      placement.set(member, placed);
      if (placed.length < wanted) short.push({ uuid: member, wanted, placed: placed.length });
    }
  }
  return { placement, short };
}

interface Unit {
  readonly key: string;
  readonly members: readonly PlacedVirtualService[];
  readonly wanted: number;
  readonly engines: Set<string>;
}

class GroupPlacing {
  readonly #group: PlacedGroup;
  readonly #engines: ReadonlyMap<string, PlacedEngine>;
  readonly #units: ReadonlyMap<string, Unit>;
  readonly #former: Placement;
  readonly #placed = new Map<string, Set<string>>();
  /** Virtual services on an engine. */
  readonly #load = new Map<string, number>();

  constructor(
    group: PlacedGroup,
    engines: readonly PlacedEngine[],
    members: readonly PlacedVirtualService[],
    former: Placement,
  ) {
    this.#group = group;
    this.#engines = new Map(engines.map((engine) => [engine.uuid, engine]));
    this.#former = former;
    const units = Map.groupBy(members, ({ unit }) => unit);
    this.#units = new Map(
      [...units].map(([key, list]) => [
        key,
        { key, members: list, wanted: this.#wanted(list), engines: new Set<string>() },
      ]),
    );
    for (const { uuid } of members) this.#placed.set(uuid, new Set());
  }

  run(): void {
    for (const unit of this.#units.values()) this.#keep(unit, (engine) => !engine.isLost);
    // Every unit has its first engine before any has a second.
    const most = Math.max(...[...this.#units.values()].map(({ wanted }) => wanted));
    const lacking = [...this.#units.values()].filter(({ engines, wanted }) => engines.size < wanted);
    lacking.sort((a, b) => (a.key < b.key ? -1 : 1));
    for (let round = 1; round <= most; round++)
      for (const unit of lacking) if (unit.engines.size < Math.min(round, unit.wanted)) this.#fill(unit);
    // Where nobody can take its place, an engine that is lost may come back.
    for (const unit of lacking) this.#keep(unit, () => true);
    for (const unit of this.#units.values())
      for (const engine of unit.engines) this.#addMembers(unit, engine);
  }

  enginesOf(virtualService: string): readonly string[] {
    return [...(this.#placed.get(virtualService) ?? [])];
  }

  wantedOf(unit: string): number {
    return this.#units.get(unit)?.wanted ?? 0;
  }

  #wanted(members: readonly PlacedVirtualService[]): number {
    const { enginesMin, enginesMax } = this.#group;
    const asked = members.map(({ wanted }) => wanted ?? 0);
    return Math.max(1, Math.min(Math.max(enginesMin, ...asked), Math.max(enginesMin, enginesMax)));
  }

  /** The engines that the unit had, as many as it shall have. */
  #keep(unit: Unit, isKept: (engine: PlacedEngine) => boolean): void {
    const had = new Set(unit.members.flatMap(({ uuid }) => this.#former.get(uuid) ?? []));
    for (const uuid of had) {
      if (unit.engines.size >= unit.wanted) return;
      const engine = this.#engines.get(uuid);
      if (engine === undefined || unit.engines.has(uuid) || !isKept(engine)) continue;
      unit.engines.add(uuid);
      const kept = unit.members.filter((member) => this.#former.get(member.uuid)?.includes(uuid));
      for (const member of kept) this.#place(member.uuid, uuid);
    }
  }

  #fill(unit: Unit): void {
    const room = this.#group.virtualServicesPerEngine;
    const candidates = [...this.#engines.values()].filter(
      ({ uuid, state, isLost }) =>
        state === 'enabled' && !isLost && !unit.engines.has(uuid) && this.#loadOf(uuid) < room,
    );
    const best = candidates.reduce<PlacedEngine | undefined>(
      (first, one) => (first === undefined || this.#isBetter(one, first, unit) ? one : first),
      undefined,
    );
    if (best === undefined) return;
    unit.engines.add(best.uuid);
    this.#addMembers(unit, best.uuid);
  }

  #isBetter(a: PlacedEngine, b: PlacedEngine, unit: Unit): boolean {
    const fits = ({ uuid }: PlacedEngine): boolean =>
      this.#loadOf(uuid) + unit.members.length <= this.#group.virtualServicesPerEngine;
    if (fits(a) !== fits(b)) return fits(a);
    const [loadOfA, loadOfB] = [this.#loadOf(a.uuid), this.#loadOf(b.uuid)];
    if (loadOfA !== loadOfB)
      return this.#group.algorithm === 'packed' ? loadOfA > loadOfB : loadOfA < loadOfB;
    return rendezvous(unit.key, a.uuid) > rendezvous(unit.key, b.uuid);
  }

  /** Those of the unit that are not on the engine yet, while there is room. */
  #addMembers(unit: Unit, engine: string): void {
    for (const { uuid } of unit.members) {
      if (this.#loadOf(engine) >= this.#group.virtualServicesPerEngine) return;
      this.#place(uuid, engine);
    }
  }

  #place(virtualService: string, engine: string): void {
    const placed = this.#placed.get(virtualService);
    if (placed === undefined || placed.has(engine)) return;
    placed.add(engine);
    this.#load.set(engine, this.#loadOf(engine) + 1);
  }

  #loadOf(engine: string): number {
    return this.#load.get(engine) ?? 0;
  }
}

/** Highest random weight: another engine in the group moves only what falls to it. */
function rendezvous(unit: string, engine: string): string {
  return createHash('sha256').update(`${unit} ${engine}`).digest('hex');
}
