// Cross-object checks: what no schema of one object can see. Everything that is wrong is collected, each with object, field and way out.

import { isIP } from 'node:net';
import type { ConfigProblem } from './errors.ts';
import { canonicalIp } from './ip-address.ts';
import type { AviObject, ObjectSet, ObjectType } from './objects/schemas.ts';
import { findReferenced } from './references.ts';
import { describeAddress } from './snapshot.ts';
import { defaultReferences } from './system-objects.ts';
import { OFFERED_VERSIONS, validateSslProfile } from './validate-ssl-profile.ts';
import { listeningOf, validateVirtualHosting } from './virtual-hosting.ts';

type Report = (objectType: ObjectType, objectName: string, field: string, message: string) => void;

const SUPPORTED_ALGORITHMS = ['LB_ALGORITHM_ROUND_ROBIN', 'LB_ALGORITHM_LEAST_CONNECTIONS'];
const SUPPORTED_MONITORS = ['HEALTH_MONITOR_TCP', 'HEALTH_MONITOR_HTTP'];

export function validateObjects(objects: ObjectSet): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const report: Report = (objectType, objectName, field, message) =>
    problems.push({ objectType, objectName, field, message });
  reportTwins(objects, report);
  for (const monitor of objects.HealthMonitor) validateMonitor(monitor, report);
  for (const profile of objects.SSLProfile) {
    validateSslProfile(profile, (field, message) => report('SSLProfile', profile.name, field, message));
  }
  for (const pool of objects.Pool) validatePool(pool, objects, report);
  for (const virtualService of objects.VirtualService)
    validateVirtualService(virtualService, objects, report);
  reportSharedAddresses(objects, report);
  problems.push(...validateVirtualHosting(objects));
  return problems;
}

/** What is set, and accepted, and has no effect, though its field has one. */
export function findNotices(objects: ObjectSet): readonly ConfigProblem[] {
  const oldVersions = objects.SSLProfile.flatMap(({ name, accepted_versions }) =>
    accepted_versions.flatMap(({ type }, index) =>
      OFFERED_VERSIONS.includes(type)
        ? []
        : [
            {
              objectType: 'SSLProfile',
              objectName: name,
              field: `accepted_versions[${index}]`,
              message: `${type} is never offered`,
            },
          ],
    ),
  );
  const authorities = objects.SSLKeyAndCertificate.filter(
    ({ type }) => type === 'SSL_CERTIFICATE_TYPE_CA',
  ).map(({ name, type }) => ({
    objectType: 'SSLKeyAndCertificate',
    objectName: name,
    field: 'type',
    message: `${type} is not implemented yet and has no effect`,
  }));
  const profilesOfChildren = objects.VirtualService.filter(
    (child) => listeningOf(child, objects).ssl_profile_ref !== child.ssl_profile_ref,
  ).map(({ name }) => ({
    objectType: 'VirtualService',
    objectName: name,
    field: 'ssl_profile_ref',
    message: 'has no effect: a child has the SSL profile of its parent',
  }));
  return [...oldVersions, ...authorities, ...profilesOfChildren];
}

/** Names are unique within a type, whatever the tenant: a reference by name does not tell tenants apart. So are uuids. */
function reportTwins(objects: ObjectSet, report: Report): void {
  for (const type of Object.keys(objects) as ObjectType[]) {
    const names = new Set<string>();
    const uuids = new Map<string, string>();
    for (const { name, uuid } of objects[type]) {
      if (names.has(name))
        report(type, name, 'name', 'is taken by another object of this type; names must be unique');
      else if (uuids.has(uuid)) report(type, name, 'uuid', `is that of "${uuids.get(uuid)}", too`);
      names.add(name);
      uuids.set(uuid, name);
    }
  }
}

function validateMonitor(monitor: AviObject<'HealthMonitor'>, report: Report): void {
  const { name, type, receive_timeout, send_interval } = monitor;
  if (!SUPPORTED_MONITORS.includes(type)) {
    report(
      'HealthMonitor',
      name,
      'type',
      `${type} is not supported yet; use ${SUPPORTED_MONITORS.join(' or ')}`,
    );
  }
  if (receive_timeout >= send_interval) {
    report('HealthMonitor', name, 'receive_timeout', `must be less than send_interval (${send_interval} s)`);
  }
  const { http_request } = monitor.http_monitor;
  if (type === 'HEALTH_MONITOR_HTTP' && !/^[A-Z]+ \S+ HTTP\/1\.[01](\r?\n|$)/.test(http_request)) {
    report(
      'HealthMonitor',
      name,
      'http_monitor.http_request',
      'must begin with a request line such as "GET / HTTP/1.0"',
    );
  }
}

