// A session never outlives the certificate of its client, and the ticket is no dead end for the client that has renewed it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createTemporaryCa, type TemporaryCa } from '@limpet/testkit';
import {
  authorities,
  bothTlsVersions,
  type CertificateBed,
  clientWith,
  startCertificateBed,
  startTellingServer,
  visit,
} from './support/client-certificates.ts';
import { eventually } from './support/engine.ts';
import type { OriginServer } from './support/origin-server.ts';

const LIFE_S = 6;

describe('the session of a client whose certificate expires', { concurrency: true }, () => {
  let ca: TemporaryCa;
  let origin: OriginServer;
  let bed: CertificateBed;
  before(async () => {
    [ca, origin] = await Promise.all([createTemporaryCa('Root'), startTellingServer()]);
    bed = await startCertificateBed(origin, 'REQUIRE', authorities(ca));
  });
  after(async () => {
    await bed.stop();
    await origin.stop();
  });

  for (const version of bothTlsVersions) {
    it(`is resumed before and not after, and a renewed certificate is asked for and taken (R6, ${version})`, async () => {
      const late = await ca.issue({ clientSubject: 'CN=Soon Late', days: LIFE_S / 86_400 });
      const endMs = Date.now() + LIFE_S * 1000;
      const client = clientWith(late, version);
      assert.equal((await visit(client, bed.port)).reused, false);
      assert.equal((await visit(client, bed.port)).reused, true);
      // What a client keeps that is not told.
      const kept = [...client.tickets];
      await eventually(() => Date.now() > endMs + 1000, 'the certificate has expired');
      assert.equal((await visit(client, bed.port)).told, undefined);
      const renewed = clientWith(await ca.issue({ clientSubject: 'CN=In Time' }), version);
      renewed.tickets.push(...kept);
      const seen = await visit(renewed, bed.port);
      assert.equal(seen.reused, false);
      assert.equal(seen.told?.['x-ssl-client-subject'], 'CN=In Time', seen.error);
    });
  }
});
