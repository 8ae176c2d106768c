// Cross-object checks: what no schema of one object can see. Everything that is wrong is collected, each with object, field and way out.

import type { ConfigProblem } from '../errors.ts';
import { KeptByInputs } from '../kept-by-inputs.ts';
import type { ObjectSet, ObjectType } from '../objects/schemas.ts';
import { reportSharedAddresses } from './addresses.ts';
import type { Report, ReportAt } from './report.ts';
import { validateClientCertificates } from './validate-client-certificates.ts';
import { validateHealthMonitor } from './validate-health-monitor.ts';
import { validatePkiProfile } from './validate-pki-profile.ts';
import { validatePool } from './validate-pool.ts';
import { validateSslProfile } from './validate-ssl-profile.ts';
import { validateVirtualService } from './validate-virtual-service.ts';
import { validateVirtualHosting } from './virtual-hosting.ts';

/** How a Controller's objects differ from those of a file. */
export interface ValidationOptions {
  /** Names are unique within a tenant only; every reference must be by uuid then. */
  readonly namesPerTenant?: boolean;
  /** By the uuid of a virtual service: those of different groups are on different engines, and may have the same address. */
  readonly engineGroupOf?: (virtualServiceUuid: string) => string;
}

export function validateObjects(
  objects: ObjectSet,
  { namesPerTenant = false, engineGroupOf = () => '' }: ValidationOptions = {},
): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const report: Report = (objectType, objectName, field, message) =>
    problems.push({ objectType, objectName, field, message });
  reportTwins(objects, namesPerTenant, report);
  for (const monitor of objects.HealthMonitor) validateHealthMonitor(monitor, objects, report);
  for (const profile of objects.SSLProfile) {
    const found = sslProfilesKept.get(profile, [profile], () => foundIn(profile, validateSslProfile));
    for (const [field, message] of found) report('SSLProfile', profile.name, field, message);
  }
  for (const profile of objects.PKIProfile) {
    const found = pkiProfilesKept.get(profile, [profile], () => foundIn(profile, validatePkiProfile));
    for (const [field, message] of found) report('PKIProfile', profile.name, field, message);
  }
  for (const { name, http_profile } of objects.ApplicationProfile) {
    validateClientCertificates(http_profile, objects, (field, message) =>
      report('ApplicationProfile', name, field, message),
    );
  }
  for (const pool of objects.Pool) validatePool(pool, objects, report);
  for (const virtualService of objects.VirtualService)
    validateVirtualService(virtualService, objects, report);
  reportSharedAddresses(objects, engineGroupOf, report);
  problems.push(...validateVirtualHosting(objects));
  return problems;
}

type Found = readonly (readonly [field: string, message: string])[];

// OpenSSL is asked for each of the one, and each signature and entry of a revocation list is read of the other: megabytes of them, perhaps.
const sslProfilesKept = new KeptByInputs<Found>();
const pkiProfilesKept = new KeptByInputs<Found>();

function foundIn<T>(object: T, validate: (object: T, at: ReportAt) => void): Found {
  const found: [field: string, message: string][] = [];
  validate(object, (field, message) => found.push([field, message]));
  return found;
}

/** In a file names are unique within a type, whatever the tenant: a reference by name does not tell tenants apart. So are uuids, anywhere. */
function reportTwins(objects: ObjectSet, namesPerTenant: boolean, report: Report): void {
  for (const type of Object.keys(objects) as ObjectType[]) {
    const names = new Set<string>();
    const uuids = new Map<string, string>();
    for (const { name, uuid, tenant_ref } of objects[type]) {
      const key = namesPerTenant ? `${tenant_ref ?? ''} ${name}` : name;
      if (names.has(key))
        report(type, name, 'name', 'is taken by another object of this type; names must be unique');
      else if (uuids.has(uuid)) report(type, name, 'uuid', `is that of "${uuids.get(uuid)}", too`);
      names.add(key);
      uuids.set(uuid, name);
    }
  }
}
