// References in the bodies of requests: every form that clients write, made into the one that is stored, `/api/<type>/<uuid>`.

import { type ApiType, type ConfigProblem, LimpetError } from '@limpet/model';
import type { ObjectView } from '../config/object-view.ts';
import type { JsonObject } from '../json.ts';
import { changeAt } from './json-paths.ts';

/** What a reference is looked up in: a view, or one with objects that are about to be made. */
export type ObjectLookup = Pick<ObjectView, 'get' | 'find'>;

export const ADMIN_TENANT = 'admin';

export type WrittenReference = {
  /** As it stands below /api; undefined where only a name or a uuid is given. */
  readonly path?: string;
} & (
  | { readonly kind: 'uuid'; readonly uuid: string }
  | { readonly kind: 'name'; readonly name: string; readonly tenant?: string }
  | { readonly kind: 'either'; readonly text: string }
);

/** Takes a URL or a path below /api with a uuid or `?name=`, with or without `#name`, and a bare uuid or name. */
export function readReference(text: string): WrittenReference {
  const at = text.indexOf('/api/');
  if (at < 0) return { kind: 'either', text: text.split('#')[0] as string };
  const [resource = '', query] = (text.slice(at + '/api/'.length).split('#')[0] as string).split('?');
  const [path = '', uuid = ''] = resource.split('/').filter((part) => part !== '');
  const parameters = new URLSearchParams(query);
  const name = parameters.get('name');
  if (uuid !== '') return { kind: 'uuid', path, uuid };
  if (name === null) return { kind: 'uuid', path, uuid: '' };
  const tenant = parameters.get('tenant');
  return { kind: 'name', path, name, ...(tenant === null ? {} : { tenant }) };
}

export function referenceTo(path: string, uuid: string): string {
  return `/api/${path}/${uuid}`;
}

/** The path and uuid of a reference as it is stored. */
export function readCanonical(text: string): { readonly path: string; readonly uuid: string } | undefined {
  const match = /^\/api\/([a-z0-9]+)\/([^/?#]+)$/.exec(text);
  return match === null ? undefined : { path: match[1] as string, uuid: match[2] as string };
}

/** Own objects of the tenant first, then those that everybody sees: the admin tenant's. */
export function findByName(lookup: ObjectLookup, type: string, tenantUuid: string, name: string) {
  return lookup.find(type, tenantUuid, name) ?? lookup.find(type, ADMIN_TENANT, name);
}

/**
 * @param pathOf the place of a type below /api.
 * @throws LimpetError OBJECT_NOT_FOUND with Avi's words and the field, or CONFIG_INVALID where it names another type.
 */
export function canonicalReferences(
  type: ApiType,
  body: JsonObject,
  tenantUuid: string,
  lookup: ObjectLookup,
  pathOf: (typeName: string) => string,
): JsonObject {
  const objectName = typeof body.name === 'string' ? body.name : '';
  return Object.entries(type.references).reduce(
    (result, [path, target]) =>
      changeAt(result, path, (value, field) => {
        if (value === undefined || value === null || value === '') return undefined;
        const problem = (message: string): { problems: readonly ConfigProblem[] } => ({
          problems: [{ objectType: type.name, objectName, field, message }],
        });
        if (typeof value !== 'string')
          throw new LimpetError('CONFIG_INVALID', undefined, problem('must be a reference: a string'));
        const written = readReference(value);
        const wantedPath = pathOf(target);
        if (written.path !== undefined && written.path.toLowerCase() !== wantedPath)
          throw new LimpetError(
            'CONFIG_INVALID',
            undefined,
            problem(`refers to an object of type ${target}, not to /api/${written.path.slice(0, 64)}`),
          );
        const uuid = resolve(written, target, tenantUuid, lookup);
        if (uuid === undefined)
          throw new LimpetError(
            'OBJECT_NOT_FOUND',
            `${target} object not found! ${type.name}${objectName === '' ? '' : ` "${objectName}"`}, ${field}: ${value.slice(0, 256)}`,
            problem('refers to an object that is not there'),
          );
        return referenceTo(wantedPath, uuid);
      }),
    body,
  );
}

function resolve(
  written: WrittenReference,
  type: string,
  tenantUuid: string,
  lookup: ObjectLookup,
): string | undefined {
  switch (written.kind) {
    case 'uuid':
      return lookup.get(type, written.uuid)?.uuid;
    case 'name': {
      if (written.tenant === undefined) return findByName(lookup, type, tenantUuid, written.name)?.uuid;
      const tenant = lookup.find('Tenant', ADMIN_TENANT, written.tenant);
      return tenant === undefined ? undefined : findByName(lookup, type, tenant.uuid, written.name)?.uuid;
    }
    case 'either':
      return (lookup.get(type, written.text) ?? findByName(lookup, type, tenantUuid, written.text))?.uuid;
  }
}
