// Checks of one SSLProfile: that OpenSSL takes it, and that it leaves something to negotiate.

import { createSecureContext } from 'node:tls';
import type { AviObject } from '../objects/schemas.ts';

export const OFFERED_VERSIONS: readonly string[] = ['SSL_VERSION_TLS1_2', 'SSL_VERSION_TLS1_3'];
// After a HelloRetryRequest some clients (Go 1.19) fail with OpenSSL, and with neither of these most would get one.
const COMMON_GROUPS = /(^|:)(X25519|P-256|prime256v1|secp256r1)(:|$)/i;

export function validateSslProfile(
  profile: AviObject<'SSLProfile'>,
  report: (field: string, message: string) => void,
): void {
  const versions = profile.accepted_versions.map(({ type }) => type);
  if (!versions.some((version) => OFFERED_VERSIONS.includes(version))) {
    report('accepted_versions', `none of them is offered; include ${OFFERED_VERSIONS.join(' or ')}`);
    return;
  }
  const { ec_named_curve, signature_algorithm } = profile;
  if (ec_named_curve !== 'auto' && !COMMON_GROUPS.test(ec_named_curve)) {
    report(
      'ec_named_curve',
      'must include X25519 or P-256: most clients offer a key share of no other group',
    );
  }
  const tls12 = versions.includes('SSL_VERSION_TLS1_2');
  const tls13 = versions.includes('SSL_VERSION_TLS1_3');
  if (tls13 && profile.ciphersuites === '') report('ciphersuites', 'is empty, and TLS 1.3 is accepted');
  if (tls12) {
    tryContext({ ciphers: profile.accepted_ciphers, maxVersion: 'TLSv1.2' }, () =>
      report('accepted_ciphers', 'OpenSSL finds no cipher in it'),
    );
  }
  if (tls13 && profile.ciphersuites !== '') {
    const known = profile.ciphersuites.split(':').every((suite) => /^TLS_[A-Z0-9_]+$/.test(suite));
    if (!known)
      report('ciphersuites', 'must be names of TLS 1.3 suites such as TLS_AES_128_GCM_SHA256, joined by ":"');
    else
      tryContext({ ciphers: profile.ciphersuites, minVersion: 'TLSv1.3' }, () =>
        report('ciphersuites', 'OpenSSL knows none of them'),
      );
  }
  if (ec_named_curve !== 'auto') {
    tryContext({ ecdhCurve: ec_named_curve }, () =>
      report('ec_named_curve', 'OpenSSL does not know these groups'),
    );
  }
  if (signature_algorithm !== 'auto') {
    tryContext({ sigalgs: signature_algorithm }, () =>
      report('signature_algorithm', 'OpenSSL does not know these algorithms'),
    );
  }
}

function tryContext(options: Parameters<typeof createSecureContext>[0], onRefused: () => void): void {
  try {
    createSecureContext(options);
  } catch {
    onRefused();
  }
}
