// The engine's end of the link to its supervisor: asks for listening sockets, and is told when to go.

import { type Address, describeAddress, LimpetError } from '@limpet/model';
import type { Deadlines } from '../lifecycle/deadlines.ts';
import type { ListeningSockets } from '../listener/listening-sockets.ts';
import { giveAway, type SocketHandle } from './listening-socket.ts';
import type { EngineRequest, SupervisorToEngine } from './supervisor-messages.ts';

/** The channel of a child process, as `process` has it. */
export interface ParentChannel {
  send(message: unknown, callback: (error: Error | null) => void): void;
  onMessage(listener: (message: unknown, handle: unknown) => void): void;
  onDisconnect(listener: () => void): void;
}

export interface SupervisorLinkListener {
  /** A successor serves: no new connections, and time for those that are open. */
  onRetire(deadlineMs: number): void;
  onStop(): void;
  onCut(): void;
  onReload(): void;
}

const ANSWER_TIMEOUT_MS = 10_000;

interface Waiting {
  readonly settle: (answer: Extract<SupervisorToEngine, { id: number }>, handle: unknown) => void;
}

export class SupervisorLink implements ListeningSockets {
  readonly #channel: ParentChannel;
  readonly #deadlines: Deadlines;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #lost = false;

  constructor(channel: ParentChannel, deadlines: Deadlines, listener: SupervisorLinkListener) {
    this.#channel = channel;
    this.#deadlines = deadlines;
    channel.onMessage((received, handle) => {
      const message = received as SupervisorToEngine;
      switch (message.kind) {
        case 'retire':
          listener.onRetire(message.deadlineMs);
          break;
        case 'stop':
          listener.onStop();
          break;
        case 'cut':
          listener.onCut();
          break;
        case 'reload':
          listener.onReload();
          break;
        default:
          this.#waiting.get(message.id)?.settle(message, handle);
      }
    });
    // Without its supervisor nobody would restart, upgrade or stop it: it ends in order.
    channel.onDisconnect(() => {
      this.#lost = true;
      listener.onStop();
    });
  }

  /** Ticket keys that the process before this one left. */
  async hello(): Promise<string | undefined> {
    return (await this.#ask({ kind: 'hello' })).ticketKeys;
  }

  /** @throws LimpetError ADDRESS_IN_USE, or APPLY_FAILED with the reason. */
  async open(place: string, address: Address): Promise<Address> {
    const { address: opened } = await this.#ask({ kind: 'open', place, address }, address);
    return opened ?? address;
  }

  /** A descriptor that belongs to the caller, who closes it. @throws LimpetError APPLY_FAILED */
  async lend(address: Address): Promise<number> {
    const { handle } = await this.#ask({ kind: 'borrow', address }, address);
    // None left in this process: the kernel drops what it cannot hand over.
    if (handle === undefined || handle === null)
      throw new LimpetError('APPLY_FAILED', `no file descriptor is left for ${describeAddress(address)}`);
    return giveAway(handle as SocketHandle);
  }

  /** Never throws: a supervisor that is gone keeps nothing open. */
  async close(address: Address): Promise<void> {
    await this.#ask({ kind: 'close', address }).catch(() => {});
  }

  async keep(ticketKeys: string): Promise<void> {
    await this.#ask({ kind: 'keep', ticketKeys });
  }

  async ready(drainTimeoutMs: number): Promise<void> {
    await this.#ask({ kind: 'ready', drainTimeoutMs });
  }

  #ask(
    request: EngineRequest,
    address?: Address,
  ): Promise<{ readonly address?: Address; readonly ticketKeys?: string; readonly handle?: unknown }> {
    const id = ++this.#lastId;
    const where = address === undefined ? '' : ` on ${describeAddress(address)}`;
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        this.#waiting.delete(id);
        deadline.cancel();
        settle();
      };
      const fail = (reason: string): void =>
        finish(() => reject(new LimpetError('APPLY_FAILED', `cannot listen${where}: ${reason}`)));
      const deadline = this.#deadlines.start(ANSWER_TIMEOUT_MS, () => fail('the supervisor does not answer'));
      this.#waiting.set(id, {
        settle: (answer, handle) => {
          if (answer.kind === 'lent') finish(() => resolve({ handle }));
          else if (answer.kind === 'answer') finish(() => resolve(answer));
          else if (answer.code === 'EADDRINUSE' && address !== undefined)
            finish(() => reject(new LimpetError('ADDRESS_IN_USE', describeAddress(address))));
          else fail(answer.code);
        },
      });
      if (this.#lost) fail('the supervisor is gone');
      else
        this.#channel.send({ ...request, id }, (error) => {
          if (error !== null) fail(error.message);
        });
    });
  }
}
