// The listener: accepts TCP connections on one address:port, beside the other workers' listeners on the same one.

import { closeSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { type Address, LimpetError } from '@limpet/model';
import type { Deadlines } from '../lifecycle/deadlines.ts';

/** A connection that was accepted, and nothing more. */
export interface Accepted {
  readonly socket: Socket;
  readonly client: Address;
  readonly local: Address;
}

const BACKLOG = 4096;
/** A listener that is stopped accepts no longer than this. */
const STOP_TIMEOUT_MS = 250;

export class TcpListener {
  readonly #server: Server;
  readonly #descriptor: number | undefined;
  readonly #onAcceptError: (code: string) => void;
  #address: Address;
  #accepted = 0;

  /**
   * @param onAcceptError is told the system's code where a connection could not be accepted; it costs that connection only.
   * @param descriptor of a socket on this address that others keep open, too; it belongs to the listener. Else it opens a socket of its own.
   */
  constructor(
    address: Address,
    onAccept: (accepted: Accepted) => void,
    onAcceptError: (code: string) => void,
    descriptor?: number,
  ) {
    this.#onAcceptError = onAcceptError;
    this.#address = address;
    this.#descriptor = descriptor;
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
      this.#accepted++;
      const { remoteAddress, remotePort } = socket;
      if (remoteAddress === undefined || remotePort === undefined) {
        // It was reset while it waited to be accepted.
        socket.destroy();
        return;
      }
      onAccept({ socket, client: { ip: unmapped(remoteAddress), port: remotePort }, local: this.#address });
    });
  }

  get address(): Address {
    return this.#address;
  }

  /** Of a shared socket; until it is started nothing but its number is known. */
  get descriptor(): number | undefined {
    return this.#descriptor;
  }

  /** @throws LimpetError ADDRESS_IN_USE that names the address. */
  start(): Promise<void> {
    const { ip, port } = this.#address;
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error) => reject(describeListenError(error, this.#address)));
      const socket =
        this.#descriptor === undefined ? { host: ip, port, reusePort: true } : { fd: this.#descriptor };
      this.#server.listen({ ...socket, backlog: BACKLOG }, () => {
        this.#server.removeAllListeners('error');
        this.#server.on('error', (error: NodeJS.ErrnoException) =>
          this.#onAcceptError(error.code ?? error.message),
        );
        const bound = this.#server.address();
        if (typeof bound === 'object' && bound !== null) this.#address = { ip, port: bound.port };
        resolve();
      });
    });
  }

  /**
   * Stops accepting; connections that are open go on. To close the last descriptor of a socket resets the connections that wait in its queue, so
   * they are accepted first: until a turn of the event loop brings none, or, where they never end, for a while.
   */
  stop(deadlines: Deadlines): Promise<void> {
    let seen = this.#accepted;
    let quietTurns = 0;
    let late = false;
    const deadline = deadlines.start(STOP_TIMEOUT_MS, () => {
      late = true;
    });
    const look = (done: () => void): void => {
      quietTurns = this.#accepted === seen ? quietTurns + 1 : 0;
      seen = this.#accepted;
      // The first may lie within the turn that asked: between the two there is a look at the sockets for sure.
      if (quietTurns < 2 && !late) {
        setImmediate(look, done);
        return;
      }
      deadline.cancel();
      this.#server.close();
      done();
    };
    return new Promise((resolve) => setImmediate(look, resolve));
  }

  /** Gives the socket up at once, whether it has started or not. */
  discard(): void {
    if (this.#server.listening) this.#server.close();
    else if (this.#descriptor !== undefined) closeSync(this.#descriptor);
  }

  /** Whether others have the socket, too: then it is open already, and nothing waits for it to be opened. */
  get isShared(): boolean {
    return this.#descriptor !== undefined;
  }
}

/**
 * Finds out whether another process listens on the address, and which port 0 stands for. With reusePort a second engine would get in
 * silently and take half of the connections.
 *
 * @throws LimpetError ADDRESS_IN_USE
 */
export function probeAddress(address: Address): Promise<Address> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error) => reject(describeListenError(error, address)));
    probe.listen({ host: address.ip, port: address.port, exclusive: true }, () => {
      const bound = probe.address();
      const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
      probe.close(() => resolve({ ip: address.ip, port }));
    });
  });
}

function describeListenError(error: NodeJS.ErrnoException, { ip, port }: Address): LimpetError {
  if (error.code === 'EADDRINUSE')
    return new LimpetError('ADDRESS_IN_USE', `${ip}:${port}`, { cause: error });
  return new LimpetError('APPLY_FAILED', `cannot listen on ${ip}:${port}: ${error.code ?? error.message}`, {
    cause: error,
  });
}

/** An IPv4 client of a dual-stack listener comes as ::ffff:a.b.c.d. */
function unmapped(ip: string): string {
  return ip.startsWith('::ffff:') ? ip.slice(7) : ip;
}
