// References between objects: by name or in any of the forms of Avi's API.

/** What a reference names: a uuid, or a name. */
export type Reference =
  | { readonly kind: 'uuid'; readonly uuid: string }
  | { readonly kind: 'name'; readonly name: string };

/**
 * Takes `name`, `/api/pool?name=web`, `/api/pool/?tenant=admin&name=web`, `/api/pool/pool-1234…`, a full URL, and any of these with `#name` (the name then counts least).
 */
export function parseReference(text: string): Reference {
  const at = text.indexOf('/api/');
  if (at < 0) return { kind: 'name', name: text };
  const [path = '', fragment] = text.slice(at).split('#');
  const [resource = '', query] = path.split('?');
  const named = query === undefined ? null : new URLSearchParams(query).get('name');
  if (named !== null) return { kind: 'name', name: named };
  const uuid = resource.split('/')[3];
  if (uuid !== undefined && uuid !== '') return { kind: 'uuid', uuid };
  return { kind: 'name', name: fragment ?? text };
}

interface Named {
  readonly name: string;
  readonly uuid: string;
}

interface Index {
  readonly names: ReadonlyMap<string, Named>;
  readonly uuids: ReadonlyMap<string, Named>;
  /** What was looked up. */
  readonly found: Map<string, Named | undefined>;
}

// Of lists that are complete. A thousand virtual services look up ten thousand references: each list is gone through once.
const indexes = new WeakMap<readonly Named[], Index>();

function indexOf(objects: readonly Named[]): Index {
  const known = indexes.get(objects);
  if (known !== undefined) return known;
  const names = new Map<string, Named>();
  const uuids = new Map<string, Named>();
  for (const object of objects) {
    // Where two have one name, which validation reports, the first has it.
    if (!names.has(object.name)) names.set(object.name, object);
    if (!uuids.has(object.uuid)) uuids.set(object.uuid, object);
  }
  const made = { names, uuids, found: new Map() };
  indexes.set(objects, made);
  return made;
}

/** The object that a reference names. @param objects are not changed from now on. */
export function findReferenced<T extends Named>(objects: readonly T[], text: string): T | undefined {
  const index = indexOf(objects);
  const known = index.found.get(text);
  if (known !== undefined || index.found.has(text)) return known as T | undefined;
  const reference = parseReference(text);
  const found = reference.kind === 'uuid' ? index.uuids.get(reference.uuid) : index.names.get(reference.name);
  index.found.set(text, found);
  return found as T | undefined;
}

/** An object that validation has shown to be there. */
export function referenced<T extends Named>(objects: readonly T[], ref: string): T {
  const found = findReferenced(objects, ref);
  if (found === undefined) throw new Error(`"${ref}" was not validated`);
  return found;
}
