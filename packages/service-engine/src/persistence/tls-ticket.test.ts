import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { createRingKeys, type TlsSnapshot } from '@limpet/model';
import type { ClientHello } from '../client-hello/client-hello.ts';
import { createKeyRing, type KeyRing } from '../session-ticket/key-ring.ts';
import { TICKETS_OPENED_MAX } from '../session-ticket/open-ticket.ts';
import { cryptoRandom, makeTicket } from '../session-ticket/test-ring.ts';
import type { TicketKey } from '../session-ticket/ticket-key.ts';
import { describeMethod, METHOD_LIFETIME_S } from './method.conformance.ts';
import { tlsTicket } from './tls-ticket.ts';

// Only as far as the method looks at them.
const terms = {
  maxVersion: 'TLSv1.3',
  sessionReuse: true,
  sessionTimeoutS: METHOD_LIFETIME_S,
} as TlsSnapshot;

function hello(changes: Partial<ClientHello>): ClientHello {
  return { offersTls13: true, pskIdentities: [], sessionTicket: undefined, ...changes } as ClientHello;
}

const keyAt = (ring: KeyRing, index: number): TicketKey => ring.newestFirst[index] as TicketKey;

describeMethod('a TLS 1.3 ticket', {
  seal: (mapping, ring, keyIndex) =>
    makeTicket(keyAt(ring, keyIndex), { ...mapping, tls13: true, chainAgeS: 0 }),
  decide: (pskIdentities, ring, nowS) => tlsTicket.decide(hello({ pskIdentities }), terms, ring, nowS),
  triedMax: TICKETS_OPENED_MAX,
});

describe('the ticket of a ClientHello', () => {
  const nowS = 1_800_000_000;
  const ring = createKeyRing(createRingKeys(cryptoRandom, nowS), 'virtualservice-1');
  const sealed = (tls13: boolean) =>
    makeTicket(ring.current, { tls13, serverId: 1, issuedAtS: nowS, chainAgeS: 0, affinityKey: 2 });
  const tls12: TlsSnapshot = { ...terms, maxVersion: 'TLSv1.2' };

  it('is its PSK identity where TLS 1.3 will be spoken, else extension 35', () => {
    const both = hello({ pskIdentities: [sealed(true)], sessionTicket: sealed(false) });
    for (const [asked, offersTls13, tls13] of [
      [terms, true, true],
      [terms, false, false],
      [tls12, true, false],
    ] as const) {
      const decision = tlsTicket.decide({ ...both, offersTls13 }, asked, ring, nowS);
      assert.ok(decision.kind === 'opened' && decision.tls13 === tls13 && decision.presented);
      assert.equal(decision.mapping.tls13, tls13);
    }
  });

  it('is not looked at in the place of the other version', () => {
    const onlyTls12 = tlsTicket.decide(hello({ sessionTicket: sealed(false) }), terms, ring, nowS);
    assert.deepEqual(onlyTls12, { kind: 'none', tls13: true, presented: false });
    const onlyTls13 = tlsTicket.decide(hello({ pskIdentities: [sealed(true)] }), tls12, ring, nowS);
    assert.deepEqual(onlyTls13, { kind: 'none', tls13: false, presented: false });
  });

  it('counts as shown, and is not opened, where sessions are not reused', () => {
    const shown = hello({ pskIdentities: [sealed(true)] });
    const decision = tlsTicket.decide(shown, { ...terms, sessionReuse: false }, ring, nowS);
    assert.deepEqual(decision, { kind: 'none', tls13: true, presented: true });
  });

  it('is none where the client only asks for one', () => {
    const asking = hello({ offersTls13: false, sessionTicket: Buffer.alloc(0) });
    assert.equal(tlsTicket.decide(asking, terms, ring, nowS).presented, false);
    const noise = hello({ offersTls13: false, sessionTicket: randomBytes(200) });
    assert.equal(tlsTicket.decide(noise, terms, ring, nowS).kind, 'not-opened');
  });
});
