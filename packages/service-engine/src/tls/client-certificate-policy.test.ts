// Tests of the policy for certificates of clients: chains, depth, time and revocation, each on its own.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import type { ClientCertificatesSnapshot, PkiSnapshot } from '@limpet/model';
import { createTemporaryCa, type TemporaryCa } from '@limpet/testkit';
import { ClientCertificatePolicy } from './client-certificate-policy.ts';

const DAY_S = 86_400;
const nowS = Math.floor(Date.now() / 1000);

const root = await createTemporaryCa('Root');
const middle = await root.issueAuthority('Middle', 10);
const issuing = await middle.issueAuthority('Issuing');
const stranger = await createTemporaryCa('Stranger');
/** Another authority of the same name: a new key, or a forgery. */
const namesake = await createTemporaryCa('Root');

const x509 = (pem: string): X509Certificate => new X509Certificate(pem);
const clientOf = async (authority: TemporaryCa, clientSubject = 'CN=Client'): Promise<X509Certificate> =>
  x509((await authority.issue({ clientSubject })).certificatePem);
const [ofRoot, ofMiddle, ofIssuing, ofStranger, ofNamesake] = (await Promise.all(
  [root, middle, issuing, stranger, namesake].map((authority) => clientOf(authority)),
)) as [X509Certificate, X509Certificate, X509Certificate, X509Certificate, X509Certificate];
const sent = [issuing, middle].map(({ certificatePem }) => x509(certificatePem));

function policyOf(
  authorities: readonly TemporaryCa[],
  pki: Partial<PkiSnapshot> = {},
  more: Partial<ClientCertificatesSnapshot> = {},
): ClientCertificatePolicy {
  return new ClientCertificatePolicy({
    required: true,
    chainDepthMax: 5,
    pki: {
      name: 'clients',
      authorities: authorities.map(({ certificatePem }) => certificatePem),
      revocationLists: [],
      onlyLeafRevocation: true,
      ignorePeerChain: false,
      ...pki,
    },
    ...more,
  });
}

/** Subjects of the chain, or why there is none. */
function verdictOf(
  policy: ClientCertificatePolicy,
  leaf: X509Certificate,
  presented: readonly X509Certificate[] = [],
  atS = nowS,
): string {
  const verdict = policy.verify(leaf.raw, presented, atS);
  if (verdict.kind === 'refused') return verdict.reason;
  return verdict.chain.map((certificate) => certificate.x509.subject.replace('CN=', '')).join(' < ');
}

const NO_ISSUER = 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY';

