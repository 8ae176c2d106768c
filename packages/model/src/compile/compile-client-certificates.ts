// Compiling what is asked of clients' certificates, and what servers are told about them.

import type { AviObject, ObjectSet } from '../objects/schemas.ts';
import { referenced } from '../references.ts';
import { newestRevocationLists } from '../revocation-list.ts';
import type {
  ClientCertificateFieldsSnapshot,
  ClientCertificatesSnapshot,
  ClientCertificateVariable,
} from '../snapshot.ts';
import { compilePki } from './compile-pki.ts';

type HttpProfile = AviObject<'ApplicationProfile'>['http_profile'];
type HeaderValue = NonNullable<
  NonNullable<HttpProfile['ssl_client_certificate_action']>['headers'][number]['request_header_value']
>;

/** Avi's variables that can be told. Not among them: HTTP_HDR, which would need the name of a field, and USER_NAME, since nobody logs in here. */
export const clientCertificateVariables: Readonly<Partial<Record<HeaderValue, ClientCertificateVariable>>> = {
  HTTP_POLICY_VAR_CLIENT_IP: 'client-ip',
  HTTP_POLICY_VAR_SOURCE_IP: 'client-ip',
  HTTP_POLICY_VAR_VS_IP: 'local-ip',
  HTTP_POLICY_VAR_VS_PORT: 'local-port',
  HTTP_POLICY_VAR_REQUEST_ID: 'request-id',
  HTTP_POLICY_VAR_SSL_PROTOCOL: 'tls-version',
  HTTP_POLICY_VAR_SSL_CIPHER: 'cipher',
  HTTP_POLICY_VAR_SSL_SERVER_NAME: 'server-name',
  HTTP_POLICY_VAR_SSL_CLIENT_FINGERPRINT: 'fingerprint',
  HTTP_POLICY_VAR_SSL_CLIENT_SERIAL: 'serial',
  HTTP_POLICY_VAR_SSL_CLIENT_ISSUER: 'issuer',
  HTTP_POLICY_VAR_SSL_CLIENT_SUBJECT: 'subject',
  HTTP_POLICY_VAR_SSL_CLIENT_RAW: 'certificate',
  HTTP_POLICY_VAR_SSL_CLIENT_ESCAPED: 'escaped-certificate',
  HTTP_POLICY_VAR_SSL_CLIENT_VERSION: 'certificate-version',
  HTTP_POLICY_VAR_SSL_CLIENT_SIGALG: 'signature-algorithm',
  HTTP_POLICY_VAR_SSL_CLIENT_NOTVALIDBEFORE: 'not-before',
  HTTP_POLICY_VAR_SSL_CLIENT_NOTVALIDAFTER: 'not-after',
};

/** What servers are told where the profile names no field. */
const DEFAULT_FIELDS: ClientCertificateFieldsSnapshot['added'] = [
  { name: 'X-SSL-Client-Subject', variable: 'subject' },
  { name: 'X-SSL-Client-Issuer', variable: 'issuer' },
  { name: 'X-SSL-Client-Serial', variable: 'serial' },
  { name: 'X-SSL-Client-Fingerprint', variable: 'fingerprint' },
];

// RFC 9440 §2.4: a server that knows these believes whoever stands before it.
const ALWAYS_STRIPPED = ['client-cert', 'client-cert-chain'];

export function asksForCertificates(profile: HttpProfile): boolean {
  return profile.ssl_client_certificate_mode !== 'SSL_CLIENT_CERTIFICATE_NONE';
}

export function compileClientCertificates(
  profile: HttpProfile,
  objects: ObjectSet,
): ClientCertificatesSnapshot | undefined {
  if (!asksForCertificates(profile)) return undefined;
  const pki = referenced(objects.PKIProfile, profile.pki_profile_ref ?? '');
  const compiled = compilePki(pki);
  const listsEndS = firstEndS(compiled.revocationLists);
  return {
    required: profile.ssl_client_certificate_mode === 'SSL_CLIENT_CERTIFICATE_REQUIRE',
    pki: compiled,
    chainDepthMax: pki.limpet_chain_depth_max,
    ...(listsEndS === undefined ? {} : { listsEndS }),
  };
}

/** Of each issuer its newest list counts, as when a certificate is looked up. */
function firstEndS(revocationLists: readonly string[]): number | undefined {
  const ends = [...newestRevocationLists(revocationLists).values()].flatMap(
    ({ nextUpdateS }) => nextUpdateS ?? [],
  );
  return ends.length === 0 ? undefined : Math.min(...ends);
}

export function compileClientCertificateFields(
  profile: HttpProfile,
): ClientCertificateFieldsSnapshot | undefined {
  if (!asksForCertificates(profile)) return undefined;
  const named = (profile.ssl_client_certificate_action?.headers ?? []).map(
    ({ request_header, request_header_value }) => {
      const variable = request_header_value && clientCertificateVariables[request_header_value];
      if (variable === undefined) throw new Error(`"${request_header}" was not validated`);
      return { name: request_header, variable };
    },
  );
  const added = named.length > 0 ? named : DEFAULT_FIELDS;
  const names = [...added, ...DEFAULT_FIELDS].map(({ name }) => canonicalFieldName(name));
  return { added, stripped: [...new Set([...names, ...ALWAYS_STRIPPED])] };
}

/** As CGI and WSGI servers tell names apart: not by case, and some not by anything but letters and digits. */
export function canonicalFieldName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '-');
}
