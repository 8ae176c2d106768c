// The benchmark's end of the line to the load client: a command out, a report back.

import { fileURLToPath } from 'node:url';
import type { BlockReport, LoadCommand, LoadReply, LoadRequest, Negotiated } from '../load/load-command.ts';
import type { Processes, RunningProcess } from './processes.ts';

// The longest block lasts a few seconds; opening all idle connections on a busy machine may take a minute.
const REPLY_TIMEOUT_MS = 120_000;

export class LoadClient {
  readonly #process: RunningProcess;
  #lastId = 0;

  constructor(processes: Processes) {
    this.#process = processes.fork(fileURLToPath(new URL('../load/load-client.ts', import.meta.url)));
  }

  /** @throws Error where more than one operation in a hundred failed: such a figure would mean nothing. */
  async run(command: Exclude<LoadCommand, { kind: 'probe' }>): Promise<BlockReport> {
    const reply = await this.#ask(command);
    if (reply.kind !== 'block') throw new Error(`unexpected reply ${reply.kind}`);
    const { operations, errors, firstError } = reply.block;
    if (errors > operations / 100) {
      throw new Error(`${errors} of ${errors + operations} operations failed: ${firstError}`);
    }
    return reply.block;
  }

  async probe(command: Extract<LoadCommand, { kind: 'probe' }>): Promise<Negotiated> {
    const reply = await this.#ask(command);
    if (reply.kind !== 'negotiated') throw new Error(`unexpected reply ${reply.kind}`);
    return reply.negotiated;
  }

  #ask(command: LoadCommand): Promise<LoadReply> {
    const { child } = this.#process;
    const request: LoadRequest = { id: ++this.#lastId, command };
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        child.off('message', onMessage);
        child.off('exit', onExit);
      };
      const onMessage = (reply: LoadReply): void => {
        if (reply.id !== request.id) return;
        settle();
        if (reply.kind === 'failed') reject(new Error(reply.message));
        else resolve(reply);
      };
      const onExit = (): void => {
        settle();
        reject(this.#process.failure('the load client ended'));
      };
      const timer = setTimeout(() => {
        settle();
        reject(new Error(`${command.kind}: no report within ${REPLY_TIMEOUT_MS} ms`));
      }, REPLY_TIMEOUT_MS);
      child.on('message', onMessage);
      child.on('exit', onExit);
      child.send(request);
    });
  }
}
