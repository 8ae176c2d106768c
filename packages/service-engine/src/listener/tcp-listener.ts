// The listener: accepts TCP connections on one address:port, beside the other workers' listeners on the same one.

import { createServer, type Server, type Socket } from 'node:net';
import type { Address } from '@limpet/model';
import { LimpetError } from '@limpet/model';

/** A connection that was accepted, and nothing more. */
export interface Accepted {
  readonly socket: Socket;
  readonly client: Address;
  readonly local: Address;
}

const BACKLOG = 4096;

export class TcpListener {
  readonly #server: Server;
  #address: Address;

  constructor(address: Address, onAccept: (accepted: Accepted) => void) {
    this.#address = address;
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
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

  /** @throws LimpetError ADDRESS_IN_USE that names the address. */
  start(): Promise<void> {
    const { ip, port } = this.#address;
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error) => reject(describeListenError(error, this.#address)));
      this.#server.listen({ host: ip, port, backlog: BACKLOG, reusePort: true }, () => {
        this.#server.removeAllListeners('error');
        // An accept that fails (no descriptors left) costs that connection only.
        this.#server.on('error', () => {});
        const bound = this.#server.address();
        if (typeof bound === 'object' && bound !== null) this.#address = { ip, port: bound.port };
        resolve();
      });
    });
  }

  /** Stops accepting; connections that are open go on. */
  stop(): void {
    this.#server.close();
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
