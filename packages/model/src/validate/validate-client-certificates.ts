// Checks of what is asked of clients' certificates: that somebody can judge them, and that nobody gets around it.

import { X509Certificate } from 'node:crypto';
import { pemBlocks } from '../certificate.ts';
import {
  asksForCertificates,
  canonicalFieldName,
  clientCertificateVariables,
} from '../compile/compile-client-certificates.ts';
import type { AviObject, ObjectSet } from '../objects/schemas.ts';
import { findReferenced } from '../references.ts';
import type { ReportAt } from './report.ts';

type HttpProfile = AviObject<'ApplicationProfile'>['http_profile'];

/** What frames or routes a request, or is the engine's already: to add it a second time would break the request or say two things. */
const NOT_TO_BE_ADDED =
  /^(host|content-length|transfer-encoding|connection|te|trailer|upgrade|expect|keep-alive|proxy-connection|forwarded|x-forwarded-.*|x-request-id|cookie|authorization)$/;

/** @param at reports about the ApplicationProfile. */
export function validateClientCertificates(profile: HttpProfile, objects: ObjectSet, at: ReportAt): void {
  const { ssl_client_certificate_mode: mode, pki_profile_ref: ref } = profile;
  validateHeaders(profile, at);
  const pki = ref === undefined ? undefined : findReferenced(objects.PKIProfile, ref);
  if (ref !== undefined && pki === undefined)
    at('http_profile.pki_profile_ref', `there is no PKIProfile "${ref}"`);
  if (!asksForCertificates(profile)) return;
  if (ref === undefined)
    at(
      'http_profile.pki_profile_ref',
      `is missing: with ${mode} a PKIProfile has to say which authorities are trusted`,
    );
  if (pki !== undefined && pki.ca_certs.length > 0 && !hasRoot(pki))
    at(
      'http_profile.pki_profile_ref',
      `"${pki.name}" has no root among its ca_certs: no certificate of a client could be traced to its end; add the self-signed one`,
    );
}

function validateHeaders(profile: HttpProfile, at: ReportAt): void {
  const names = new Set<string>();
  profile.ssl_client_certificate_action?.headers.forEach(
    ({ request_header, request_header_value }, index) => {
      const field = `http_profile.ssl_client_certificate_action.headers[${index}]`;
      const name = canonicalFieldName(request_header);
      if (NOT_TO_BE_ADDED.test(name))
        at(`${field}.request_header`, `"${request_header}" is not for this; choose another name`);
      if (names.has(name)) at(`${field}.request_header`, `"${request_header}" is there before`);
      names.add(name);
      if (request_header_value === undefined)
        at(`${field}.request_header_value`, 'is missing; say what the field shall hold');
      else if (clientCertificateVariables[request_header_value] === undefined)
        at(
          `${field}.request_header_value`,
          `${request_header_value} is not supported; supported are ${Object.keys(clientCertificateVariables).join(', ')}`,
        );
    },
  );
}

/** @param at reports about the VirtualService. */
export function validateClientCertificatesOf(
  virtualService: AviObject<'VirtualService'>,
  { name, http_profile: profile }: AviObject<'ApplicationProfile'>,
  terminatesTls: boolean,
  at: ReportAt,
): void {
  if (!asksForCertificates(profile)) return;
  const mode = profile.ssl_client_certificate_mode;
  if (!terminatesTls) {
    at(
      'application_profile_ref',
      `"${name}" has ${mode}, which needs a service with enable_ssl: certificates are shown in the TLS handshake`,
    );
    return;
  }
  if (mode !== 'SSL_CLIENT_CERTIFICATE_REQUIRE' || profile.http_to_https) return;
  // Whoever has no certificate would only have to leave out TLS. A child has no services: it is reached over TLS alone.
  virtualService.services.forEach(({ enable_ssl }, index) => {
    if (!enable_ssl)
      at(
        `services[${index}].enable_ssl`,
        `is off, and "${name}" has ${mode}: requests without TLS would be served without a certificate; turn it on, take the service out, or set http_to_https`,
      );
  });
}

function hasRoot(pki: AviObject<'PKIProfile'>): boolean {
  return pki.ca_certs
    .flatMap(({ certificate }) => pemBlocks(certificate, 'CERTIFICATE'))
    .some((pem) => {
      try {
        const certificate = new X509Certificate(pem);
        return certificate.checkIssued(certificate);
      } catch {
        // Said of the profile itself.
        return true;
      }
    });
}
