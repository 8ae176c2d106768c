// The immutable view: what is not changed is shared from revision to revision, and the indexes with it.

import { referencesOf } from './object-references.ts';
import type { ControllerObject, ObjectView } from './object-view.ts';

/** Objects of one type. Insertion order of the map is that of creation. */
interface OfType {
  readonly byUuid: ReadonlyMap<string, ControllerObject>;
  /** Uuid by tenant and name. */
  readonly byName: ReadonlyMap<string, string>;
  /** Those who refer to an object of this type, as type and uuid, by its uuid. */
  readonly referrers: ReadonlyMap<string, ReadonlySet<string>>;
}

export type ViewEdit =
  | { readonly kind: 'put'; readonly object: ControllerObject }
  | { readonly kind: 'delete'; readonly type: string; readonly uuid: string };

const NONE: OfType = Object.freeze({ byUuid: new Map(), byName: new Map(), referrers: new Map() });

export class ImmutableView implements ObjectView {
  readonly revision: number;
  readonly #types: ReadonlyMap<string, OfType>;
  readonly #lists = new Map<string, readonly ControllerObject[]>();

  private constructor(revision: number, types: ReadonlyMap<string, OfType>) {
    this.revision = revision;
    this.#types = types;
  }

  static of(objects: readonly ControllerObject[], revision: number): ImmutableView {
    const edits = objects.map((object) => ({ kind: 'put' as const, object }));
    return new ImmutableView(0, new Map()).with(edits, revision);
  }

  get(type: string, uuid: string): ControllerObject | undefined {
    return this.#types.get(type)?.byUuid.get(uuid);
  }

  find(type: string, tenantUuid: string, name: string): ControllerObject | undefined {
    const uuid = this.#types.get(type)?.byName.get(nameKey(tenantUuid, name));
    return uuid === undefined ? undefined : this.get(type, uuid);
  }

  list(type: string): readonly ControllerObject[] {
    const known = this.#lists.get(type);
    if (known !== undefined) return known;
    const made = Object.freeze([...(this.#types.get(type)?.byUuid.values() ?? [])]);
    this.#lists.set(type, made);
    return made;
  }

  referrers(type: string, uuid: string): readonly ControllerObject[] {
    const found = new Set<ControllerObject>();
    for (const key of this.#types.get(type)?.referrers.get(uuid) ?? []) {
      const at = key.indexOf(' ');
      const object = this.get(key.slice(0, at), key.slice(at + 1));
      if (object !== undefined) found.add(object);
    }
    // Every object belongs to a tenant; an index of that would be the list of all.
    if (type === 'Tenant') for (const object of this.all()) if (belongsTo(object, uuid)) found.add(object);
    return [...found];
  }

  referred(object: ControllerObject): readonly ControllerObject[] {
    const found = referencesOf(object).flatMap(({ type, uuid }) =>
      uuid === undefined ? [] : (this.get(type, uuid) ?? []),
    );
    return [...new Set(found)];
  }

  *all(): Iterable<ControllerObject> {
    for (const { byUuid } of this.#types.values()) yield* byUuid.values();
  }

  /** A view of the next revision; this one stays what it is. */
  with(edits: readonly ViewEdit[], revision: number): ImmutableView {
    const types = new Map(this.#types);
    const draft = new Draft(types);
    for (const edit of edits) {
      const [type, uuid] =
        edit.kind === 'put' ? [edit.object.type, edit.object.uuid] : [edit.type, edit.uuid];
      draft.replace(type, uuid, edit.kind === 'put' ? edit.object : undefined);
    }
    const view = new ImmutableView(revision, types);
    for (const [type, list] of this.#lists)
      if (types.get(type)?.byUuid === this.#types.get(type)?.byUuid) view.#lists.set(type, list);
    return view;
  }
}

type Copied = { -readonly [K in keyof OfType]: OfType[K] };

/** Copies each map of a type before its first change. */
class Draft {
  readonly #types: Map<string, OfType>;
  readonly #copies = new Set<unknown>();

  constructor(types: Map<string, OfType>) {
    this.#types = types;
  }

  replace(type: string, uuid: string, after: ControllerObject | undefined): void {
    const before = this.#types.get(type)?.byUuid.get(uuid);
    if (before === undefined && after === undefined) return;
    const byUuid = this.#map(type, 'byUuid');
    if (after === undefined) byUuid.delete(uuid);
    else byUuid.set(uuid, after);
    const [oldName, newName] = [before, after].map((one) =>
      one === undefined || one.name === '' ? undefined : nameKey(one.tenantUuid, one.name),
    );
    if (oldName !== newName) {
      const byName = this.#map(type, 'byName');
      if (oldName !== undefined && byName.get(oldName) === uuid) byName.delete(oldName);
      if (newName !== undefined) byName.set(newName, uuid);
    }
    this.#refer(`${type} ${uuid}`, before, after);
  }

  #refer(key: string, before: ControllerObject | undefined, after: ControllerObject | undefined): void {
    const [old, fresh] = [targetsOf(before), targetsOf(after)];
    for (const [target, at] of old) if (!fresh.has(target)) this.#referrers(at).delete(key);
    for (const [target, at] of fresh) if (!old.has(target)) this.#referrers(at).add(key);
  }

  #referrers({ type, uuid }: Target): Set<string> {
    const referrers = this.#map(type, 'referrers');
    const known = referrers.get(uuid);
    if (known !== undefined && this.#copies.has(known)) return known as Set<string>;
    const copy = new Set(known);
    this.#copies.add(copy);
    referrers.set(uuid, copy);
    return copy;
  }

  #map<K extends keyof OfType>(type: string, which: K): Map<string, ValueOf<OfType[K]>> {
    const ofType: OfType = this.#types.get(type) ?? NONE;
    const map = ofType[which] as ReadonlyMap<string, ValueOf<OfType[K]>>;
    if (this.#copies.has(map)) return map as Map<string, ValueOf<OfType[K]>>;
    const copy = new Map(map);
    this.#copies.add(copy);
    const changed: Copied = { ...ofType };
    changed[which] = copy as unknown as OfType[K];
    this.#types.set(type, changed);
    return copy;
  }
}

type ValueOf<M> = M extends ReadonlyMap<string, infer V> ? V : never;

interface Target {
  readonly type: string;
  readonly uuid: string;
}

function targetsOf(object: ControllerObject | undefined): ReadonlyMap<string, Target> {
  const targets = new Map<string, Target>();
  if (object === undefined) return targets;
  for (const { type, uuid } of referencesOf(object))
    if (uuid !== undefined) targets.set(`${type} ${uuid}`, { type, uuid });
  return targets;
}

function belongsTo({ type, uuid, tenantUuid }: ControllerObject, tenant: string): boolean {
  return tenantUuid === tenant && !(type === 'Tenant' && uuid === tenant);
}

function nameKey(tenantUuid: string, name: string): string {
  return `${tenantUuid} ${name}`;
}
