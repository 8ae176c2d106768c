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

/** The object that a reference names. */
export function findReferenced<T extends { readonly name: string; readonly uuid: string }>(
  objects: readonly T[],
  text: string,
): T | undefined {
  const reference = parseReference(text);
  return objects.find((object) =>
    reference.kind === 'uuid' ? object.uuid === reference.uuid : object.name === reference.name,
  );
}

/** An object that validation has shown to be there. */
export function referenced<T extends { readonly name: string; readonly uuid: string }>(
  objects: readonly T[],
  ref: string,
): T {
  const found = findReferenced(objects, ref);
  if (found === undefined) throw new Error(`"${ref}" was not validated`);
  return found;
}
