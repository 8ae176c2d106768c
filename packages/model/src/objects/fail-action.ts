// FailAction: what a pool does for clients while it is down.

import { z } from 'zod';
import { ref, text } from './fields.ts';

export const httpLocalFile = z.looseObject({
  content_type: z
    .string()
    .max(255)
    .regex(/^[\x20-\x7e]+$/, 'must be printable ASCII'),
  file_content: text,
});

export const failActionHttpLocalResponse = z.looseObject({
  status_code: z
    .enum(['FAIL_HTTP_STATUS_CODE_200', 'FAIL_HTTP_STATUS_CODE_503'])
    .default('FAIL_HTTP_STATUS_CODE_503'),
  file: httpLocalFile.optional(),
});

export const failActionHttpRedirect = z.looseObject({
  protocol: z.enum(['HTTP', 'HTTPS']).default('HTTPS'),
  host: z
    .string()
    .max(255)
    .regex(/^[A-Za-z0-9.\-_:[\]]+$/, 'must be a host name or address, with a port if need be'),
  path: z
    .string()
    .max(4096)
    .regex(/^\/?[\x21-\x22\x24-\x3e\x40-\x7e]*$/, 'must be a path without blanks, ? and #')
    .optional(),
  query: z
    .string()
    .max(4096)
    .regex(/^[\x21-\x22\x24-\x7e]*$/, 'must be a query without blanks and #')
    .optional(),
  status_code: z
    .enum(['HTTP_REDIRECT_STATUS_CODE_301', 'HTTP_REDIRECT_STATUS_CODE_302', 'HTTP_REDIRECT_STATUS_CODE_307'])
    .default('HTTP_REDIRECT_STATUS_CODE_302'),
});

export const failActionBackupPool = z.looseObject({ backup_pool_ref: ref });

export const failAction = z.looseObject({
  type: z
    .enum([
      'FAIL_ACTION_HTTP_REDIRECT',
      'FAIL_ACTION_HTTP_LOCAL_RSP',
      'FAIL_ACTION_CLOSE_CONN',
      'FAIL_ACTION_BACKUP_POOL',
    ])
    .default('FAIL_ACTION_CLOSE_CONN'),
  local_rsp: failActionHttpLocalResponse.optional(),
  redirect: failActionHttpRedirect.optional(),
  backup_pool: failActionBackupPool.optional(),
});
