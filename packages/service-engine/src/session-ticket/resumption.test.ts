import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decideResumption, type ResumptionCase } from './resumption.ts';

const fresh: ResumptionCase = {
  tls13: true,
  sameServer: true,
  underCurrentKey: true,
  ticketAgeS: 10,
  chainAgeS: 20,
  lifetimeS: 3600,
  expiring: false,
};

describe('the resumption decision', () => {
  it('resumes and renews in TLS 1.3, under whatever key the ticket was sealed', () => {
    assert.equal(decideResumption(fresh), 2);
    assert.equal(decideResumption({ ...fresh, underCurrentKey: false, ticketAgeS: 3000 }), 2);
  });

  it('resumes without a new ticket in TLS 1.2, while key and ticket are young', () => {
    const tls12 = { ...fresh, tls13: false };
    assert.equal(decideResumption(tls12), 1);
    assert.equal(decideResumption({ ...tls12, ticketAgeS: 1800 }), 0);
    assert.equal(decideResumption({ ...tls12, underCurrentKey: false }), 0);
  });

  it('moves a client by a full handshake in both versions', () => {
    assert.equal(decideResumption({ ...fresh, sameServer: false }), 0);
    assert.equal(decideResumption({ ...fresh, tls13: false, sameServer: false }), 0);
  });

  it('ends a chain of resumptions at the session timeout (R6)', () => {
    assert.equal(decideResumption({ ...fresh, chainAgeS: 3600 }), 0);
    assert.equal(decideResumption({ ...fresh, chainAgeS: 3599 }), 2);
  });

  it('does not renew a TLS 1.2 entry that has to expire, whatever its age or key', () => {
    const expiring = {
      ...fresh,
      tls13: false,
      expiring: true,
      ticketAgeS: 3000,
      underCurrentKey: false,
      chainAgeS: 3000,
    };
    assert.equal(decideResumption(expiring), 1);
  });
});
