// A configuration in which nothing is wrong, for tests that make one thing wrong and look at what is said about it.

import assert from 'node:assert/strict';
import { type Certificate, createSelfSigned, demoConfiguration } from '@limpet/testkit';
import { type ConfigProblem, LimpetError } from './errors.ts';
import { type LoadedConfig, type LoadOptions, loadConfig } from './load-config.ts';

export type Configuration = Record<string, Record<string, unknown>[]>;

export const ecCertificate: Certificate = await createSelfSigned({
  dnsNames: ['limpet.test', '*.Limpet.test'],
});
export const nowS = Math.floor(Date.now() / 1000);

/** A new copy each time. */
export function validConfiguration(): Configuration {
  const made = demoConfiguration({
    port: 8443,
    servers: [
      { name: 'a', port: 9001 },
      { name: 'b', port: 9002, ratio: 3 },
    ],
    certificate: ecCertificate.certificatePem,
    key: ecCertificate.privateKeyPem,
  });
  // Nothing in it is shared, so that an edit in one place is in one place.
  return JSON.parse(JSON.stringify(made)) as Configuration;
}

/** The valid configuration with other values at paths such as `Pool[0].servers[1].port`; undefined takes a field out. */
export function configurationWith(edits: Readonly<Record<string, unknown>>): Configuration {
  const configuration = validConfiguration();
  for (const [path, value] of Object.entries(edits)) {
    const steps = path.split(/[.[\]]+/).filter((step) => step !== '');
    const last = steps.pop() as string;
    let place: Record<string, unknown> = configuration;
    for (const step of steps) {
      place[step] ??= {};
      place = place[step] as Record<string, unknown>;
    }
    if (value === undefined) delete place[last];
    else place[last] = value;
  }
  return configuration;
}

export function load(input: unknown, options: Partial<LoadOptions> = {}): LoadedConfig {
  return loadConfig(input, { nowS, ...options });
}

/** Everything that is said to be wrong. */
export function problemsOf(input: unknown): readonly ConfigProblem[] {
  try {
    load(input);
  } catch (error) {
    assert.ok(error instanceof LimpetError, String(error));
    assert.equal(error.code, 'CONFIG_INVALID');
    assert.ok(error.problems.length > 0, 'it is refused without a reason');
    return error.problems;
  }
  return [];
}

/** Asserts that one problem and no other is found: where (`Pool "web", servers[0]`), and words of its message. */
export function assertOnlyProblem(input: unknown, where: string, message: RegExp): void {
  const problems = problemsOf(input);
  assert.deepEqual(problems.map(whereOf), [where], problems.map(({ message }) => message).join('\n'));
  assert.match(problems[0]?.message ?? '', message);
}

/** Object and field of a problem, as `Pool "web", servers[0]`. */
export function whereOf({ objectType, objectName, field }: ConfigProblem): string {
  return `${objectType} "${objectName}"${field === '' ? '' : `, ${field}`}`;
}