describe('a chain', () => {
  it('leads from the client to a root of the profile', () => {
    assert.equal(verdictOf(policyOf([root]), ofRoot), 'Client < Root');
    assert.equal(
      verdictOf(policyOf([stranger, issuing, root, middle]), ofIssuing),
      'Client < Issuing < Middle < Root',
    );
  });

  it('goes over what the client sent, in any order and with anything between', () => {
    const more = [ofStranger, x509(stranger.certificatePem), ...sent];
    for (const presented of [sent, [...sent].reverse(), more])
      assert.equal(verdictOf(policyOf([root]), ofIssuing, presented), 'Client < Issuing < Middle < Root');
    assert.equal(verdictOf(policyOf([root]), ofIssuing, sent.slice(0, 1)), NO_ISSUER);
    assert.equal(verdictOf(policyOf([root]), ofIssuing), NO_ISSUER, 'as on a resumed connection');
  });

  it('does not go over what the client sent with ignore_peer_chain', () => {
    const policy = policyOf([root], { ignorePeerChain: true });
    assert.equal(verdictOf(policy, ofIssuing, sent), NO_ISSUER);
    assert.equal(policy.verifyUnseen(ofIssuing.raw, nowS).kind, 'refused');
    const whole = policyOf([root, middle, issuing], { ignorePeerChain: true });
    assert.equal(verdictOf(whole, ofIssuing, sent), 'Client < Issuing < Middle < Root');
  });

  it('does not end at a root that only the client sent', () => {
    assert.equal(verdictOf(policyOf([root]), ofStranger, [x509(stranger.certificatePem)]), NO_ISSUER);
  });

  it('needs signatures, not names', () => {
    assert.equal(verdictOf(policyOf([root]), ofNamesake), NO_ISSUER);
    assert.equal(verdictOf(policyOf([root, namesake]), ofNamesake), 'Client < Root');
    assert.equal(verdictOf(policyOf([namesake, root]), ofRoot), 'Client < Root');
  });

  it('has certificates of authorities above its own', () => {
    assert.equal(verdictOf(policyOf([root]), ofRoot, [ofRoot, ofMiddle]), 'Client < Root');
    // One that has signed another without being an authority.
    assert.equal(verdictOf(policyOf([root]), ofMiddle, [ofRoot]), NO_ISSUER);
  });

  it('is no longer than the profile allows', () => {
    const all = [root, middle, issuing];
    assert.equal(
      verdictOf(policyOf(all, {}, { chainDepthMax: 3 }), ofIssuing),
      'Client < Issuing < Middle < Root',
    );
    assert.equal(verdictOf(policyOf(all, {}, { chainDepthMax: 2 }), ofIssuing), 'CERT_CHAIN_TOO_LONG');
    assert.equal(verdictOf(policyOf(all, {}, { chainDepthMax: 1 }), ofRoot), 'Client < Root');
    const one = policyOf([root], {}, { chainDepthMax: 1 });
    assert.deepEqual(one.verifyUnseen(ofMiddle.raw, nowS), {
      kind: 'refused',
      reason: 'CERT_CHAIN_TOO_LONG',
    });
    assert.equal(policyOf([root], {}, { chainDepthMax: 2 }).verifyUnseen(ofMiddle.raw, nowS).kind, 'trusted');
  });

  it('is searched for in bounded time, whatever names a client makes up', async () => {
    // Sixteen authorities of one name: each could have issued each.
    const maze = await Promise.all(Array.from({ length: 16 }, () => createTemporaryCa('Maze')));
    const leaf = await clientOf(maze[15] as TemporaryCa);
    const presented = maze.map(({ certificatePem }) => x509(certificatePem));
    assert.equal(verdictOf(policyOf([root]), leaf, [...presented, ...presented, ...presented]), NO_ISSUER);
  });

  it('is good only while every certificate of it is', async () => {
    const policy = policyOf([root, middle, issuing]);
    assert.equal(verdictOf(policy, ofIssuing, [], nowS + 9 * DAY_S), 'Client < Issuing < Middle < Root');
    assert.equal(
      verdictOf(policy, ofIssuing, [], nowS + 11 * DAY_S),
      'CERT_HAS_EXPIRED',
      'the one in the middle',
    );
    assert.equal(verdictOf(policy, ofRoot, [], nowS + 31 * DAY_S), 'CERT_HAS_EXPIRED');
    assert.equal(verdictOf(policy, ofRoot, [], nowS - 2 * DAY_S), 'CERT_NOT_YET_VALID');
    const late = x509((await root.issue({ clientSubject: 'CN=Late', days: -1 })).certificatePem);
    assert.equal(verdictOf(policy, late), 'CERT_HAS_EXPIRED');
  });
});

describe('a client that comes again', () => {
  it('is judged by the same chain, and anew by time and lists', async () => {
    const policy = policyOf([root, middle, issuing], {
      revocationLists: [await issuing.revocationList({ days: 3 })],
    });
    const chain = 'Client < Issuing < Middle < Root';
    for (const [atS, expected] of [
      [nowS, chain],
      [nowS + 4 * DAY_S, 'CRL_HAS_EXPIRED'],
      [nowS, chain],
      [nowS + 31 * DAY_S, 'CERT_HAS_EXPIRED'],
      [nowS, chain],
    ] as const) {
      assert.equal(verdictOf(policy, ofIssuing, [], atS), expected);
    }
  });

  it('does not bring in what another had to send along', () => {
    const policy = policyOf([root]);
    assert.equal(verdictOf(policy, ofIssuing, sent), 'Client < Issuing < Middle < Root');
    assert.equal(verdictOf(policy, ofIssuing), NO_ISSUER);
  });
});

