// A session is resumed only by the policy that it was made by; the mapping in its ticket steers all the same.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Certificate, createTemporaryCa, type TemporaryCa, type TicketClient } from '@limpet/testkit';
import {
  authorities,
  bothTlsVersions,
  type CertificateBed,
  chained,
  clientWith,
  lists,
  startCertificateBed,
  startTellingServer,
  type Visit,
  visit,
} from './support/client-certificates.ts';
import { eventually } from './support/engine.ts';
import { bothVersions, openClient } from './support/http-clients.ts';
import type { OriginServer } from './support/origin-server.ts';

const NAMES = ['web-1', 'web-2', 'web-3'] as const;

let ca: TemporaryCa;
let other: TemporaryCa;
let ada: Certificate;
let bob: Certificate;
let carl: Certificate;
let origins: readonly OriginServer[];
let bed: CertificateBed;
before(async () => {
  [ca, other] = await Promise.all([createTemporaryCa('Root'), createTemporaryCa('Other')]);
  [ada, bob, carl] = await Promise.all([
    ca.issue({ clientSubject: 'CN=Ada' }),
    other.issue({ clientSubject: 'CN=Bob' }),
    ca.issue({ clientSubject: 'CN=Carl' }),
  ]);
  origins = await Promise.all(NAMES.map((name) => startTellingServer(name)));
  const servers = origins.map(({ port }, index) => ({ name: NAMES[index] as string, port }));
  bed = await startCertificateBed(origins[0] as OriginServer, 'NONE', authorities(ca), undefined, {
    servers,
  });
});
after(async () => {
  await bed.stop();
  await Promise.all(origins.map((origin) => origin.stop()));
});

const subjectOf = ({ told }: Visit) => told?.['x-ssl-client-subject'];

/** A visit that is a full handshake, though a ticket is shown, and reaches the server that the ticket names. */
async function assertSteered(client: TicketClient, first: Visit): Promise<Visit> {
  const hits = await bed.engine.metric('limpet_persistence_hits_total');
  const seen = await visit(client, bed.port);
  assert.equal(seen.reused, false);
  assert.equal(seen.server, first.server, seen.error);
  assert.equal(await bed.engine.metric('limpet_persistence_hits_total'), hits + 1);
  return seen;
}

