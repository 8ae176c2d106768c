// The compiler: from validated objects to the frozen snapshot. Pure: the same objects give the same snapshot and hash.

import { poolChain } from '../backup-pools.ts';
import { canonicalJson, deepFreeze, sha256Hex } from '../canonical-json.ts';
import type { LoadedCertificate } from '../certificate.ts';
import type { ObjectSet } from '../objects/schemas.ts';
import type { CompiledConfig } from '../snapshot.ts';
import { compilePool } from './compile-pool.ts';
import { compileVirtualService } from './compile-virtual-service.ts';

export interface CompileOptions {
  /** Over how many engines a virtual service is spread; connection limits are divided by it. */
  readonly enginesPerVirtualService?: number;
}

/** @param certificates by the uuid of their SSLKeyAndCertificate. */
export function compileObjects(
  objects: ObjectSet,
  certificates: ReadonlyMap<string, LoadedCertificate>,
  { enginesPerVirtualService = 1 }: CompileOptions = {},
): CompiledConfig {
  const enabled = objects.VirtualService.filter((virtualService) => virtualService.enabled);
  const virtualServices = enabled
    .map((object) => compileVirtualService(object, objects, certificates))
    .sort(byUuid);
  const served = new Set(virtualServices.map(({ poolUuid }) => poolUuid));
  const used = new Set(
    objects.Pool.filter(({ uuid }) => served.has(uuid)).flatMap((pool) =>
      poolChain(pool, objects).map(({ uuid }) => uuid),
    ),
  );
  const pools = objects.Pool.filter(({ uuid }) => used.has(uuid))
    .map((pool) => compilePool(pool, { objects, certificates }, enginesPerVirtualService))
    .sort(byUuid);
  const content = { virtualServices, pools };
  const secrets = new Map(
    [...certificates.values()].map(({ snapshot, privateKeyPem }) => [snapshot.keyHash, privateKeyPem]),
  );
  return { snapshot: deepFreeze({ hash: sha256Hex(canonicalJson(content)), ...content }), secrets };
}

function byUuid(a: { readonly uuid: string }, b: { readonly uuid: string }): number {
  return a.uuid < b.uuid ? -1 : a.uuid > b.uuid ? 1 : 0;
}
