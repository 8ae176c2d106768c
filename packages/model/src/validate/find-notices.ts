// What is set, and accepted, and has no effect: no reason to refuse a configuration, but said.

import type { ConfigProblem } from '../errors.ts';
import type { AviObject, ObjectSet } from '../objects/schemas.ts';
import { OFFERED_VERSIONS } from './validate-ssl-profile.ts';
import { listeningOf } from './virtual-hosting.ts';

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
    (child) =>
      child.ssl_profile_ref !== undefined &&
      listeningOf(child, objects).ssl_profile_ref !== child.ssl_profile_ref,
  ).map(({ name }) => ({
    objectType: 'VirtualService',
    objectName: name,
    field: 'ssl_profile_ref',
    message: 'has no effect: a child has the SSL profile of its parent',
  }));
  const neverDown = objects.Pool.filter(
    ({ fail_action, health_monitor_refs }) => fail_action !== undefined && health_monitor_refs.length === 0,
  ).map(({ name }) => ({
    objectType: 'Pool',
    objectName: name,
    field: 'fail_action',
    message: 'has no effect while the pool has no health monitor: no server of it is ever found down',
  }));
  const serverTls = objects.Pool.flatMap(noticesOfServerTls);
  return [...oldVersions, ...authorities, ...profilesOfChildren, ...neverDown, ...serverTls];
}

/** What a pool says of TLS to its servers, and does not do. */
function noticesOfServerTls(pool: AviObject<'Pool'>): readonly ConfigProblem[] {
  const notice = (field: string, message: string): ConfigProblem => ({
    objectType: 'Pool',
    objectName: pool.name,
    field,
    message,
  });
  if (pool.ssl_profile_ref !== undefined) {
    return pool.pki_profile_ref === undefined
      ? [
          notice(
            'pki_profile_ref',
            'is not set: connections to the servers are encrypted, but whoever answers there is taken for the server',
          ),
        ]
      : [];
  }
  const message = 'has no effect without ssl_profile_ref: the servers are spoken to in the clear';
  return [
    ...(pool.pki_profile_ref === undefined ? [] : [notice('pki_profile_ref', message)]),
    ...(pool.ssl_key_and_certificate_ref === undefined
      ? []
      : [notice('ssl_key_and_certificate_ref', message)]),
    ...(pool.host_check_enabled ? [notice('host_check_enabled', message)] : []),
  ];
}
