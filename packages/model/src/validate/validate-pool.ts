// Checks of a pool: its servers, and what it refers to.

import { isIP } from 'node:net';
import { backupOf, poolChain } from '../backup-pools.ts';
import { canonicalIp } from '../ip-address.ts';
import { hashCriteria, lbAlgorithms } from '../lb-algorithms.ts';
import type { AviObject, ObjectSet } from '../objects/schemas.ts';
import { findReferenced } from '../references.ts';
import type { Report, ReportAt } from './report.ts';
import { validatePersistenceProfile } from './validate-persistence-profile.ts';
import { validateServerTls } from './validate-server-tls.ts';

export function validatePool(pool: AviObject<'Pool'>, objects: ObjectSet, report: Report): void {
  const at = (field: string, message: string): void => report('Pool', pool.name, field, message);
  validateAlgorithm(pool, at);
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
  if (pool.min_health_monitors_up > pool.health_monitor_refs.length) {
    at(
      'min_health_monitors_up',
      `is more than the pool has monitors (${pool.health_monitor_refs.length}); no server would ever be up`,
    );
  }
  validateFailAction(pool, objects, at);
  validateServerTls(pool, objects, at);
  const profileRef = pool.application_persistence_profile_ref;
  if (profileRef === undefined) return;
  const profile = findReferenced(objects.ApplicationPersistenceProfile, profileRef);
  if (profile === undefined) {
    at('application_persistence_profile_ref', `there is no ApplicationPersistenceProfile "${profileRef}"`);
  } else {
    validatePersistenceProfile(profile, (field, message) =>
      report('ApplicationPersistenceProfile', profile.name, field, message),
    );
  }
}

function validateAlgorithm({ lb_algorithm, lb_algorithm_hash }: AviObject<'Pool'>, at: ReportAt): void {
  if (!Object.hasOwn(lbAlgorithms, lb_algorithm)) {
    at(
      'lb_algorithm',
      `${lb_algorithm} is not supported; use one of ${Object.keys(lbAlgorithms).join(', ')}`,
    );
  } else if (
    lb_algorithm === 'LB_ALGORITHM_CONSISTENT_HASH' &&
    !Object.hasOwn(hashCriteria, lb_algorithm_hash)
  ) {
    at(
      'lb_algorithm_hash',
      `${lb_algorithm_hash} is not supported; use one of ${Object.keys(hashCriteria).join(', ')}`,
    );
  }
}

function validateFailAction(pool: AviObject<'Pool'>, objects: ObjectSet, at: ReportAt): void {
  const { fail_action } = pool;
  if (fail_action?.type === 'FAIL_ACTION_HTTP_REDIRECT' && fail_action.redirect === undefined)
    at('fail_action.redirect', 'is missing; FAIL_ACTION_HTTP_REDIRECT needs to know where to');
  if (fail_action?.type !== 'FAIL_ACTION_BACKUP_POOL') return;
  if (fail_action.backup_pool === undefined) {
    at('fail_action.backup_pool', 'is missing; FAIL_ACTION_BACKUP_POOL needs the pool that takes over');
    return;
  }
  const field = 'fail_action.backup_pool.backup_pool_ref';
  if (backupOf(pool, objects) === undefined) {
    at(field, `there is no Pool "${fail_action.backup_pool.backup_pool_ref}"`);
    return;
  }
  const chain = poolChain(pool, objects);
  const next = backupOf(chain.at(-1) as AviObject<'Pool'>, objects);
  if (next === undefined) return;
  const circle = chain.slice(chain.indexOf(next));
  // Told once, of the first of its pools.
  if (objects.Pool.find((one) => circle.includes(one)) !== pool) return;
  const names = [...circle, next].map(({ name }) => `"${name}"`);
  at(field, `leads in a circle (${names.join(', ')}); the last pool needs another fail_action`);
}
