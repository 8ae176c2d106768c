import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { describe, it } from 'node:test';
import type { HealthMonitorSnapshot } from '@limpet/model';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import { describeProbe } from './probe.conformance.ts';
import { startTarget } from './probe-target.ts';
import { probeTcp } from './tcp-probe.ts';

const hasIpv6 = Object.values(networkInterfaces())
  .flat()
  .some((one) => one?.address === '::1');

const monitor: HealthMonitorSnapshot & { kind: 'tcp' } = Object.freeze({
  kind: 'tcp',
  name: 'tcp',
  sendIntervalMs: 10_000,
  receiveTimeoutMs: 2000,
  successfulChecks: 1,
  failedChecks: 1,
});

describeProbe('tcp', '', (target, response, services) =>
  probeTcp(target, { ...monitor, request: 'HELLO\r\n', response }, services),
);

describe('the TCP probe', () => {
  it('succeeds as soon as the connection opens where no answer is asked for, and closes it', async () => {
    const target = await startTarget();
    const result = await probeTcp(target.address, monitor, createServices());
    assert.equal(result.ok, true);
    await target.until(() => target.closed === 1);
    assert.equal(target.received, '');
    await target.stop();
  });

  it('sends the request as it is configured, byte for byte', async () => {
    const target = await startTarget((socket, chunk) => chunk !== '' && socket.end('+PONG'));
    const request = 'PING\r\n\x00\xff';
    const result = await probeTcp(
      target.address,
      { ...monitor, request, response: '+PONG' },
      createServices(),
    );
    assert.equal(result.ok, true);
    assert.equal(target.received, request);
    await target.stop();
  });

  it('takes the greeting of a server that speaks first', async () => {
    const target = await startTarget((socket) => socket.write('220 mail.example ESMTP\r\n'));
    const result = await probeTcp(target.address, { ...monitor, response: '220 ' }, createServices());
    assert.equal(result.ok, true);
    await target.stop();
  });

  it('probes an IPv6 address', { skip: !hasIpv6 && 'this host has no ::1' }, async () => {
    const target = await startTarget(undefined, '::1');
    assert.equal((await probeTcp(target.address, monitor, createServices())).ok, true);
    await target.stop();
  });
});

function createServices() {
  const clock = createFakeClock();
  return { clock, deadlines: clock.deadlines };
}
