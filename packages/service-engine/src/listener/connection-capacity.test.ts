import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { beforeEach, describe, it } from 'node:test';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import { ConnectionCapacity } from './connection-capacity.ts';

let told: string[];
let memory: SharedArrayBuffer;
beforeEach(() => {
  told = [];
  memory = ConnectionCapacity.allocate(2);
});

function capacityOf(connections: number, places: number, worker = 0): ConnectionCapacity {
  return new ConnectionCapacity(memory, { connections, places }, worker, createFakeClock(), {
    onFull: (boundBy) => told.push(boundBy),
    onRoom: (refused) => told.push(`${refused} refused`),
  });
}

/** Whether one more connection gets in. */
const admits = (capacity: ConnectionCapacity) => capacity.admit(new Socket());

async function admitted(capacity: ConnectionCapacity): Promise<Socket> {
  const socket = new Socket();
  assert.ok(capacity.admit(socket));
  capacity.greeted(socket);
  return socket;
}

async function close(socket: Socket): Promise<void> {
  socket.destroy();
  await once(socket, 'close');
}

describe('the capacity of an engine that has descriptors for fewer connections than it has memory for', () => {
  it('refuses connections by its descriptors, and streams by its memory alone', async () => {
    const capacity = capacityOf(2, 5);
    const first = await admitted(capacity);
    await admitted(capacity);
    assert.ok(!admits(capacity));
    assert.deepEqual(told, ['descriptors']);
    for (let stream = 0; stream < 3; stream++) assert.ok(capacity.takeStream());
    assert.ok(!capacity.takeStream());
    assert.equal(ConnectionCapacity.taken(memory), 5);
    await close(first);
    assert.ok(capacity.takeStream());
    assert.ok(!admits(capacity), 'streams have taken the last place');
  });

  it('says which of the two is short, and that there is room when there is enough of both', async () => {
    const capacity = capacityOf(2, 4);
    const sockets = [await admitted(capacity), await admitted(capacity)];
    for (let stream = 0; stream < 2; stream++) assert.ok(capacity.takeStream());
    assert.ok(!capacity.takeStream());
    assert.ok(!admits(capacity));
    for (let stream = 0; stream < 2; stream++) capacity.giveStreamBack();
    assert.deepEqual(told, ['memory']);
    await close(sockets[0] as Socket);
    assert.deepEqual(told, ['memory', '2 refused']);
  });

  it('takes no connection for one that its memory refused, and gives back what a dead worker had', async () => {
    const [dead, other] = [capacityOf(3, 4, 0), capacityOf(3, 4, 1)];
    await admitted(dead);
    for (let stream = 0; stream < 3; stream++) assert.ok(dead.takeStream());
    for (let count = 0; count < 5; count++) assert.ok(!admits(other));
    ConnectionCapacity.releaseWorker(memory, 0);
    assert.equal(ConnectionCapacity.taken(memory), 0);
    for (let count = 0; count < 3; count++) await admitted(other);
    assert.ok(!admits(other));
    assert.ok(other.takeStream());
  });
});
