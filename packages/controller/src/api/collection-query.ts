// The query of a request: what of a collection is asked for, and how each object is to be shown.

import { LimpetError } from '@limpet/model';

export interface Filter {
  /** As `name`, `servers.ip.addr`, `pool_ref.name`. */
  readonly field: string;
  readonly kind: 'is' | 'contains' | 'in';
  readonly values: readonly string[];
}

export interface Shown {
  /** Undefined: all. */
  readonly fields?: ReadonlySet<string>;
  /** References and url end with `#name`. */
  readonly includeName: boolean;
  readonly skipDefault: boolean;
  readonly joinRuntime: boolean;
}

export interface CollectionQuery extends Shown {
  readonly page: number;
  readonly pageSize: number;
  readonly filters: readonly Filter[];
  readonly sort: readonly { readonly field: string; readonly descending: boolean }[];
  /** Objects that refer to this one. */
  readonly refersTo?: ObjectName;
  /** Objects that this one refers to. */
  readonly referredBy?: ObjectName;
}

export interface ObjectName {
  /** As it was written: `pool` or `Pool`. */
  readonly type: string;
  readonly uuid: string;
}

/** What Avi takes where none is given. */
export const PAGE_SIZE_DEFAULT = 25;
/** A larger one is taken as this: SDKs ask for as much as there is. */
export const PAGE_SIZE_MAX = 200;
const FILTERS_MAX = 50;
/** Each is looked up in every object. */
const SORT_FIELDS_MAX = 10;

/** Not filters. Those without a use here are taken and passed over, as clients send them with every request. */
const NOT_FILTERS: ReadonlySet<string> = new Set([
  'page',
  'page_size',
  'sort',
  'fields',
  'include_name',
  'include_refs',
  'include',
  'skip_default',
  'refers_to',
  'referred_by',
  'join_subresources',
  'dry_run',
  'export_key',
  'headers_only',
  '_',
]);

const isOn = (value: string | null): boolean => value !== null && !/^(false|0|no)$/i.test(value);

export function readShown(parameters: URLSearchParams): Shown {
  const fields = listOf(parameters.get('fields'));
  return {
    ...(fields.length === 0 ? {} : { fields: new Set(fields) }),
    includeName: isOn(parameters.get('include_name')),
    skipDefault: isOn(parameters.get('skip_default')),
    joinRuntime: listOf(parameters.get('join_subresources')).some((one) => one.split(':')[0] === 'runtime'),
  };
}

/** @throws LimpetError QUERY_INVALID */
export function readCollectionQuery(parameters: URLSearchParams): CollectionQuery {
  const refersTo = objectName(parameters, 'refers_to');
  const referredBy = objectName(parameters, 'referred_by');
  return {
    ...readShown(parameters),
    page: wholeNumber(parameters, 'page', 1),
    pageSize: Math.min(wholeNumber(parameters, 'page_size', PAGE_SIZE_DEFAULT), PAGE_SIZE_MAX),
    filters: readFilters(parameters),
    sort: readSort(parameters),
    ...(refersTo === undefined ? {} : { refersTo }),
    ...(referredBy === undefined ? {} : { referredBy }),
  };
}

function readSort(parameters: URLSearchParams): CollectionQuery['sort'] {
  const fields = listOf(parameters.get('sort'));
  if (fields.length > SORT_FIELDS_MAX)
    throw new LimpetError('QUERY_INVALID', `sort has more than ${SORT_FIELDS_MAX} fields`);
  return fields.map((text) => ({ field: text.replace(/^[-+]/, ''), descending: text.startsWith('-') }));
}

/** Of what cannot be tried: done all the same, it would be the opposite of what was asked for. @throws LimpetError QUERY_INVALID */
export function refuseDryRun(parameters: URLSearchParams): void {
  if (isDryRun(parameters)) throw new LimpetError('QUERY_INVALID', 'dry_run is for changes of objects');
}

export function isDryRun(parameters: URLSearchParams): boolean {
  return isOn(parameters.get('dry_run'));
}

function readFilters(parameters: URLSearchParams): readonly Filter[] {
  const filters = [...parameters]
    .filter(([field]) => !NOT_FILTERS.has(field) && field !== 'label_key' && field !== 'label_value')
    .map(([key, value]): Filter => {
      const match = /^(.+)\.(i?contains|in)$/.exec(key);
      const field = match?.[1] ?? key;
      if (match?.[2] === 'in') return { field, kind: 'in', values: listOf(value) };
      return { field, kind: match === null ? 'is' : 'contains', values: [value] };
    });
  const labels = ['key', 'value'].flatMap((part): Filter[] => {
    const value = parameters.get(`label_${part}`);
    // Labels are Avi's markers: a key with a list of values.
    const field = part === 'key' ? 'markers.key' : 'markers.values';
    return value === null ? [] : [{ field, kind: 'is', values: [value] }];
  });
  if (filters.length > FILTERS_MAX)
    throw new LimpetError('QUERY_INVALID', `there are more than ${FILTERS_MAX} filters`);
  return [...filters, ...labels];
}

function listOf(text: string | null): string[] {
  return (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function wholeNumber(parameters: URLSearchParams, name: string, otherwise: number): number {
  const text = parameters.get(name);
  if (text === null || text === '') return otherwise;
  if (!/^\d{1,9}$/.test(text) || Number(text) < 1)
    throw new LimpetError('QUERY_INVALID', `${name} must be a whole number from 1`);
  return Number(text);
}

function objectName(parameters: URLSearchParams, name: string): ObjectName | undefined {
  const text = parameters.get(name);
  if (text === null || text === '') return undefined;
  const colon = text.indexOf(':');
  if (colon < 1) throw new LimpetError('QUERY_INVALID', `${name} must be <type>:<uuid>`);
  return { type: text.slice(0, colon), uuid: text.slice(colon + 1) };
}
