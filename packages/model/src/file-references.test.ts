// Tests of file references: certificates and keys come from files, nothing else does, and what cannot be read is named.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LimpetError } from './errors.ts';
import { resolveFileReferences } from './file-references.ts';
import { configurationWith, ecCertificate, load, whereOf } from './test-configuration.ts';

const files: Readonly<Record<string, string>> = {
  'tls/cert.pem': ecCertificate.certificatePem,
  'tls/key.pem': ecCertificate.privateKeyPem,
};

function readFile(path: string): string {
  const text = files[path];
  if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
  return text;
}

describe('a file reference', () => {
  for (const [title, certificate] of [
    ['inside the certificate', { certificate: { file: 'tls/cert.pem' } }],
    ['in place of the whole certificate', { file: 'tls/cert.pem' }],
  ] as const) {
    it(`is read ${title}, and for the key`, () => {
      const input = configurationWith({
        'SSLKeyAndCertificate[0].certificate': certificate,
        'SSLKeyAndCertificate[0].key': { file: 'tls/key.pem' },
      });
      const resolved = resolveFileReferences(input, readFile);
      assert.deepEqual(resolved, configurationWith({}));
      assert.equal(load(resolved).compiled.secrets.size, 1);
    });
  }

  it('leaves the input as it was', () => {
    const input = configurationWith({ 'SSLKeyAndCertificate[0].key': { file: 'tls/key.pem' } });
    const before = structuredClone(input);
    resolveFileReferences(input, readFile);
    assert.deepEqual(input, before);
  });

  it('that cannot be read is refused, with all others, by object, field, path and reason', () => {
    const input = configurationWith({
      'SSLKeyAndCertificate[0].certificate': { certificate: { file: 'gone.pem' } },
      'SSLKeyAndCertificate[0].key': { file: 'gone.key' },
      'SSLKeyAndCertificate[1]': { certificate: { file: 'gone-too.pem' } },
    });
    assert.throws(
      () => resolveFileReferences(input, readFile),
      (error) => {
        assert.ok(error instanceof LimpetError);
        assert.equal(error.code, 'CONFIG_INVALID');
        assert.deepEqual(error.problems.map(whereOf), [
          'SSLKeyAndCertificate "demo-certificate", certificate.certificate',
          'SSLKeyAndCertificate "demo-certificate", key',
          'SSLKeyAndCertificate "#1", certificate',
        ]);
        assert.equal(error.problems[0]?.message, 'gone.pem cannot be read (ENOENT)');
        return true;
      },
    );
  });

  it('is not followed in any other place', () => {
    const input = configurationWith({ 'Pool[0].description': { file: '/etc/passwd' } });
    const never = (): string => assert.fail('a file was read');
    assert.deepEqual(resolveFileReferences(input, never), input);
  });

  it('is looked for in arbitrary JSON without an exception', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        resolveFileReferences(value, () => '');
        resolveFileReferences({ SSLKeyAndCertificate: value }, () => '');
        resolveFileReferences({ SSLKeyAndCertificate: [{ certificate: value, key: value }] }, () => '');
      }),
    );
  });
});
