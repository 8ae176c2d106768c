// Compiling a persistence profile: by which method clients keep their servers, and on what terms.

import { createHash } from 'node:crypto';
import type { AviObject, ObjectSet } from '../objects/schemas.ts';
import { referenced } from '../references.ts';
import type { PersistenceCookieSnapshot, PersistenceSnapshot, Recovery } from '../snapshot.ts';

const RECOVERY: Readonly<Record<string, Recovery>> = {
  HM_DOWN_PICK_NEW_SERVER: 'immediate',
  HM_DOWN_CONTINUE_PERSISTENT_SERVER: 'never',
  HM_DOWN_ABORT_CONNECTION: 'abort',
};

export function compilePersistence(pool: AviObject<'Pool'>, objects: ObjectSet): PersistenceSnapshot {
  const ref = pool.application_persistence_profile_ref;
  if (ref === undefined) return { kind: 'none' };
  const profile = referenced(objects.ApplicationPersistenceProfile, ref);
  const terms = {
    profileName: profile.name,
    recovery: RECOVERY[profile.server_hm_down_recovery] ?? 'immediate',
  };
  if (profile.persistence_type !== 'PERSISTENCE_TYPE_HTTP_COOKIE') return { kind: 'tls', ...terms };
  return { kind: 'http-cookie', ...terms, cookie: compileCookie(profile) };
}

function compileCookie({
  uuid,
  http_cookie_persistence_profile: cookie,
}: AviObject<'ApplicationPersistenceProfile'>): PersistenceCookieSnapshot {
  return {
    name: cookie?.cookie_name ?? derivedCookieName(uuid),
    timeoutS: (cookie?.timeout ?? 0) * 60,
    alwaysSend: cookie?.always_send_cookie ?? false,
    httpOnly: cookie?.http_only ?? false,
    persistent: cookie?.is_persistent_cookie ?? false,
  };
}

const LETTERS = 8;

/** Avi makes up eight letters for a profile that names no cookie; here all engines must make up the same. */
export function derivedCookieName(profileUuid: string): string {
  const digest = createHash('sha256').update(`limpet cookie name ${profileUuid}`).digest();
  return String.fromCharCode(...digest.subarray(0, LETTERS).map((byte) => 0x41 + (byte % 26)));
}
