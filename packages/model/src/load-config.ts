// From the JSON of a configuration to what an engine is given: parse, validate, compile; or everything that is wrong with it.

import { readCertificate } from './certificate.ts';
import { type CompileOptions, compileObjects, type LoadedCertificate } from './compile.ts';
import { type ConfigProblem, LimpetError } from './errors.ts';
import type { ObjectSet } from './objects/schemas.ts';
import { parseObjects } from './parse-objects.ts';
import type { CompiledConfig } from './snapshot.ts';
import { validateObjects } from './validate.ts';

export interface LoadOptions extends CompileOptions {
  /** Seconds since 1970: what certificates must not have expired by. */
  readonly nowS: number;
}

export interface LoadedConfig {
  readonly compiled: CompiledConfig;
  readonly objects: ObjectSet;
  /** Fields that are known and set, and have no effect yet. */
  readonly notices: readonly ConfigProblem[];
}

/**
 * @param input arrays of Avi objects by type, as a standalone file holds them; file references already resolved.
 * @throws LimpetError CONFIG_INVALID with every problem, each naming object and field.
 */
export function loadConfig(input: unknown, options: LoadOptions): LoadedConfig {
  const { objects, problems, notices } = parseObjects(input);
  refuseIfAny(problems);
  const certificates = new Map<string, LoadedCertificate>();
  const found = [...validateObjects(objects), ...loadCertificates(objects, options.nowS, certificates)];
  refuseIfAny(found);
  const compiled = compileObjects(objects, certificates, options);
  refuseIfAny(collidingServers(compiled));
  return { compiled, objects, notices };
}

function refuseIfAny(problems: readonly ConfigProblem[]): void {
  if (problems.length === 0) return;
  const detail = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  throw new LimpetError('CONFIG_INVALID', detail, { problems });
}

function loadCertificates(
  objects: ObjectSet,
  nowS: number,
  certificates: Map<string, LoadedCertificate>,
): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const { name, uuid, certificate, key, key_passphrase } of objects.SSLKeyAndCertificate) {
    const report = (field: string, message: string): void => {
      problems.push({ objectType: 'SSLKeyAndCertificate', objectName: name, field, message });
    };
    const read = readCertificate(name, certificate.certificate, key, key_passphrase, nowS);
    if (read.kind === 'problem') report(read.field, read.message);
    else if (read.expired) report('certificate.certificate', 'has expired; renew it');
    else certificates.set(uuid, read);
  }
  return [...problems, ...keyTypeTwins(objects, certificates)];
}

/** One certificate a key type: OpenSSL would quietly use the last. */
function keyTypeTwins(
  objects: ObjectSet,
  certificates: ReadonlyMap<string, LoadedCertificate>,
): readonly ConfigProblem[] {
  const byName = new Map(
    objects.SSLKeyAndCertificate.map(({ name, uuid }) => [name, certificates.get(uuid)]),
  );
  return objects.VirtualService.flatMap((virtualService) => {
    const types = virtualService.ssl_key_and_certificate_refs.map((ref) => byName.get(ref)?.snapshot.keyType);
    return types.flatMap((type, index) =>
      type !== undefined && types.indexOf(type) < index
        ? [
            {
              objectType: 'VirtualService',
              objectName: virtualService.name,
              field: `ssl_key_and_certificate_refs[${index}]`,
              message: `is the second ${type} certificate; one EC and one RSA certificate can be given`,
            },
          ]
        : [],
    );
  });
}

/** Two servers of a pool with one 48-bit id: a ticket could not tell them apart. Never seen but by design. */
function collidingServers({ snapshot }: CompiledConfig): readonly ConfigProblem[] {
  return snapshot.pools.flatMap(({ name, servers }) => {
    const seen = new Map<string, number>();
    return servers.flatMap(({ id }, index) => {
      const twin = seen.get(id);
      seen.set(id, index);
      return twin === undefined
        ? []
        : [
            {
              objectType: 'Pool',
              objectName: name,
              field: `servers[${index}]`,
              message: `has the id of servers[${twin}] by chance; change its port`,
            },
          ];
    });
  });
}
