// The embedded store: the interface, by calls to the thread that has the SQLite file open.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { LimpetError } from '@limpet/model/errors';
import type {
  Commit,
  HistoryEntry,
  HistoryQuery,
  ObjectStore,
  StoreContents,
  StoredEvent,
  StoredObject,
} from './object-store.ts';
import type { SqliteDatabase } from './sqlite-database.ts';
import type { StoreAnswer, StoreFailure, StoreMethod, StoreThreadData } from './sqlite-messages.ts';

interface Waiting {
  resolve(result: unknown): void;
  reject(error: LimpetError): void;
}

/**
 * Opens the store of a state folder, and makes both where they are not there yet.
 *
 * @throws LimpetError STORE_LOCKED, STORE_UNREADABLE, STORE_FULL
 */
export async function openSqliteStore(folder: string): Promise<ObjectStore> {
  const thread = new Worker(new URL('./sqlite-thread.ts', import.meta.url), {
    name: 'store',
    workerData: { path: folder } satisfies StoreThreadData,
  });
  const first = await firstAnswer(thread);
  if (first.kind !== 'refused') return new SqliteStore(thread);
  await thread.terminate();
  throw errorOf(first.failure);
}

async function firstAnswer(thread: Worker): Promise<StoreAnswer> {
  try {
    return ((await once(thread, 'message')) as [StoreAnswer])[0];
  } catch (error) {
    throw new LimpetError('STORE_FAILED', 'its thread did not start', { cause: error });
  }
}

class SqliteStore implements ObjectStore {
  readonly #thread: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #exited: Promise<unknown>;
  #calls = 0;
  #ended: LimpetError | undefined;

  constructor(thread: Worker) {
    this.#thread = thread;
    this.#exited = once(thread, 'exit').catch(() => {});
    thread.on('message', (answer: StoreAnswer) => this.#settle(answer));
    thread.on('error', (error) => this.#end(`its thread ended: ${error.message}`));
    thread.on('exit', () => this.#end('it is closed'));
  }

  readAll(): Promise<StoreContents> {
    return this.#call('readAll');
  }

  commit(commit: Commit): Promise<number> {
    return this.#call('commit', commit);
  }

  history(query: HistoryQuery): Promise<readonly HistoryEntry[]> {
    return this.#call('history', query);
  }

  objectsAt(revision: number): Promise<readonly StoredObject[]> {
    return this.#call('objectsAt', revision);
  }

  appendEvents(events: readonly StoredEvent[]): Promise<void> {
    return this.#call('appendEvents', events);
  }

  readEvents(query: { readonly beforeUs?: number; readonly limit: number }): Promise<readonly StoredEvent[]> {
    return this.#call('readEvents', query);
  }

  async reseal(reseal: (sealed: string) => string): Promise<void> {
    const texts = await this.#call('sealedTexts');
    await this.#call('replaceSealed', new Map(texts.map((text) => [text, reseal(text)])));
  }

  async close(): Promise<void> {
    if (this.#ended === undefined) this.#thread.postMessage({ kind: 'close' });
    await this.#exited;
  }

  #call<Method extends StoreMethod>(
    method: Method,
    ...args: Parameters<SqliteDatabase[Method]>
  ): Promise<ReturnType<SqliteDatabase[Method]>> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(this.#ended);
        return;
      }
      const id = this.#calls++;
      this.#waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
      this.#thread.postMessage({ kind: 'call', id, method, args });
    });
  }

  #settle(answer: StoreAnswer): void {
    if (answer.kind !== 'result' && answer.kind !== 'failure') return;
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (answer.kind === 'result') waiting?.resolve(parsed(answer.result));
    else waiting?.reject(errorOf(answer.failure));
  }

  #end(why: string): void {
    this.#ended ??= new LimpetError('STORE_FAILED', why);
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
  }
}

function errorOf({ code, detail }: StoreFailure): LimpetError {
  return new LimpetError(code, detail === '' ? undefined : detail);
}

function parsed(result: string | undefined): unknown {
  return result === undefined ? undefined : JSON.parse(result);
}
