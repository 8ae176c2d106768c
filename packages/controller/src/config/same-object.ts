// Whether two objects say the same, whenever each was made and in whatever order its fields stand.

import { canonicalJson } from '@limpet/model';
import type { ControllerObject } from './object-view.ts';

type Said = Omit<ControllerObject, 'lastModifiedUs'>;

export function isSameObject(a: Said, b: Said): boolean {
  if (a === b) return true;
  if (a.type !== b.type || a.uuid !== b.uuid || a.name !== b.name || a.tenantUuid !== b.tenantUuid)
    return false;
  if (a.secrets.size !== b.secrets.size) return false;
  for (const [path, secret] of a.secrets) if (b.secrets.get(path) !== secret) return false;
  return canonicalJson(a.body) === canonicalJson(b.body);
}
