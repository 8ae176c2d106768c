// Compiling a virtual service: its addresses, who shares them, and what serves there.

import { hostPatternWeight, parseHostPattern } from '../host-pattern.ts';
import { parseIpPrefix } from '../ip-prefix.ts';
import type { AviObject, ObjectSet } from '../objects/schemas.ts';
import { referenced } from '../references.ts';
import type { HostingSnapshot, ListenerSnapshot, VirtualServiceSnapshot } from '../snapshot.ts';
import { defaultReferences } from '../system-objects.ts';
import { vipsOf } from '../validate/addresses.ts';
import { listeningOf } from '../validate/virtual-hosting.ts';
import { compileHttp } from './compile-http.ts';
import type { TlsObjects } from './compile-server-tls.ts';
import { compileTls } from './compile-tls.ts';

export function compileVirtualService(
  object: AviObject<'VirtualService'>,
  children: readonly AviObject<'VirtualService'>[],
  { objects, certificates }: TlsObjects,
): VirtualServiceSnapshot {
  const profile = referenced(
    objects.ApplicationProfile,
    object.application_profile_ref ?? defaultReferences.applicationProfile,
  );
  // A child has no address of its own; its parent's services are where it is reached.
  const owner = listeningOf(object, objects);
  const addresses = vipsOf(object, objects).flatMap(({ ip_address, ip6_address }) =>
    [ip_address, ip6_address].flatMap((address) => (address === undefined ? [] : [address.addr])),
  );
  const listeners = object.services.flatMap((service) => addresses.map((ip) => compileListener(service, ip)));
  const terminatesTls = owner.services.some(({ enable_ssl }) => enable_ssl);
  const hosting = compileHosting(object, owner, children);
  return {
    uuid: object.uuid,
    name: object.name,
    listeners,
    ...(hosting === undefined ? {} : { hosting }),
    ...(terminatesTls ? { tls: compileTls(object, owner, profile, objects, certificates) } : {}),
    http: compileHttp(profile.http_profile, owner),
    poolUuid: referenced(objects.Pool, object.pool_ref ?? '').uuid,
  };
}

function compileListener(
  { port, enable_ssl, limpet_proxy_protocol_sources }: AviObject<'VirtualService'>['services'][number],
  ip: string,
): ListenerSnapshot {
  const proxySources = limpet_proxy_protocol_sources.flatMap((text) => parseIpPrefix(text) ?? []);
  return {
    address: { ip, port },
    terminatesTls: enable_ssl,
    ...(proxySources.length === 0 ? {} : { proxySources }),
  };
}

/** Undefined where the virtual service has its listeners alone. */
function compileHosting(
  object: AviObject<'VirtualService'>,
  owner: AviObject<'VirtualService'>,
  children: readonly AviObject<'VirtualService'>[],
): HostingSnapshot | undefined {
  if (owner.type !== 'VS_TYPE_VH_PARENT') return undefined;
  if (object !== owner) return { kind: 'child', parentUuid: owner.uuid };
  const named = children.flatMap((child) =>
    child.vh_domain_name.map((text) => {
      const pattern = parseHostPattern(text);
      if (pattern === undefined) throw new Error(`"${text}" was not validated`);
      return { name: text.toLowerCase(), host: { pattern, virtualServiceUuid: child.uuid } };
    }),
  );
  // The most telling name first; of others in one order, whatever that of the children.
  named.sort(
    (a, b) =>
      hostPatternWeight(b.host.pattern) - hostPatternWeight(a.host.pattern) || (a.name < b.name ? -1 : 1),
  );
  return { kind: 'parent', hosts: named.map(({ host }) => host) };
}

/** The enabled children of each parent. */
export function childrenByParent(
  objects: ObjectSet,
): ReadonlyMap<AviObject<'VirtualService'>, readonly AviObject<'VirtualService'>[]> {
  const children = new Map<AviObject<'VirtualService'>, AviObject<'VirtualService'>[]>();
  for (const object of objects.VirtualService) {
    const owner = listeningOf(object, objects);
    if (!object.enabled || owner === object) continue;
    const known = children.get(owner);
    if (known === undefined) children.set(owner, [object]);
    else known.push(object);
  }
  return children;
}
