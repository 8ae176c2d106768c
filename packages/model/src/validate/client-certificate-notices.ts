// What an operator should know about certificates of clients: settings without effect, and lists that will refuse everybody.

import { X509Certificate } from 'node:crypto';
import { pemBlocks } from '../certificate.ts';
import { readCertificateIdentity } from '../certificate-identity.ts';
import { asksForCertificates } from '../compile/compile-client-certificates.ts';
import type { ConfigProblem } from '../errors.ts';
import { KeptByInputs } from '../kept-by-inputs.ts';
import type { AviObject, ObjectSet } from '../objects/schemas.ts';
import { findReferenced } from '../references.ts';
import { readRevocationList } from '../revocation-list.ts';

/** Of validated objects. @param nowS seconds since 1970 */
export function clientCertificateNotices(objects: ObjectSet, nowS: number): readonly ConfigProblem[] {
  const used = new Set<AviObject<'PKIProfile'>>();
  const notices = objects.ApplicationProfile.flatMap(({ name, http_profile }) => {
    const { pki_profile_ref, ssl_client_certificate_action: action } = http_profile;
    if (asksForCertificates(http_profile)) {
      const pki = findReferenced(objects.PKIProfile, pki_profile_ref ?? '');
      if (pki !== undefined) used.add(pki);
      return [];
    }
    const message = 'has no effect: ssl_client_certificate_mode is SSL_CLIENT_CERTIFICATE_NONE';
    const about = { objectType: 'ApplicationProfile', objectName: name, message };
    return [
      ...(pki_profile_ref === undefined ? [] : [{ ...about, field: 'http_profile.pki_profile_ref' }]),
      ...((action?.headers ?? []).length === 0
        ? []
        : [{ ...about, field: 'http_profile.ssl_client_certificate_action' }]),
    ];
  });
  return [...notices, ...[...used].flatMap((profile) => noticesOfRevocation(profile, nowS))];
}

function noticesOfRevocation(profile: AviObject<'PKIProfile'>, nowS: number): readonly ConfigProblem[] {
  if (!profile.crl_check) return [];
  const notice = (field: string, message: string): ConfigProblem => ({
    objectType: 'PKIProfile',
    objectName: profile.name,
    field,
    message,
  });
  if (profile.crls.length === 0)
    return [notice('crls', 'is empty: no certificate is looked up, though crl_check is on')];
  const ended = new Map<string, boolean>();
  const notices: ConfigProblem[] = [];
  for (const { index, issuer, nextUpdateS } of listsKept.get(profile, [profile], () => listsOf(profile))) {
    const late = nextUpdateS !== undefined && nextUpdateS <= nowS;
    ended.set(issuer, late && ended.get(issuer) !== false);
    if (late)
      notices.push(
        notice(
          `crls[${index}].body`,
          'has expired (nextUpdate); until it is renewed, clients whose certificates it speaks of are refused',
        ),
      );
  }
  return [...notices, ...authoritiesWithoutList(profile, ended, notice)];
}

interface ListEnd {
  /** Of the element of `crls` that it stands in. */
  readonly index: number;
  readonly issuer: string;
  readonly nextUpdateS: number | undefined;
}

// A list may have megabytes, and is looked at whenever anything else changes.
const listsKept = new KeptByInputs<readonly ListEnd[]>();

function listsOf({ crls }: AviObject<'PKIProfile'>): readonly ListEnd[] {
  return crls.flatMap(({ body }, index) =>
    pemBlocks(body, 'X509 CRL').flatMap((block) => {
      const read = readRevocationList(block);
      return read.kind === 'problem'
        ? []
        : [{ index, issuer: read.list.issuer, nextUpdateS: read.list.nextUpdateS }];
    }),
  );
}

function authoritiesWithoutList(
  profile: AviObject<'PKIProfile'>,
  listed: ReadonlyMap<string, boolean>,
  notice: (field: string, message: string) => ConfigProblem,
): readonly ConfigProblem[] {
  const authorities = profile.ca_certs.flatMap(({ certificate }, index) =>
    pemBlocks(certificate, 'CERTIFICATE').flatMap((pem) => {
      const x509 = new X509Certificate(pem);
      const identity = readCertificateIdentity(x509.raw);
      return identity === undefined ? [] : [{ index, identity }];
    }),
  );
  return authorities.flatMap(({ index, identity: { subject } }) => {
    // One that issues authorities need not issue clients, too.
    const issuesAuthorities = authorities.some(
      ({ identity }) => identity.issuer === subject && identity.subject !== subject,
    );
    if (listed.has(subject) || (profile.validate_only_leaf_crl && issuesAuthorities)) return [];
    return [
      notice(
        `ca_certs[${index}].certificate`,
        'has no list among crls: what it issued is refused; add its list, or turn crl_check off',
      ),
    ];
  });
}
