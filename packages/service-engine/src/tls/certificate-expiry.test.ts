import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Snapshot } from '@limpet/model';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import { CertificateExpiry, firstExpiryS } from './certificate-expiry.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** One virtual service, a certificate for each number of days that it is still good for. */
function bedWith(...days: readonly number[]) {
  const clock = createFakeClock();
  const told: string[] = [];
  const expiry = new CertificateExpiry(clock, clock.deadlines, ({ certificate, virtualService, daysLeft }) =>
    told.push(`${virtualService} ${certificate.fingerprint} ${daysLeft}`),
  );
  const certificates = days.map((left, index) => ({
    fingerprint: `f${index}`,
    notAfterS: Math.floor((clock.unixMs() + left * DAY_MS) / 1000),
  }));
  const snapshot = {
    virtualServices: [{ uuid: 'u', name: 'shop', tls: { certificates } }],
  } as unknown as Snapshot;
  expiry.apply(snapshot);
  const take = () => told.splice(0);
  return { clock, expiry, snapshot, take };
}

describe('a certificate', () => {
  it('that is good for long is not told of', () => {
    const { clock, take, expiry } = bedWith(90);
    clock.jump(59 * DAY_MS);
    assert.deepEqual(take(), []);
    expiry.stop();
  });

  it('is told of 30, 7 and 1 days before its end and at its end, once each', () => {
    const { clock, take, expiry } = bedWith(31);
    const daysTold: string[] = [];
    for (let day = 0; day < 35; day++) {
      for (let hour = 0; hour < 24; hour++) clock.jump(HOUR_MS);
      daysTold.push(...take());
    }
    assert.deepEqual(daysTold, ['shop f0 30', 'shop f0 7', 'shop f0 1', 'shop f0 0']);
    expiry.stop();
  });

  it('that is late already is told of at once, by its stage, and not again at a reload', () => {
    const { take, expiry, snapshot } = bedWith(-2, 5, 20, 400);
    assert.deepEqual(take(), ['shop f0 -2', 'shop f1 5', 'shop f2 20']);
    expiry.apply(snapshot);
    assert.deepEqual(take(), []);
    expiry.stop();
  });

  it('that was renewed is forgotten', () => {
    const { clock, take, expiry } = bedWith(0.5);
    assert.equal(take().length, 1);
    expiry.apply({ virtualServices: [] } as unknown as Snapshot);
    clock.jump(2 * DAY_MS);
    assert.deepEqual(take(), []);
    expiry.stop();
    // The wheel stops when it finds itself empty.
    clock.advance(100);
    assert.equal(clock.tickersRunning, 0);
  });
});

describe('the first expiry', () => {
  it('is that of the certificate which ends first', () => {
    const ending = (notAfterS: number) => ({ notAfterS }) as never;
    assert.equal(firstExpiryS([ending(30), ending(10), ending(20)]), 10);
    assert.equal(firstExpiryS([]), undefined);
  });
});