function validatePool(pool: AviObject<'Pool'>, objects: ObjectSet, report: Report): void {
  const at = (field: string, message: string): void => report('Pool', pool.name, field, message);
  if (!SUPPORTED_ALGORITHMS.includes(pool.lb_algorithm)) {
    at('lb_algorithm', `${pool.lb_algorithm} is not supported yet; use ${SUPPORTED_ALGORITHMS.join(' or ')}`);
  }
  if (pool.servers.length === 0) at('servers', 'is empty; a pool needs at least one server');
  const seen = new Map<string, number>();
  pool.servers.forEach((server, index) => {
    const { addr, type } = server.ip;
    if (type === 'DNS') at(`servers[${index}].ip`, 'names by DNS are not supported yet; give an address');
    else if (isIP(addr) !== (type === 'V4' ? 4 : 6))
      at(`servers[${index}].ip.addr`, `"${addr}" is no ${type} address`);
    if (isIP(addr) === 0) return;
    const key = `${canonicalIp(addr)}|${server.port || pool.default_server_port}`;
    const twin = seen.get(key);
    if (twin !== undefined) at(`servers[${index}]`, `has the address and port of servers[${twin}]`);
    seen.set(key, index);
  });
  pool.health_monitor_refs.forEach((ref, index) => {
    if (findReferenced(objects.HealthMonitor, ref) === undefined) {
      at(`health_monitor_refs[${index}]`, `there is no HealthMonitor "${ref}"`);
    }
  });
  const profileRef = pool.application_persistence_profile_ref;
  if (profileRef === undefined) return;
  const profile = findReferenced(objects.ApplicationPersistenceProfile, profileRef);
  if (profile === undefined) {
    at('application_persistence_profile_ref', `there is no ApplicationPersistenceProfile "${profileRef}"`);
  } else if (profile.persistence_type !== 'PERSISTENCE_TYPE_TLS') {
    report(
      'ApplicationPersistenceProfile',
      profile.name,
      'persistence_type',
      `${profile.persistence_type} is not supported yet; use PERSISTENCE_TYPE_TLS`,
    );
  }
}

function validateVirtualService(
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
  else validatePersistence(pool, objects, terminatesTls, sslProfile, at);
}

/** The Avi page: TLS persistence is for virtual services that terminate HTTPS; its entries are session tickets, so sessions must be reused. */
function validatePersistence(
  pool: AviObject<'Pool'>,
  objects: ObjectSet,
  terminatesTls: boolean,
  sslProfile: AviObject<'SSLProfile'> | undefined,
  at: (field: string, message: string) => void,
): void {
  const profileRef = pool.application_persistence_profile_ref;
  const profile =
    profileRef === undefined ? undefined : findReferenced(objects.ApplicationPersistenceProfile, profileRef);
  if (profile?.persistence_type !== 'PERSISTENCE_TYPE_TLS') return;
  const why = `pool "${pool.name}" has TLS persistence ("${profile.name}")`;
  if (!terminatesTls)
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

function validateVips(
  virtualService: AviObject<'VirtualService'>,
  objects: ObjectSet,
  at: (field: string, message: string) => void,
): void {
  const { vsvip_ref } = virtualService;
  const vsVip = vsvip_ref === undefined ? undefined : findReferenced(objects.VsVip, vsvip_ref);
  if (vsvip_ref !== undefined && vsVip === undefined) {
    at('vsvip_ref', `there is no VsVip "${vsvip_ref}"`);
    return;
  }
  const vips = vipsOf(virtualService, objects);
  if (vips.length === 0) at('vsvip_ref', 'no address: give a VsVip with an enabled vip');
  for (const { ip_address, ip6_address, vip_id } of vips) {
    const addresses = [ip_address, ip6_address].filter((address) => address !== undefined);
    if (addresses.length === 0) at('vsvip_ref', `vip "${vip_id}" has neither ip_address nor ip6_address`);
    for (const { addr, type } of addresses) {
      if (type === 'DNS') at('vsvip_ref', `vip "${vip_id}" has a name by DNS; give an address`);
      else if (isIP(addr) === 0 || isIP(addr) !== (type === 'V4' ? 4 : 6))
        at('vsvip_ref', `"${addr}" of vip "${vip_id}" is no ${type} address`);
    }
  }
}

/** The enabled vips of a virtual service, its own and those of its VsVip. */
export function vipsOf(
  virtualService: AviObject<'VirtualService'>,
  objects: ObjectSet,
): AviObject<'VsVip'>['vip'] {
  const { vsvip_ref, vip } = virtualService;
  const shared = vsvip_ref === undefined ? [] : (findReferenced(objects.VsVip, vsvip_ref)?.vip ?? []);
  return [...vip, ...shared].filter(({ enabled }) => enabled);
}

function reportSharedAddresses(objects: ObjectSet, report: Report): void {
  const taken = new Map<string, string>();
  for (const virtualService of objects.VirtualService) {
    if (!virtualService.enabled) continue;
    for (const { ip_address, ip6_address } of vipsOf(virtualService, objects)) {
      for (const address of [ip_address, ip6_address]) {
        virtualService.services.forEach(({ port }, index) => {
          // Port 0 asks for any free port.
          if (address === undefined || port === 0 || isIP(address.addr) === 0) return;
          const key = describeAddress({ ip: canonicalIp(address.addr), port });
          const owner = taken.get(key);
          if (owner !== undefined) {
            report(
              'VirtualService',
              virtualService.name,
              `services[${index}].port`,
              `${key} belongs to virtual service "${owner}"; give it another port or address`,
            );
          }
          taken.set(key, virtualService.name);
        });
      }
    }
  }
}
