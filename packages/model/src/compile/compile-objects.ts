// The compiler: from validated objects to the frozen snapshot. Pure: the same objects give the same snapshot and hash.

import { poolChain } from '../backup-pools.ts';
import { canonicalJson, contentHash, deepFreeze, sha256Hex } from '../canonical-json.ts';
import type { LoadedCertificate } from '../certificate.ts';
import { KeptByInputs } from '../kept-by-inputs.ts';
import type { AviObject, ObjectSet } from '../objects/schemas.ts';
import { reachOf } from '../reach.ts';
import type { CompiledConfig, PoolSnapshot, VirtualServiceSnapshot } from '../snapshot.ts';
import { compilePool } from './compile-pool.ts';
import type { TlsObjects } from './compile-server-tls.ts';
import { childrenByParent, compileVirtualService } from './compile-virtual-service.ts';

export interface CompileOptions {
  /** Over how many engines a virtual service is spread; connection limits are divided by it. */
  readonly enginesPerVirtualService?: number;
}

// Where one server of ten thousand changes, one pool is compiled and hashed.
const virtualServicesKept = new KeptByInputs<VirtualServiceSnapshot>();
const poolsKept = new KeptByInputs<PoolSnapshot>();

/** @param certificates by the uuid of their SSLKeyAndCertificate, of which they are a function. */
export function compileObjects(
  objects: ObjectSet,
  certificates: ReadonlyMap<string, LoadedCertificate>,
  { enginesPerVirtualService: engines = 1 }: CompileOptions = {},
): CompiledConfig {
  const from: TlsObjects = { objects, certificates };
  const children = childrenByParent(objects);
  const virtualServices = objects.VirtualService.filter(({ enabled }) => enabled)
    .map((object) => compiledVirtualService(object, children.get(object) ?? [], from))
    .sort(byUuid);
  const served = new Set(virtualServices.map(({ poolUuid }) => poolUuid));
  const used = new Set(
    objects.Pool.filter(({ uuid }) => served.has(uuid)).flatMap((pool) => poolChain(pool, objects)),
  );
  const pools = objects.Pool.filter((pool) => used.has(pool))
    .map((pool) =>
      poolsKept.get(pool, [engines, ...reachOf(pool, objects)], (former) =>
        formerIfSame(former, compilePool(pool, from, engines)),
      ),
    )
    .sort(byUuid);
  const content = { virtualServices, pools };
  const secrets = new Map(
    [...certificates.values()].map(({ snapshot, privateKeyPem }) => [snapshot.keyHash, privateKeyPem]),
  );
  return { snapshot: deepFreeze({ hash: snapshotHash(content), ...content }), secrets };
}

function compiledVirtualService(
  object: AviObject<'VirtualService'>,
  children: readonly AviObject<'VirtualService'>[],
  from: TlsObjects,
): VirtualServiceSnapshot {
  // A parent refers to no child, and has the names of all.
  return virtualServicesKept.get(object, [...reachOf(object, from.objects), ...children], (former) =>
    formerIfSame(former, compileVirtualService(object, children, from)),
  );
}

/** Who reaches a changed object need not be changed by it: a virtual service knows no more than the uuid of its pool. */
function formerIfSame<T extends object>(former: T | undefined, made: T): T {
  deepFreeze(made);
  return former !== undefined && contentHash(former) === contentHash(made) ? former : made;
}

/** What names a snapshot by its content; its parts must be frozen. */
export function snapshotHash({ virtualServices, pools }: Omit<CompiledConfig['snapshot'], 'hash'>): string {
  return sha256Hex(
    canonicalJson({ virtualServices: virtualServices.map(contentHash), pools: pools.map(contentHash) }),
  );
}

function byUuid(a: { readonly uuid: string }, b: { readonly uuid: string }): number {
  return a.uuid < b.uuid ? -1 : a.uuid > b.uuid ? 1 : 0;
}
