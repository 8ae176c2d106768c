// Compiling what a pool does while it is down.

import type { AviObject, ObjectSet } from '../objects/schemas.ts';
import { referenced } from '../references.ts';
import type { FailAction } from '../snapshot.ts';

const REDIRECT_STATUS = {
  HTTP_REDIRECT_STATUS_CODE_301: 301,
  HTTP_REDIRECT_STATUS_CODE_302: 302,
  HTTP_REDIRECT_STATUS_CODE_307: 307,
} as const;

/** Where a local response has no file. */
const PLAIN_PAGE = {
  content_type: 'text/plain; charset=utf-8',
  file_content: 'The service is not available now.\n',
};

/** Validation has shown that what the type needs is there. */
export function compileFailAction({ fail_action }: AviObject<'Pool'>, objects: ObjectSet): FailAction {
  if (fail_action === undefined) return { kind: 'unavailable' };
  const { type, local_rsp, redirect, backup_pool } = fail_action;
  if (type === 'FAIL_ACTION_BACKUP_POOL' && backup_pool !== undefined)
    return { kind: 'backup', poolUuid: referenced(objects.Pool, backup_pool.backup_pool_ref).uuid };
  if (type === 'FAIL_ACTION_HTTP_LOCAL_RSP') {
    const { content_type, file_content } = local_rsp?.file ?? PLAIN_PAGE;
    const status = local_rsp?.status_code === 'FAIL_HTTP_STATUS_CODE_200' ? 200 : 503;
    return { kind: 'respond', status, contentType: content_type, body: file_content };
  }
  if (type === 'FAIL_ACTION_HTTP_REDIRECT' && redirect !== undefined) {
    const { protocol, host, path, query, status_code } = redirect;
    return {
      kind: 'redirect',
      status: REDIRECT_STATUS[status_code],
      protocol: protocol === 'HTTP' ? 'http' : 'https',
      host,
      ...(path === undefined ? {} : { path: path.startsWith('/') ? path : `/${path}` }),
      ...(query === undefined ? {} : { query }),
    };
  }
  return { kind: 'close' };
}
