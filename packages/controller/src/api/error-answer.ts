// An error as the API answers it: the status, and a body that clients of Avi read.

import { describeProblem, type ErrorCode, errorCatalogue, LimpetError } from '@limpet/model';

export interface ErrorAnswer {
  readonly status: number;
  /** A string is sent as plain text. */
  readonly body: string | Readonly<Record<string, unknown>>;
}

/** Their detail is the whole sentence that clients look for. */
const AVIS_OWN_WORDS: ReadonlySet<ErrorCode> = new Set([
  'FIELD_TOO_NEW',
  'OBJECT_NOT_FOUND',
  'OBJECT_REFERRED',
  'NAME_TAKEN',
]);

/** Problems in one answer; the rest is counted. */
const PROBLEMS_MAX = 50;

/** @returns undefined for what is no error of the API: its text may hold anything, and is for the log only. */
export function errorAnswer(error: unknown): ErrorAnswer {
  if (error instanceof LimpetError) return limpetAnswer(error);
  const { statusCode, code } = (error ?? {}) as { readonly statusCode?: unknown; readonly code?: unknown };
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return fromCode('REQUEST_BODY_TOO_LARGE');
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return fromCode('MEDIA_TYPE_NOT_SUPPORTED');
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    case 'FST_ERR_BAD_URL':
      return fromCode('REQUEST_MALFORMED');
  }
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500)
    return { status: statusCode, body: { error: errorCatalogue.REQUEST_MALFORMED.message } };
  return fromCode('INTERNAL');
}

function fromCode(code: ErrorCode): ErrorAnswer {
  return { status: errorCatalogue[code].status, body: { error: errorCatalogue[code].message } };
}

function limpetAnswer(error: LimpetError): ErrorAnswer {
  // Recorded: plain text.
  if (error.code === 'CSRF_INVALID') return { status: error.status, body: error.message };
  // Of the framework that Avi's API is made with.
  if (error.code === 'METHOD_NOT_ALLOWED') return { status: error.status, body: { detail: error.detail } };
  const objectName = error.problems[0]?.objectName ?? '';
  const shown = error.problems.slice(0, PROBLEMS_MAX).map(describeProblem);
  const more = error.problems.length - shown.length;
  if (more > 0) shown.push(`and ${more} more`);
  const hasOwnWords = AVIS_OWN_WORDS.has(error.code) && error.detail !== '';
  const text = hasOwnWords
    ? error.detail
    : error.code === 'CONFIG_INVALID' && shown.length > 0
      ? shown.join('; ')
      : error.message;
  return {
    // Where the Controller itself fails, an error of a configuration has no status of its own.
    status: error.status === 0 ? 500 : error.status,
    body: { error: text, ...(objectName === '' ? {} : { obj_name: objectName }), code: error.code },
  };
}
