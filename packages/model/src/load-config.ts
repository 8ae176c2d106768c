// From the JSON of a configuration to what an engine is given: parse, validate, compile; or everything that is wrong with it.

import { deepFreeze } from './canonical-json.ts';
import { type LoadedCertificate, type ReadCertificate, readCertificate } from './certificate.ts';
import {
  type CompiledParts,
  type CompileOptions,
  compileParts,
  type EnginesOf,
  selectCompiled,
} from './compile/compile-objects.ts';
import { type ConfigProblem, LimpetError } from './errors.ts';
import { KeptByInputs } from './kept-by-inputs.ts';
import type { ObjectSet } from './objects/schemas.ts';
import { type ParsedObjects, parseObjects } from './parse-objects.ts';
import { findReferenced } from './references.ts';
import type { CompiledConfig, PoolSnapshot } from './snapshot.ts';
import { clientCertificateNotices } from './validate/client-certificate-notices.ts';
import { findNotices } from './validate/find-notices.ts';
import { type ValidationOptions, validateObjects } from './validate/validate-objects.ts';

export interface CheckOptions extends ValidationOptions {
  /** Seconds since 1970: a certificate that has expired by then is noticed. */
  readonly nowS: number;
}

export interface LoadOptions extends CompileOptions {
  readonly nowS: number;
}

/** A configuration in which nothing is wrong. */
export interface CheckedConfig {
  readonly objects: ObjectSet;
  /** What the next configuration is parsed beside. */
  readonly parsed: ParsedObjects;
  /** By the uuid of their SSLKeyAndCertificate. */
  readonly certificates: ReadonlyMap<string, LoadedCertificate>;
  /** What an operator should know and what is no reason to refuse: fields that are set and have no effect yet, certificates that have expired. */
  readonly notices: readonly ConfigProblem[];
}

export interface LoadedConfig extends CheckedConfig {
  readonly compiled: CompiledConfig;
}

/**
 * @param input arrays of Avi objects by type, as a standalone file holds them; file references already resolved.
 * @param former the configuration before: what is the same in both is not parsed, validated and compiled again. The result is the same without it.
 * @throws LimpetError CONFIG_INVALID with every problem, each naming object and field.
 */
export function loadConfig(input: unknown, options: LoadOptions, former?: LoadedConfig): LoadedConfig {
  const checked = checkConfig(input, { nowS: options.nowS }, former);
  const parts = compileChecked(checked, options.enginesPerVirtualService ?? 1);
  return { ...checked, compiled: selectCompiled(parts, () => true) };
}

/** Everything compiled that is served somewhere. @throws LimpetError CONFIG_INVALID where two servers could not be told apart. */
export function compileChecked(checked: CheckedConfig, engines: number | EnginesOf): CompiledParts {
  const parts = compileParts(checked.objects, checked.certificates, engines);
  refuseIfAny([...parts.pools.values()].flatMap(collidingServers));
  return parts;
}

/** The same without compiling. */
export function checkConfig(input: unknown, options: CheckOptions, former?: CheckedConfig): CheckedConfig {
  const parsed = parseObjects(input, former?.parsed);
  const { objects, problems, isWhole, notices } = parsed;
  if (!isWhole) refuseIfAny(problems);
  const certificates = new Map<string, LoadedCertificate>();
  const expired: ConfigProblem[] = [];
  const found = [
    ...validateObjects(objects, options),
    ...loadCertificates(objects, options.nowS, certificates, expired),
  ];
  refuseIfAny([...problems, ...found]);
  return {
    objects,
    parsed,
    certificates,
    notices: [
      ...notices,
      ...findNotices(objects),
      ...clientCertificateNotices(objects, options.nowS),
      ...expired,
    ],
  };
}

function refuseIfAny(problems: readonly ConfigProblem[]): void {
  if (problems.length === 0) return;
  const detail = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  throw new LimpetError('CONFIG_INVALID', detail, { problems });
}

const certificatesKept = new KeptByInputs<ReadCertificate>();

function loadCertificates(
  objects: ObjectSet,
  nowS: number,
  certificates: Map<string, LoadedCertificate>,
  expired: ConfigProblem[],
): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const object of objects.SSLKeyAndCertificate) {
    const { name, uuid, type, certificate, key, key_passphrase } = object;
    // An authority's has no key, and nothing uses it yet.
    if (type === 'SSL_CERTIFICATE_TYPE_CA') continue;
    const about = { objectType: 'SSLKeyAndCertificate', objectName: name };
    const read = certificatesKept.get(object, [object], () =>
      deepFreeze(readCertificate(name, certificate.certificate, key, key_passphrase)),
    );
    if (read.kind === 'problem') {
      problems.push({ ...about, field: read.field, message: read.message });
      continue;
    }
    certificates.set(uuid, read);
    // Clients will say so; an engine that refuses to start would take every other virtual service down with this one.
    if (read.snapshot.notAfterS < nowS)
      expired.push({ ...about, field: 'certificate.certificate', message: 'has expired; renew it' });
  }
  return [...problems, ...shadowedCertificates(objects, certificates)];
}

/** A certificate that no client would ever see: those before it of its key type have all its names, and are the default, too. */
function shadowedCertificates(
  objects: ObjectSet,
  certificates: ReadonlyMap<string, LoadedCertificate>,
): readonly ConfigProblem[] {
  return objects.VirtualService.flatMap((virtualService) => {
    if (!virtualService.enabled) return [];
    const taken = new Map<string, Set<string>>();
    return virtualService.ssl_key_and_certificate_refs.flatMap((ref, index) => {
      const object = findReferenced(objects.SSLKeyAndCertificate, ref);
      const certificate = object === undefined ? undefined : certificates.get(object.uuid)?.snapshot;
      if (certificate === undefined) return [];
      const { keyType, dnsNames } = certificate;
      const names = taken.get(keyType);
      taken.set(keyType, new Set([...(names ?? []), ...dnsNames]));
      if (names === undefined || !dnsNames.every((name) => names.has(name))) return [];
      return [
        {
          objectType: 'VirtualService',
          objectName: virtualService.name,
          field: `ssl_key_and_certificate_refs[${index}]`,
          message: `is an ${keyType.toUpperCase()} certificate for names that an earlier one has: it would never be used`,
        },
      ];
    });
  });
}

/** In which no two have. */
const poolsWithoutTwins = new WeakSet<PoolSnapshot>();

/** Two servers of a pool with one 48-bit id: a ticket could not tell them apart. Never seen but by design. */
function collidingServers(pool: PoolSnapshot): readonly ConfigProblem[] {
  if (poolsWithoutTwins.has(pool)) return [];
  const seen = new Map<string, number>();
  const found = pool.servers.flatMap(({ id }, index) => {
    const twin = seen.get(id);
    seen.set(id, index);
    return twin === undefined
      ? []
      : [
          {
            objectType: 'Pool',
            objectName: pool.name,
            field: `servers[${index}]`,
            message: `has the id of servers[${twin}] by chance; change its port`,
          },
        ];
  });
  if (found.length === 0) poolsWithoutTwins.add(pool);
  return found;
}
