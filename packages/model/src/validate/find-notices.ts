// What is set, and accepted, and has no effect: no reason to refuse a configuration, but said.

import type { ConfigProblem } from '../errors.ts';
import type { ObjectSet } from '../objects/schemas.ts';
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
    (child) => listeningOf(child, objects).ssl_profile_ref !== child.ssl_profile_ref,
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
  return [...oldVersions, ...authorities, ...profilesOfChildren, ...neverDown];
}
