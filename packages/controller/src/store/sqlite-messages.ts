// What the thread of the embedded store is told and answers.

import type { ErrorCode } from '@limpet/model/errors';
import type { SqliteDatabase } from './sqlite-database.ts';

/** The methods of the database that may be called from another thread. */
export type StoreMethod =
  | 'readAll'
  | 'commit'
  | 'history'
  | 'objectsAt'
  | 'appendEvents'
  | 'readEvents'
  | 'sealedTexts'
  | 'replaceSealed';

export interface StoreCall<Method extends StoreMethod = StoreMethod> {
  readonly kind: 'call';
  readonly id: number;
  readonly method: Method;
  readonly args: Parameters<SqliteDatabase[Method]>;
}

export type StoreRequest = StoreCall | { readonly kind: 'close' };

export interface StoreFailure {
  readonly code: ErrorCode;
  readonly detail: string;
}

export type StoreAnswer =
  | { readonly kind: 'opened' }
  | { readonly kind: 'refused'; readonly failure: StoreFailure }
  /** JSON, since a structured clone of all objects takes twice as long. Absent for a method without a result. */
  | { readonly kind: 'result'; readonly id: number; readonly result: string | undefined }
  | { readonly kind: 'failure'; readonly id: number; readonly failure: StoreFailure };

/** What the thread is started with. */
export interface StoreThreadData {
  /** Of the state folder. */
  readonly path: string;
}
