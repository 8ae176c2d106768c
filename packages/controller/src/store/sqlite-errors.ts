// What SQLite's error codes mean to whoever uses the store.

import { LimpetError } from '@limpet/model/errors';

// https://sqlite.org/rescode.html; the low byte is the primary code.
const BUSY = 5;
const LOCKED = 6;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;
/** A write of -shm or a truncation that found no room is no SQLITE_FULL. */
const IOERR_WITHOUT_ROOM = new Set([10 | (3 << 8), 10 | (6 << 8), 10 | (19 << 8)]);

interface SqliteError extends Error {
  readonly code: 'ERR_SQLITE_ERROR';
  readonly errcode: number;
}

function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && (error as Partial<SqliteError>).code === 'ERR_SQLITE_ERROR';
}

/** The error of the catalogue for whatever a statement threw; SQLite's messages name tables and files, and never a value. */
export function storeError(error: unknown): LimpetError {
  if (error instanceof LimpetError) return error;
  if (!isSqliteError(error)) return new LimpetError('INTERNAL', String(error), { cause: error });
  const detail = error.message;
  switch (error.errcode & 0xff) {
    case FULL:
      return new LimpetError('STORE_FULL', undefined, { cause: error });
    case BUSY:
    case LOCKED:
      return new LimpetError('STORE_LOCKED', detail, { cause: error });
    case CORRUPT:
    case NOTADB:
    case CANTOPEN:
      return new LimpetError('STORE_UNREADABLE', detail, { cause: error });
    case IOERR:
      return new LimpetError(IOERR_WITHOUT_ROOM.has(error.errcode) ? 'STORE_FULL' : 'STORE_FAILED', detail, {
        cause: error,
      });
    case READONLY:
      return new LimpetError('STORE_FAILED', detail, { cause: error });
    default:
      return new LimpetError('STORE_FAILED', detail, { cause: error });
  }
}
