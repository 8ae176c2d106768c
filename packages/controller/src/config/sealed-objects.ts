// Objects as the store has them, and as the Controller has them: secrets sealed in the one, open in the other.

import { deepFreeze } from '@limpet/model';
import type { StoredObject } from '../store/object-store.ts';
import type { SecretBox } from '../store/secret-box.ts';
import type { ControllerObject } from './object-view.ts';

export function sealObject(object: ControllerObject, box: SecretBox): StoredObject {
  const { type, uuid, tenantUuid, name, body, secrets, lastModifiedUs } = object;
  const sealed = Object.fromEntries(
    [...secrets].map(([path, secret]) => [path, box.seal(purposeOf(object, path), secret)]),
  );
  return { type, uuid, tenantUuid, name, body, sealed, lastModifiedUs };
}

/** @throws LimpetError SECRET_UNREADABLE */
export function openObject(stored: StoredObject, box: SecretBox): ControllerObject {
  const { type, uuid, tenantUuid, name, body, sealed, lastModifiedUs } = stored;
  const secrets = new Map(
    Object.entries(sealed).map(([path, text]) => [path, box.open(purposeOf(stored, path), text)]),
  );
  return Object.freeze({ type, uuid, tenantUuid, name, body: deepFreeze(body), secrets, lastModifiedUs });
}

function purposeOf({ type, uuid }: { readonly type: string; readonly uuid: string }, path: string): string {
  return `${type}/${uuid}/${path}`;
}