describe('revocation', () => {
  const all = [root, middle, issuing];
  const lists = (...made: readonly Promise<string>[]) => Promise.all(made);
  const pemOf = (certificate: X509Certificate): string => certificate.toString();

  it('of the client is found in the list of its issuer', async () => {
    const revoked = [pemOf(ofIssuing)];
    const revocationLists = await lists(issuing.revocationList({ revoked }));
    const policy = policyOf(all, { revocationLists });
    assert.equal(verdictOf(policy, ofIssuing), 'CERT_REVOKED');
    assert.equal(verdictOf(policy, await clientOf(issuing)), 'Client < Issuing < Middle < Root');
    assert.equal(verdictOf(policyOf(all), ofIssuing), 'Client < Issuing < Middle < Root', 'without lists');
  });

  it('is told by the newest list of an issuer', async () => {
    const older = await issuing.revocationList({ days: -1 });
    const newer = await issuing.revocationList({ revoked: [pemOf(ofIssuing)] });
    for (const revocationLists of [
      [older, newer],
      [newer, older],
    ])
      assert.equal(verdictOf(policyOf(all, { revocationLists }), ofIssuing), 'CERT_REVOKED');
  });

  it('cannot be told, and so refuses, where the list of the issuer is missing, late or early', async () => {
    const revocationLists = await lists(root.revocationList({ days: 7 }));
    const policy = policyOf(all, { revocationLists });
    assert.equal(verdictOf(policy, ofIssuing), 'UNABLE_TO_GET_CRL');
    assert.equal(verdictOf(policy, ofRoot), 'Client < Root');
    assert.equal(verdictOf(policy, ofRoot, [], nowS + 8 * DAY_S), 'CRL_HAS_EXPIRED');
    const early = policyOf(all, { revocationLists: await lists(root.revocationList({ days: -2 })) });
    assert.equal(verdictOf(early, ofRoot), 'CRL_HAS_EXPIRED');
    assert.equal(
      policy.verifyUnseen(ofStranger.raw, nowS).kind,
      'refused',
      'of an authority that was not seen',
    );
  });

  it('of an authority that was not seen cannot be told, and so refuses, where validate_only_leaf_crl is off', async () => {
    const revocationLists = await lists(root.revocationList());
    for (const onlyLeafRevocation of [true, false]) {
      const policy = policyOf([root], { revocationLists, onlyLeafRevocation });
      assert.deepEqual(
        policy.verifyUnseen(ofRoot.raw, nowS).kind,
        onlyLeafRevocation ? 'trusted' : 'refused',
      );
    }
  });

  it('of an authority counts where validate_only_leaf_crl is off', async () => {
    const revocationLists = await lists(
      root.revocationList({ revoked: [middle.certificatePem] }),
      middle.revocationList(),
      issuing.revocationList(),
    );
    assert.equal(
      verdictOf(policyOf(all, { revocationLists }), ofIssuing),
      'Client < Issuing < Middle < Root',
    );
    const strict = { revocationLists, onlyLeafRevocation: false };
    assert.equal(verdictOf(policyOf(all, strict), ofIssuing), 'CERT_REVOKED');
    assert.equal(verdictOf(policyOf(all, strict), ofRoot), 'Client < Root');
    const without = { revocationLists: revocationLists.slice(1), onlyLeafRevocation: false };
    assert.equal(verdictOf(policyOf(all, without), ofIssuing), 'UNABLE_TO_GET_CRL');
  });
});

describe('a chain that was trusted', () => {
  const chainOf = (policy: ClientCertificatePolicy, leaf: X509Certificate, presented = sent) => {
    const verdict = policy.verify(leaf.raw, presented, nowS);
    assert.ok(verdict.kind === 'trusted');
    return verdict.chain;
  };
  const all = [root, middle, issuing];

  it('is still, by a policy that has its authorities', () => {
    const chain = chainOf(policyOf(all), ofIssuing);
    assert.equal(policyOf([...all, stranger]).stillTrusts(chain, nowS), true);
    assert.equal(policyOf([root]).stillTrusts(chain, nowS), true, 'the rest may be what the client sent');
    assert.equal(policyOf([root], { ignorePeerChain: true }).stillTrusts(chain, nowS), false);
  });

  it('is no longer, when its root is gone, its time over, the cap lower, or it is revoked', async () => {
    const chain = chainOf(policyOf(all), ofIssuing);
    assert.equal(policyOf([middle, issuing, namesake]).stillTrusts(chain, nowS), false);
    assert.equal(policyOf(all).stillTrusts(chain, nowS + 11 * DAY_S), false);
    assert.equal(policyOf(all, {}, { chainDepthMax: 2 }).stillTrusts(chain, nowS), false);
    const revoked = [ofIssuing.toString()];
    const revocationLists = [await issuing.revocationList({ revoked })];
    assert.equal(policyOf(all, { revocationLists }).stillTrusts(chain, nowS), false);
  });

  it('without having been seen, is not by any other', () => {
    const verdict = policyOf([root]).verifyUnseen(ofMiddle.raw, nowS);
    assert.ok(verdict.kind === 'trusted');
    assert.equal(policyOf([root]).stillTrusts(verdict.chain, nowS), false);
  });
});

describe('the digest of a policy', () => {
  it('changes with everything that decides, and with nothing else', async () => {
    const base = policyOf([root]).digest;
    const revocationLists = [await root.revocationList()];
    const others = [
      policyOf([root, middle]),
      policyOf([middle]),
      policyOf([root], { revocationLists }),
      policyOf([root], { revocationLists: [await root.revocationList({ revoked: [ofRoot.toString()] })] }),
      policyOf([root], { onlyLeafRevocation: false }),
      policyOf([root], { ignorePeerChain: true }),
      policyOf([root], {}, { required: false }),
      policyOf([root], {}, { chainDepthMax: 4 }),
    ].map(({ digest }) => digest);
    assert.equal(new Set([base, ...others]).size, others.length + 1);
    assert.equal(policyOf([root], { name: 'renamed' }).digest, base);
  });
});
