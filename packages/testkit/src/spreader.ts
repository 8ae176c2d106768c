// The spreader: one address whose connections go to several engines in turn, unread, as an L4 balancer or ECMP would send them.

import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';

export interface Spreader {
  readonly port: number;
  /** Connections that each target has got. */
  readonly counts: readonly number[];
  /** Ends all connections: clients have to come again. */
  cutConnections(): void;
  stop(): Promise<void>;
}

/** @param before awaited before the connection of this number (from 0) is passed on. */
export async function startSpreader(
  targetPorts: readonly number[],
  before: (connection: number) => Promise<void> | undefined = () => undefined,
): Promise<Spreader> {
  const sockets = new Set<Socket>();
  const counts = targetPorts.map(() => 0);
  let turn = 0;
  const pass = (downstream: Socket): void => {
    const target = turn++ % targetPorts.length;
    counts[target] = (counts[target] as number) + 1;
    const upstream = createConnection(targetPorts[target] as number, '127.0.0.1');
    for (const [socket, other] of [
      [downstream, upstream],
      [upstream, downstream],
    ] as const) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  };
  let accepted = 0;
  const server = createServer((downstream) => {
    const ready = before(accepted++);
    if (ready === undefined) pass(downstream);
    else
      ready.then(
        () => pass(downstream),
        () => downstream.destroy(),
      );
  });
  const cutConnections = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    counts,
    cutConnections,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cutConnections();
      }),
  };
}
