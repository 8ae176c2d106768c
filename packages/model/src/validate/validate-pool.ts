// Checks of a pool: its servers, and what it refers to.

import { isIP } from 'node:net';
import { canonicalIp } from '../ip-address.ts';
import type { AviObject, ObjectSet } from '../objects/schemas.ts';
import { findReferenced } from '../references.ts';
import type { Report } from './report.ts';

const SUPPORTED_ALGORITHMS = ['LB_ALGORITHM_ROUND_ROBIN', 'LB_ALGORITHM_LEAST_CONNECTIONS'];

export function validatePool(pool: AviObject<'Pool'>, objects: ObjectSet, report: Report): void {
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
