// Checks of a virtual service: its services and certificates, and what it refers to.

import { poolChain } from '../backup-pools.ts';
import type { AviObject, ObjectSet } from '../objects/schemas.ts';
import { findReferenced } from '../references.ts';
import { defaultReferences } from '../system-objects.ts';
import { validateVips } from './addresses.ts';
import type { Report, ReportAt } from './report.ts';
import { validateClientCertificatesOf } from './validate-client-certificates.ts';
import { needsSecureCookie } from './validate-persistence-profile.ts';
import { listeningOf } from './virtual-hosting.ts';

export function validateVirtualService(
  virtualService: AviObject<'VirtualService'>,
  objects: ObjectSet,
  report: Report,
): void {
  if (!virtualService.enabled) return;
  const at = (field: string, message: string): void =>
    report('VirtualService', virtualService.name, field, message);
  const isChild = virtualService.type === 'VS_TYPE_VH_CHILD';
  if (!isChild) {
    validateVips(virtualService, objects, at);
    if (virtualService.services.length === 0) at('services', 'is empty; give at least one port');
  }
  virtualService.services.forEach(({ port, port_range_end, enable_http2, enable_ssl }, index) => {
    if (port_range_end !== undefined && port_range_end !== 0 && port_range_end !== port) {
      at(
        `services[${index}].port_range_end`,
        'port ranges are not supported yet; give each port a service of its own',
      );
    }
    if (enable_http2 && !enable_ssl)
      at(`services[${index}].enable_http2`, 'needs enable_ssl: HTTP/2 is offered by ALPN');
  });
  const applicationProfileRef =
    virtualService.application_profile_ref ?? defaultReferences.applicationProfile;
  const applicationProfile = findReferenced(objects.ApplicationProfile, applicationProfileRef);
  if (applicationProfile === undefined) {
    at('application_profile_ref', `there is no ApplicationProfile "${applicationProfileRef}"`);
  } else if (applicationProfile.type !== 'APPLICATION_PROFILE_TYPE_HTTP') {
    at(
      'application_profile_ref',
      `"${applicationProfile.name}" is of ${applicationProfile.type}; only APPLICATION_PROFILE_TYPE_HTTP is supported`,
    );
  }
  const owner = listeningOf(virtualService, objects);
  const terminatesTls = owner.services.some(({ enable_ssl }) => enable_ssl);
  if (applicationProfile?.http_profile.http_to_https === true && !terminatesTls) {
    at(
      'application_profile_ref',
      `"${applicationProfile.name}" has http_to_https, which needs a service with enable_ssl to send clients to`,
    );
  }
  if (applicationProfile !== undefined)
    validateClientCertificatesOf(virtualService, applicationProfile, terminatesTls, at);
  const sslProfileRef = owner.ssl_profile_ref ?? defaultReferences.sslProfile;
  const sslProfile = findReferenced(objects.SSLProfile, sslProfileRef);
  if (terminatesTls) {
    if (sslProfile === undefined) at('ssl_profile_ref', `there is no SSLProfile "${sslProfileRef}"`);
    if (virtualService.ssl_key_and_certificate_refs.length === 0) {
      at('ssl_key_and_certificate_refs', 'is empty; a service with enable_ssl needs a certificate');
    }
  }
  virtualService.ssl_key_and_certificate_refs.forEach((ref, index) => {
    const field = `ssl_key_and_certificate_refs[${index}]`;
    const found = findReferenced(objects.SSLKeyAndCertificate, ref);
    if (found === undefined) at(field, `there is no SSLKeyAndCertificate "${ref}"`);
    else if (found.type === 'SSL_CERTIFICATE_TYPE_CA')
      at(field, `"${found.name}" is a CA's certificate; give one of SSL_CERTIFICATE_TYPE_VIRTUALSERVICE`);
  });
  if (virtualService.pool_ref === undefined) {
    at('pool_ref', 'is missing; a virtual service needs a pool');
    return;
  }
  const pool = findReferenced(objects.Pool, virtualService.pool_ref);
  if (pool === undefined) at('pool_ref', `there is no Pool "${virtualService.pool_ref}"`);
  else
    for (const each of poolChain(pool, objects))
      validatePersistence(each, objects, owner.services, sslProfile, at);
}

/** The Avi page: TLS persistence is for virtual services that terminate HTTPS; its entries are session tickets, so sessions must be reused. */
function validatePersistence(
  pool: AviObject<'Pool'>,
  objects: ObjectSet,
  services: AviObject<'VirtualService'>['services'],
  sslProfile: AviObject<'SSLProfile'> | undefined,
  at: ReportAt,
): void {
  const profileRef = pool.application_persistence_profile_ref;
  const profile =
    profileRef === undefined ? undefined : findReferenced(objects.ApplicationPersistenceProfile, profileRef);
  const cookieName = profile?.http_cookie_persistence_profile?.cookie_name;
  if (profile?.persistence_type === 'PERSISTENCE_TYPE_HTTP_COOKIE' && needsSecureCookie(cookieName)) {
    const plain = services.findIndex(({ enable_ssl }) => !enable_ssl);
    if (plain >= 0)
      at(
        `services[${plain}]`,
        `pool "${pool.name}" has a cookie "${cookieName}" ("${profile.name}"), which browsers take over TLS only; turn enable_ssl on, or name the cookie without its prefix`,
      );
  }
  if (profile?.persistence_type !== 'PERSISTENCE_TYPE_TLS') return;
  const why = `pool "${pool.name}" has TLS persistence ("${profile.name}")`;
  if (!services.some(({ enable_ssl }) => enable_ssl))
    at(
      'services',
      `${why}, which needs a service with enable_ssl; turn it on, or take the profile from the pool`,
    );
  if (sslProfile?.enable_ssl_session_reuse === false) {
    at(
      'ssl_profile_ref',
      `${why}, which needs enable_ssl_session_reuse of SSLProfile "${sslProfile.name}"; turn it on, or take the profile from the pool`,
    );
  }
}
