import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { describe, it } from 'node:test';
import type { Address } from '@limpet/model';
import { KeptSockets } from './kept-sockets.ts';
import { bindSocket, type KeptSocket } from './listening-socket.ts';

/** Sockets that are none, and what was closed of them. */
function recorded() {
  const closed: string[] = [];
  let nextPort = 40_000;
  const socketOn = ({ ip, port }: Address): KeptSocket => {
    const address = { ip, port: port === 0 ? nextPort++ : port };
    const handle = { fd: -1, getsockname: () => 0, close: () => void closed.push(`${ip}:${address.port}`) };
    return { address, handle };
  };
  return { closed, socketOn };
}

const first = { name: 'first' };
const second = { name: 'second' };

describe('the sockets that a supervisor keeps', () => {
  it('are closed when nobody needs them any more, and not before', () => {
    const { closed, socketOn } = recorded();
    const sockets = new KeptSockets([], socketOn);
    const address = { ip: '192.0.2.1', port: 443 };
    sockets.open('a', address, first);
    sockets.open('a', address, second);
    sockets.releaseAll(first);
    assert.deepEqual(closed, []);
    assert.ok(sockets.find(address));
    sockets.release(address, second);
    sockets.release(address, second);
    assert.deepEqual(closed, ['192.0.2.1:443']);
    assert.equal(sockets.find(address), undefined);
  });

  it('give port 0 of one place the same port each time, and of another place another', () => {
    const { socketOn } = recorded();
    const sockets = new KeptSockets([], socketOn);
    const any = { ip: '127.0.0.1', port: 0 };
    const chosen = sockets.open('a', any, first);
    assert.deepEqual(sockets.open('a', any, second), chosen);
    assert.notDeepEqual(sockets.open('b', any, second), chosen);
  });

  it('are those that systemd passed where the address is the same, and these are never closed', () => {
    const { closed, socketOn } = recorded();
    const passed = socketOn({ ip: '::1', port: 443 });
    const sockets = new KeptSockets([passed], () => assert.fail('nothing is opened'));
    assert.deepEqual(sockets.open('a', { ip: '::1', port: 443 }, first), { ip: '::1', port: 443 });
    assert.equal(sockets.find({ ip: '::1', port: 443 }), passed);
    sockets.releaseAll(first);
    assert.deepEqual(closed, []);
  });

  const skip = net.BoundSocket === undefined && 'an older Node';
  it('are real ones: bound but not listening, and a port that somebody listens on is refused', {
    skip,
  }, async () => {
    const listening = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => listening.once('listening', resolve));
    const taken = (listening.address() as { port: number }).port;
    assert.throws(() => bindSocket({ ip: '127.0.0.1', port: taken }), { code: 'EADDRINUSE' });
    listening.close();
    const socket = bindSocket({ ip: '127.0.0.1', port: 0 });
    assert.ok(socket.address.port > 0 && socket.handle.fd > 2);
    // Bound is not listening: nobody is kept waiting for an engine that may never come.
    await assert.rejects(once(net.connect(socket.address.port, '127.0.0.1'), 'connect'), {
      code: 'ECONNREFUSED',
    });
    socket.handle.close();
  });
});
