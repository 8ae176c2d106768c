// Tests of where the addresses of a snapshot are listened on.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Address, describeAddress, type Snapshot } from '@limpet/model';
import { BoundPorts } from './bound-ports.ts';

const at = (port: number): Address => ({ ip: '127.0.0.1', port });

function snapshotOf(...ports: readonly number[]): Snapshot {
  const listeners = ports.map((port) => ({ address: at(port), terminatesTls: true }));
  return {
    hash: '',
    pools: [],
    virtualServices: [{ uuid: 'vs', listeners, http: {} }],
  } as unknown as Snapshot;
}

function openSockets() {
  const open = new Set<string>();
  return {
    open,
    sockets: {
      open: async (_place: string, address: Address) => {
        open.add(describeAddress(address));
        return address;
      },
      lend: async () => undefined,
      close: async (address: Address) => void open.delete(describeAddress(address)),
    },
  };
}

describe('the ports of a snapshot', () => {
  it('are opened where they are mapped to, and elsewhere where they are configured', async () => {
    const { open, sockets } = openSockets();
    const ports = new BoundPorts(sockets, [{ configured: at(8443), listened: at(8444) }]);
    const { snapshot, opened } = await ports.bind(snapshotOf(8443, 9443), undefined);
    assert.deepEqual([...open], ['127.0.0.1:8444', '127.0.0.1:9443']);
    assert.deepEqual(opened, [at(8444), at(9443)]);
    const listened = snapshot.virtualServices[0]?.listeners.map(({ address }) => address);
    assert.deepEqual(listened, [at(8444), at(9443)]);
    // Again: they are its own by now.
    assert.deepEqual((await ports.bind(snapshotOf(8443, 9443), snapshot)).opened, []);
  });

  it('are all given back where a mapping brings two to one', async () => {
    const { open, sockets } = openSockets();
    const ports = new BoundPorts(sockets, [{ configured: at(8443), listened: at(8444) }]);
    await assert.rejects(
      ports.bind(snapshotOf(8443, 8444), undefined),
      /127\.0\.0\.1:8444 would stand for both 127\.0\.0\.1:8443 and 127\.0\.0\.1:8444; change --listen-map/,
    );
    assert.deepEqual([...open], []);
  });
});