describe('a ticket', () => {
  for (const version of bothTlsVersions) {
    it(`from before certificates were required leads to the server, and the certificate is demanded (R7, ${version})`, async () => {
      await bed.change('NONE', authorities(ca));
      const clients = [clientWith(ada, version), clientWith(undefined, version)] as const;
      const [first] = await Promise.all(clients.map((client) => visit(client, bed.port)));
      assert.ok(first);
      await bed.change('REQUIRE', authorities(ca));
      const seen = await assertSteered(clients[0], first);
      assert.equal(subjectOf(seen), 'CN=Ada');
      const without = await visit(clients[1], bed.port);
      assert.equal(without.told, undefined);
      assert.match(without.error, /ALERT_/);
    });

    it(`does not resume after an authority was removed (R7, ${version})`, async () => {
      await bed.change('REQUIRE', authorities(ca, other));
      const [adas, bobs] = [clientWith(ada, version), clientWith(bob, version)];
      await visit(adas, bed.port);
      const first = await visit(bobs, bed.port);
      await bed.change('REQUIRE', authorities(other));
      assert.equal((await visit(adas, bed.port)).told, undefined);
      assert.equal(subjectOf(await assertSteered(bobs, first)), 'CN=Bob');
    });

    it(`does not resume after a list was renewed, whoever is in it (R7, ${version})`, async () => {
      const cas = authorities(ca);
      await bed.change('REQUIRE', { ...cas, ...(await lists([ca])) });
      const [adas, carls] = [clientWith(ada, version), clientWith(carl, version)];
      const first = await visit(adas, bed.port);
      await visit(carls, bed.port);
      await bed.change('REQUIRE', { ...cas, ...(await lists([ca], carl)) });
      assert.equal(subjectOf(await assertSteered(adas, first)), 'CN=Ada');
      const revoked = () => bed.engine.metric('limpet_client_certificates_total', '"revoked"');
      const before = await revoked();
      assert.equal((await visit(carls, bed.port)).told, undefined);
      await eventually(async () => (await revoked()) === before + 1, 'the revoked one is counted');
    });

    it(`does not resume after the mode, the depth or a flag was changed, and does after anything else (R7, ${version})`, async () => {
      const cas = authorities(ca);
      await bed.change('REQUIRE', cas);
      const client = clientWith(ada, version);
      const first = await visit(client, bed.port);
      await bed.change('REQUIRE', cas, { xff_enabled: false });
      assert.equal((await visit(client, bed.port)).reused, true);
      for (const [mode, profile] of [
        ['REQUEST', cas],
        ['REQUEST', { ...cas, limpet_chain_depth_max: 3 }],
        ['REQUEST', { ...cas, ignore_peer_chain: true }],
        ['REQUEST', { ...cas, validate_only_leaf_crl: false }],
      ] as const) {
        await bed.change(mode, profile);
        assert.equal(subjectOf(await assertSteered(client, first)), 'CN=Ada');
        assert.equal((await visit(client, bed.port)).reused, true, 'and resumes again by the new policy');
      }
    });

    it(`of a client that sends its intermediate leads to the server by a full handshake each time (${version})`, async () => {
      await bed.change('REQUIRE', authorities(ca));
      const middle = await ca.issueAuthority('Middle');
      const client = clientWith(chained(await middle.issue({ clientSubject: 'CN=Dora' }), middle), version);
      const first = await visit(client, bed.port);
      assert.equal(subjectOf(first), 'CN=Dora');
      for (let visits = 0; visits < 3; visits++)
        assert.equal(subjectOf(await assertSteered(client, first)), 'CN=Dora');
    });
  }
});

describe('an intermediate that a client sends', () => {
  it('is of no use with ignore_peer_chain, nor where the chain may be of one certificate', async () => {
    const middle = await ca.issueAuthority('Middle');
    const client = clientWith(chained(await middle.issue({ clientSubject: 'CN=Dora' }), middle));
    for (const change of [{ ignore_peer_chain: true }, { limpet_chain_depth_max: 1 }]) {
      await bed.change('REQUIRE', { ...authorities(ca), ...change });
      assert.equal((await visit(client, bed.port)).told, undefined);
      await bed.change('REQUIRE', authorities(ca, middle));
      assert.equal(subjectOf(await visit(client, bed.port)), 'CN=Dora');
    }
  });
});

describe('an open connection', () => {
  for (const version of bothVersions) {
    it(`is ended when its certificate is revoked; that of another goes on (${version})`, async () => {
      const cas = authorities(ca);
      await bed.change('REQUIRE', { ...cas, ...(await lists([ca])) });
      const opened = () => bed.engine.metric('limpet_connections_open');
      const before = await opened();
      const [adas, carls] = [ada, carl].map(({ certificatePem: cert, privateKeyPem: key }) =>
        openClient(version, bed.port, { cert, key }),
      );
      assert.ok(adas && carls);
      for (const client of [adas, carls]) assert.equal((await client.request()).status, 200);
      assert.equal(await opened(), before + 2);
      await bed.change('REQUIRE', { ...cas, ...(await lists([ca], carl)) });
      await eventually(async () => (await opened()) === before + 1, 'one connection is closed');
      const total = await bed.engine.metric('limpet_connections_total');
      assert.equal((await adas.request()).status, 200);
      assert.equal(await bed.engine.metric('limpet_connections_total'), total, 'over the same connection');
      await assert.rejects(carls.request());
      for (const client of [adas, carls]) client.close();
      await eventually(async () => (await opened()) === before, 'all are closed');
    });
  }
});
