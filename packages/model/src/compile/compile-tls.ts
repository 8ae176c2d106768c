// Compiling TLS: what a profile says of it, and what a virtual service terminates.

import type { LoadedCertificate } from '../certificate.ts';
import type { AviObject, ObjectSet } from '../objects/schemas.ts';
import { referenced } from '../references.ts';
import type { TlsParameters, TlsSnapshot } from '../snapshot.ts';
import { defaultReferences } from '../system-objects.ts';
import { compileClientCertificates } from './compile-client-certificates.ts';

export function compileTls(
  object: AviObject<'VirtualService'>,
  owner: AviObject<'VirtualService'>,
  { http_profile }: AviObject<'ApplicationProfile'>,
  objects: ObjectSet,
  certificates: ReadonlyMap<string, LoadedCertificate>,
): TlsSnapshot {
  // Avi: the parent's profile holds for its children, since it is what the handshake begins with.
  const profile = referenced(objects.SSLProfile, owner.ssl_profile_ref ?? defaultReferences.sslProfile);
  const chosen = object.ssl_key_and_certificate_refs.map((ref) => {
    const certificate = certificates.get(referenced(objects.SSLKeyAndCertificate, ref).uuid);
    if (certificate === undefined) throw new Error(`certificate "${ref}" was not validated`);
    return certificate.snapshot;
  });
  // Not the parent's: by the time that a certificate is asked for, the ClientHello has told the child.
  const clientCertificates = compileClientCertificates(http_profile, objects);
  return {
    http2: owner.services.some(({ enable_http2 }) => enable_http2),
    ...compileTlsParameters(profile),
    ...(clientCertificates === undefined ? {} : { clientCertificates }),
    certificates: chosen.sort((a, b) => Number(a.keyType === 'rsa') - Number(b.keyType === 'rsa')),
  };
}

export function compileTlsParameters(profile: AviObject<'SSLProfile'>): TlsParameters {
  const versions = profile.accepted_versions.map(({ type }) => type);
  const tls12 = versions.includes('SSL_VERSION_TLS1_2');
  const tls13 = versions.includes('SSL_VERSION_TLS1_3');
  const suites = [...(tls13 ? [profile.ciphersuites] : []), ...(tls12 ? [profile.accepted_ciphers] : [])];
  return {
    minVersion: tls12 ? 'TLSv1.2' : 'TLSv1.3',
    maxVersion: tls13 ? 'TLSv1.3' : 'TLSv1.2',
    ciphers: suites.join(':'),
    honorCipherOrder: !profile.prefer_client_cipher_ordering,
    ...(profile.ec_named_curve === 'auto' ? {} : { groups: profile.ec_named_curve }),
    ...(profile.signature_algorithm === 'auto' ? {} : { signatureAlgorithms: profile.signature_algorithm }),
    sessionTimeoutS: profile.ssl_session_timeout,
    sessionReuse: profile.enable_ssl_session_reuse,
  };
}
