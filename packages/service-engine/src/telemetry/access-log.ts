// The access log: one JSON record a line for each connection and each request, written in batches, dropped and counted when it cannot be.

import type { LogField } from '@limpet/model';
import SonicBoomModule, { type SonicBoom as SonicBoomType } from 'sonic-boom';
import type { Deadlines } from '../lifecycle/deadlines.ts';

// The package is CommonJS; its type declarations describe the class as both default and named export.
const SonicBoom = SonicBoomModule as unknown as typeof SonicBoomType;

export type AccessRecord = { readonly [field in LogField]?: string | number | boolean | readonly string[] };

export interface AccessLog {
  /** False where records would be thrown away: then they need not be made. */
  readonly enabled: boolean;
  write(record: AccessRecord): void;
  /** Opens the file anew, after a rotation of log files; where that fails it goes on with the one that it has and tries again. */
  reopen(): void;
  /** Writes what waits, for at most a second: a reader that stands still keeps nobody from ending. */
  close(): Promise<void>;
}

/** `off`, `-` for standard output, or the path of a file that is appended to. */
export type AccessLogDestination = string;

// Writes up to PIPE_BUF are not torn apart when several workers write to one pipe (POSIX write(2)).
const PIPE_BATCH_BYTES = 4096;
const FILE_BATCH_BYTES = 65_536;
const MEMORY_LIMIT_BYTES = 8 * 1024 * 1024;
const FLUSH_INTERVAL_MS = 500;
const CLOSE_TIMEOUT_MS = 1000;
/** A file that could not be opened anew, as without a free descriptor, is tried again so soon. */
const REOPEN_RETRY_MS = 1000;

const disabledLog: AccessLog = {
  enabled: false,
  write() {},
  reopen() {},
  close: () => Promise.resolve(),
};

/** @param onDrop is told of each record that was dropped because more than 8 MiB wait to be written. */
export function openAccessLog(
  destination: AccessLogDestination,
  deadlines: Deadlines,
  onDrop: () => void,
): AccessLog {
  if (destination === 'off') return disabledLog;
  const toPipe = destination === '-';
  const stream = new SonicBoom({
    ...(toPipe ? { fd: 1 } : { dest: destination, append: true, mkdir: true }),
    sync: false,
    minLength: toPipe ? 0 : FILE_BATCH_BYTES / 2,
    maxWrite: toPipe ? PIPE_BATCH_BYTES : FILE_BATCH_BYTES,
    maxLength: MEMORY_LIMIT_BYTES,
    periodicFlush: FLUSH_INTERVAL_MS,
  });
  stream.on('drop', onDrop);
  let closed = false;
  let reopening = false;
  const reopen = (): void => {
    if (closed || toPipe) return;
    reopening = true;
    stream.reopen();
    stream.once('ready', () => {
      reopening = false;
    });
  };
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (reopening && (error.syscall === 'open' || error.syscall === 'mkdir')) {
      // What waits to close the former file would close its descriptor a second time after the next try, and by then that may be a client's.
      stream.removeAllListeners('ready');
      deadlines.start(REOPEN_RETRY_MS, reopen);
      return;
    }
    // A full disk or a reader that left: the records are lost and counted, the traffic goes on.
    onDrop();
  });
  return {
    enabled: true,
    write: (record) => {
      // Whatever is wrong with the record, or the stream, the request that it tells of is served.
      try {
        stream.write(`${JSON.stringify(record)}\n`);
      } catch {
        onDrop();
      }
    },
    reopen,
    close: () =>
      new Promise((resolve) => {
        closed = true;
        const deadline = deadlines.start(CLOSE_TIMEOUT_MS, () => {
          stream.destroy();
          done();
        });
        const done = (): void => {
          deadline.cancel();
          resolve();
        };
        stream.once('close', done);
        stream.once('error', done);
        if (toPipe) stream.flush(done);
        else stream.end();
      }),
  };
}
