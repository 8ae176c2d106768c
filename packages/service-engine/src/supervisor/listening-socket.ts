// A listening socket that a process keeps without accepting from it, so that it can be lent to the processes that do.

import net, { Socket } from 'node:net';
import type { Address } from '@limpet/model';

/** What Node's child processes can be sent: the handle beneath a socket, sent as it is and used by no stream on either side. */
export interface SocketHandle {
  readonly fd: number;
  getsockname(into: { address?: string; port?: number }): number;
  close(): void;
}

export interface KeptSocket {
  /** Port 0 has become a port. */
  readonly address: Address;
  readonly handle: SocketHandle;
}

/**
 * Binds. It begins to listen when the first process that it is lent to says so, and the queue of connections that wait to be accepted is then the
 * socket's, whoever comes and goes.
 *
 * @throws with a `code`: EADDRINUSE, EADDRNOTAVAIL, EACCES …
 */
export function bindSocket({ ip, port }: Address): KeptSocket {
  // Older ones than the pinned Node do not have it; by name it could not even be imported there.
  if (net.BoundSocket === undefined) throw new Error('this Node has no net.BoundSocket: it is too old');
  const bound = new net.BoundSocket({ host: ip, port });
  const address = { ip, port: (bound.address() as { port: number }).port };
  return { address, handle: handleOf(new Socket({ handle: bound, ...UNUSED })) };
}

/**
 * Takes over a listening socket that this process was started with. It accepts nothing.
 *
 * @returns undefined where the descriptor is no TCP socket.
 */
export function adoptSocket(fd: number): KeptSocket | undefined {
  let handle: SocketHandle;
  try {
    handle = handleOf(new Socket({ fd, ...UNUSED }));
  } catch {
    return undefined;
  }
  const name: { address?: string; port?: number } = {};
  const failed = typeof handle.getsockname !== 'function' || handle.getsockname(name) !== 0;
  if (failed || name.address === undefined || name.port === undefined) return undefined;
  return { address: { ip: name.address, port: name.port }, handle };
}

/**
 * The descriptor of a handle that was sent to this process, for a thread of it that will own and close it. The handle itself must never be closed
 * then: by that time the number may be another's. So it is kept for ever, some hundred bytes for each listener of each worker.
 */
export function giveAway(handle: SocketHandle): number {
  givenAway.push(handle);
  return handle.fd;
}

const givenAway: SocketHandle[] = [];

// The stream is there for its handle alone; without these it would begin to read.
const UNUSED = { readable: false, writable: false, manualStart: true } as const;

/** Node documents `_handle` as what `listen` and `send` look for; it has no other way to send a socket that does not accept. */
function handleOf(socket: Socket): SocketHandle {
  return (socket as unknown as { readonly _handle: SocketHandle })._handle;
}
