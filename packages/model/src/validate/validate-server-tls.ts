// Checks of TLS to servers: that what it refers to is there, and that names are names.

import { isIP } from 'node:net';
import type { AviObject, ObjectSet } from '../objects/schemas.ts';
import { findReferenced } from '../references.ts';
import type { ReportAt } from './report.ts';

const HOST_NAME = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;

interface TlsClientRefs {
  readonly ssl_profile_ref?: string | undefined;
  readonly pki_profile_ref?: string | undefined;
  readonly ssl_key_and_certificate_ref?: string | undefined;
}

/** The references of an object whose connections to servers may be TLS. */
export function validateTlsClient(refs: TlsClientRefs, objects: ObjectSet, at: ReportAt): void {
  const { ssl_profile_ref, pki_profile_ref, ssl_key_and_certificate_ref } = refs;
  if (ssl_profile_ref !== undefined && findReferenced(objects.SSLProfile, ssl_profile_ref) === undefined)
    at('ssl_profile_ref', `there is no SSLProfile "${ssl_profile_ref}"`);
  if (pki_profile_ref !== undefined && findReferenced(objects.PKIProfile, pki_profile_ref) === undefined)
    at('pki_profile_ref', `there is no PKIProfile "${pki_profile_ref}"`);
  if (ssl_key_and_certificate_ref === undefined) return;
  const certificate = findReferenced(objects.SSLKeyAndCertificate, ssl_key_and_certificate_ref);
  if (certificate === undefined) {
    at('ssl_key_and_certificate_ref', `there is no SSLKeyAndCertificate "${ssl_key_and_certificate_ref}"`);
  } else if (certificate.type === 'SSL_CERTIFICATE_TYPE_CA') {
    at(
      'ssl_key_and_certificate_ref',
      `"${certificate.name}" is a CA's certificate, without a key to show it with`,
    );
  }
}

/** RFC 6066 §3: a server name is never an address. */
export function validateServerName(name: string | undefined, at: ReportAt): void {
  if (name !== undefined && (isIP(name) !== 0 || !HOST_NAME.test(name)))
    at('server_name', `"${name}" is no host name`);
}

export function validateServerTls(pool: AviObject<'Pool'>, objects: ObjectSet, at: ReportAt): void {
  validateTlsClient(pool, objects, at);
  validateServerName(pool.server_name, at);
  pool.domain_name.forEach((name, index) => {
    if (isIP(name) === 0 && !HOST_NAME.test(name))
      at(`domain_name[${index}]`, `"${name}" is no host name and no address`);
  });
  pool.servers.forEach((server, index) => {
    const rewrites = pool.rewrite_host_header_to_server_name || server.rewrite_host_header;
    if (rewrites && !HOST_NAME.test(server.hostname ?? '')) {
      const what = pool.rewrite_host_header_to_server_name
        ? 'rewrite_host_header_to_server_name of the pool'
        : 'rewrite_host_header';
      at(`servers[${index}].hostname`, `must be a host name: ${what} puts it in the place of the Host`);
    }
  });
}
