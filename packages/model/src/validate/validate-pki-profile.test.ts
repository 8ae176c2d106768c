// Tests of PKI profiles: what is no certificate of an authority, and no revocation list, is refused by place.

import { describe, it } from 'node:test';
import { createTemporaryCa } from '@limpet/testkit';
import { assertOnlyProblem, configurationWith, ecCertificate } from '../test-configuration.ts';

const ca = await createTemporaryCa();

describe('a PKIProfile', () => {
  const rows: readonly (readonly [
    title: string,
    edits: Record<string, unknown>,
    field: string,
    message: RegExp,
  ])[] = [
    ['without an authority', { ca_certs: [] }, 'ca_certs', /is empty/],
    [
      'with something that is no PEM',
      { ca_certs: [{ certificate: 'x' }] },
      'ca_certs[0].certificate',
      /no PEM certificate/,
    ],
    [
      'with a certificate that is no authority',
      { ca_certs: [{ certificate: `${ca.certificatePem}${ecCertificate.certificatePem}` }] },
      'ca_certs[0].certificate',
      /certificate 2 in it is not that of an authority/,
    ],
    [
      'with a certificate that is cut off',
      { ca_certs: [{ certificate: ca.certificatePem.replace(/\n.{20}/, '\n') }] },
      'ca_certs[0].certificate',
      /certificate 1 in it cannot be read/,
    ],
    ['with a list that is no PEM', { crls: [{ body: 'x' }] }, 'crls[0].body', /no PEM revocation list/],
  ];
  for (const [title, edits, field, message] of rows) {
    it(`${title} is refused`, () => {
      const profile = { name: 'pki', ca_certs: [{ certificate: ca.certificatePem }], ...edits };
      assertOnlyProblem(configurationWith({ PKIProfile: [profile] }), `PKIProfile "pki", ${field}`, message);
    });
  }
});
