// The thread of the embedded store: node:sqlite is synchronous, and a commit waits for the disk.

import { parentPort, workerData } from 'node:worker_threads';
import { LimpetError } from '@limpet/model/errors';
import { type Deadline, Deadlines } from '../lifecycle/deadlines.ts';
import { SqliteDatabase } from './sqlite-database.ts';
import type {
  StoreAnswer,
  StoreCall,
  StoreFailure,
  StoreRequest,
  StoreThreadData,
} from './sqlite-messages.ts';
import { lockStateFolder, makePrivateFile, makeStateFolder, stateFolder } from './state-folder.ts';

/** How long what was destroyed in the vault may stand in the files: a sweep costs as much as all of the vault. */
const SWEEP_AFTER_MS = 5000;

const port = parentPort;
if (port !== null) serve((answer) => port.postMessage(answer), (workerData as StoreThreadData).path);

function serve(answer: (answer: StoreAnswer) => void, path: string): void {
  const deadlines = new Deadlines();
  let opened: ReturnType<typeof open>;
  try {
    opened = open(path);
  } catch (error) {
    answer({ kind: 'refused', failure: failureOf(error) });
    port?.close();
    return;
  }
  const { database, lock } = opened;
  let sweeping: Deadline | undefined;
  const sweep = (): void => {
    sweeping = undefined;
    try {
      database.sweepVault();
    } catch {
      // No room, or a disk that fails: the next edit of the vault has a sweep of its own.
    }
  };
  port?.on('message', (request: StoreRequest) => {
    if (request.kind === 'close') {
      deadlines.stop();
      if (sweeping !== undefined) sweep();
      database.close();
      lock.release();
      port.close();
      return;
    }
    answer(answerTo(database, request));
    if (request.method === 'commit' && (request as StoreCall<'commit'>).args[0].vault.length > 0)
      sweeping ??= deadlines.start(SWEEP_AFTER_MS, sweep);
  });
  answer({ kind: 'opened' });
}

function open(path: string) {
  const folder = stateFolder(path);
  makeStateFolder(folder);
  const lock = lockStateFolder(folder);
  try {
    makePrivateFile(folder.database);
    return { database: new SqliteDatabase(folder.database), lock };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function answerTo(database: SqliteDatabase, { id, method, args }: StoreCall): StoreAnswer {
  try {
    const call = database[method] as (...given: unknown[]) => unknown;
    return { kind: 'result', id, result: JSON.stringify(call.apply(database, args)) };
  } catch (error) {
    return { kind: 'failure', id, failure: failureOf(error) };
  }
}

function failureOf(error: unknown): StoreFailure {
  if (error instanceof LimpetError) return { code: error.code, detail: error.detail };
  return {
    code: 'INTERNAL',
    detail: error instanceof Error ? (error.stack ?? error.message) : String(error),
  };
}
