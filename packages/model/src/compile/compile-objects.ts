// The compiler: from validated objects to the frozen snapshot. Pure: the same objects give the same snapshot and hash.

import { poolChain } from '../backup-pools.ts';
import { canonicalJson, contentHash, deepFreeze, sha256Hex } from '../canonical-json.ts';
import type { LoadedCertificate } from '../certificate.ts';
import { KeptByInputs } from '../kept-by-inputs.ts';
import type { AviObject, ObjectSet } from '../objects/schemas.ts';
import { reachOf } from '../reach.ts';
import { referenced } from '../references.ts';
import type {
  CertificateSnapshot,
  CompiledConfig,
  FailAction,
  HealthMonitorSnapshot,
  PoolSnapshot,
  VirtualServiceSnapshot,
} from '../snapshot.ts';
import { compilePool } from './compile-pool.ts';
import type { TlsObjects } from './compile-server-tls.ts';
import { childrenByParent, compileVirtualService } from './compile-virtual-service.ts';

export interface CompileOptions {
  /** Over how many engines a virtual service is spread; connection limits are divided by it. */
  readonly enginesPerVirtualService?: number;
}

/** The engines that a virtual service is placed on, by its uuid. */
export type EnginesOf = (virtualServiceUuid: string) => readonly string[];

/** Everything that is served somewhere, compiled: what the snapshot of each engine is made of. */
export interface CompiledParts {
  /** By uuid, in order. */
  readonly virtualServices: ReadonlyMap<string, VirtualServiceSnapshot>;
  readonly pools: ReadonlyMap<string, PoolSnapshot>;
  /** Private keys in PEM, by their hash. */
  readonly secrets: ReadonlyMap<string, string>;
}

// Where one server of ten thousand changes, one pool is compiled and hashed.
const virtualServicesKept = new KeptByInputs<VirtualServiceSnapshot>();
const poolsKept = new KeptByInputs<PoolSnapshot>();
const keyHashesKept = new WeakMap<object, readonly string[]>();

/** @param certificates by the uuid of their SSLKeyAndCertificate, of which they are a function. */
export function compileObjects(
  objects: ObjectSet,
  certificates: ReadonlyMap<string, LoadedCertificate>,
  { enginesPerVirtualService = 1 }: CompileOptions = {},
): CompiledConfig {
  return selectCompiled(compileParts(objects, certificates, enginesPerVirtualService), () => true);
}

/** @param engines how many each virtual service has, or which: the limits of a pool are divided by the number of engines that it is on. */
export function compileParts(
  objects: ObjectSet,
  certificates: ReadonlyMap<string, LoadedCertificate>,
  engines: number | EnginesOf,
): CompiledParts {
  const from: TlsObjects = { objects, certificates };
  const children = childrenByParent(objects);
  const enginesOf = typeof engines === 'number' ? () => [] : engines;
  const virtualServices: VirtualServiceSnapshot[] = [];
  const hosts = new Map<AviObject<'Pool'>, Set<string>>();
  for (const object of objects.VirtualService) {
    if (!object.enabled) continue;
    virtualServices.push(compiledVirtualService(object, children.get(object) ?? [], from));
    for (const pool of poolChain(referenced(objects.Pool, object.pool_ref ?? ''), objects)) {
      const known = hosts.get(pool) ?? new Set();
      hosts.set(pool, known);
      for (const engine of enginesOf(object.uuid)) known.add(engine);
    }
  }
  const pools = objects.Pool.filter((pool) => hosts.has(pool)).map((pool) => {
    const count = typeof engines === 'number' ? engines : Math.max(1, hosts.get(pool)?.size ?? 0);
    return poolsKept.get(pool, [count, ...reachOf(pool, objects)], (former) =>
      formerIfSame(former, compilePool(pool, from, count)),
    );
  });
  return {
    virtualServices: byUuid(virtualServices),
    pools: byUuid(pools),
    secrets: new Map(
      [...certificates.values()].map(({ snapshot, privateKeyPem }) => [snapshot.keyHash, privateKeyPem]),
    ),
  };
}

/** The configuration of an engine that hosts some of the virtual services: their pools and backup pools, and the private keys of these and no others. */
export function selectCompiled(
  parts: CompiledParts,
  isHosted: (virtualServiceUuid: string) => boolean,
): CompiledConfig {
  const virtualServices = [...parts.virtualServices.values()].filter(({ uuid }) => isHosted(uuid));
  const used = new Set<string>();
  for (const { poolUuid } of virtualServices) {
    for (let uuid: string | undefined = poolUuid; uuid !== undefined && !used.has(uuid); ) {
      used.add(uuid);
      const action: FailAction | undefined = parts.pools.get(uuid)?.failAction;
      uuid = action?.kind === 'backup' ? action.poolUuid : undefined;
    }
  }
  const pools = [...parts.pools.values()].filter(({ uuid }) => used.has(uuid));
  const secrets = new Map<string, string>();
  for (const part of [...virtualServices, ...pools]) {
    for (const hash of keyHashesOf(part)) {
      const key = parts.secrets.get(hash);
      if (key !== undefined) secrets.set(hash, key);
    }
  }
  const content = { virtualServices, pools };
  return { snapshot: deepFreeze({ hash: snapshotHash(content), ...content }), secrets };
}

/** Of the private keys that a frozen part names. */
function keyHashesOf(part: VirtualServiceSnapshot | PoolSnapshot): readonly string[] {
  const known = keyHashesKept.get(part);
  if (known !== undefined) return known;
  const named =
    'listeners' in part
      ? (part.tls?.certificates ?? [])
      : [part.tls?.client.certificate, ...part.healthMonitors.map(certificateOfMonitor)];
  const hashes = named.flatMap((certificate) => (certificate === undefined ? [] : [certificate.keyHash]));
  keyHashesKept.set(part, hashes);
  return hashes;
}

function certificateOfMonitor(monitor: HealthMonitorSnapshot): CertificateSnapshot | undefined {
  return monitor.kind === 'http' ? monitor.tls?.client.certificate : undefined;
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

function byUuid<T extends { readonly uuid: string }>(parts: readonly T[]): ReadonlyMap<string, T> {
  const sorted = parts.toSorted((a, b) => (a.uuid < b.uuid ? -1 : a.uuid > b.uuid ? 1 : 0));
  return new Map(sorted.map((part) => [part.uuid, part]));
}
