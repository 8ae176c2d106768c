// What an object reaches: every object that its references lead to, and those of these. What is made of an object depends on nothing else.

import type { ObjectSet, ObjectType } from './objects/schemas.ts';
import { findReferenced } from './references.ts';
import { defaultReferences } from './system-objects.ts';

/** Fields that refer to objects, wherever they stand in an object. */
export const referenceTypes: Readonly<Record<string, ObjectType>> = {
  application_persistence_profile_ref: 'ApplicationPersistenceProfile',
  application_profile_ref: 'ApplicationProfile',
  backup_pool_ref: 'Pool',
  health_monitor_refs: 'HealthMonitor',
  pki_profile_ref: 'PKIProfile',
  pool_ref: 'Pool',
  ssl_key_and_certificate_ref: 'SSLKeyAndCertificate',
  ssl_key_and_certificate_refs: 'SSLKeyAndCertificate',
  ssl_profile_ref: 'SSLProfile',
  vh_parent_vs_ref: 'VirtualService',
  vsvip_ref: 'VsVip',
};

type References = readonly (readonly [type: ObjectType, ref: string])[];

// What an absent reference stands for may be an object of the configuration, too.
const DEFAULTS: References = [
  ['ApplicationProfile', defaultReferences.applicationProfile],
  ['SSLProfile', defaultReferences.sslProfile],
];

const references = new WeakMap<object, References>();

/** The object first; each object once, in one order for one configuration. @param object is frozen. */
export function reachOf(object: object, objects: ObjectSet): readonly object[] {
  const reached = new Set<object>();
  const visit = (one: object): void => {
    if (reached.has(one)) return;
    reached.add(one);
    follow(referencesOf(one));
  };
  const follow = (refs: References): void => {
    for (const [type, ref] of refs) {
      const found = findReferenced<{ readonly name: string; readonly uuid: string }>(objects[type], ref);
      if (found !== undefined) visit(found);
    }
  };
  visit(object);
  follow(DEFAULTS);
  return [...reached];
}

function referencesOf(object: object): References {
  const known = references.get(object);
  if (known !== undefined) return known;
  const found: (readonly [type: ObjectType, ref: string])[] = [];
  collect(object, found);
  references.set(object, found);
  return found;
}

function collect(value: object, found: (readonly [type: ObjectType, ref: string])[]): void {
  for (const [field, inner] of Object.entries(value)) {
    const type = Object.hasOwn(referenceTypes, field) ? referenceTypes[field] : undefined;
    if (type !== undefined)
      for (const ref of Array.isArray(inner) ? inner : [inner])
        if (typeof ref === 'string') found.push([type, ref]);
    if (typeof inner === 'object' && inner !== null) collect(inner, found);
  }
}
