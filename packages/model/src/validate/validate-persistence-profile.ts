// Checks of a persistence profile that a pool uses: whether its method is there, and whether what it asks for can be kept.

import type { AviObject } from '../objects/schemas.ts';
import type { ReportAt } from './report.ts';

const SUPPORTED_TYPES = ['PERSISTENCE_TYPE_TLS', 'PERSISTENCE_TYPE_HTTP_COOKIE'];

export function validatePersistenceProfile(
  { persistence_type, http_cookie_persistence_profile: cookie }: AviObject<'ApplicationPersistenceProfile'>,
  at: ReportAt,
): void {
  if (!SUPPORTED_TYPES.includes(persistence_type)) {
    at('persistence_type', `${persistence_type} is not supported yet; use ${SUPPORTED_TYPES.join(' or ')}`);
    return;
  }
  if (persistence_type !== 'PERSISTENCE_TYPE_HTTP_COOKIE' || cookie === undefined) return;
  if (cookie.is_persistent_cookie && cookie.timeout === 0) {
    at(
      'http_cookie_persistence_profile.is_persistent_cookie',
      'needs a timeout: a cookie that outlives the session has to end at some time',
    );
  }
}

/** Prefixes by which a browser takes a cookie only with the Secure attribute (RFC 6265bis §4.1.3). */
export function needsSecureCookie(name: string | undefined): boolean {
  return name !== undefined && /^__(?:host|secure)-/i.test(name);
}
