// Tests of a configuration that is loaded beside the one before it: the same as when it is loaded alone.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSelfSigned } from '@limpet/testkit';
import fc from 'fast-check';
import { LimpetError } from './errors.ts';
import { type LoadedConfig, loadConfig } from './load-config.ts';
import { objectSchemas } from './objects/schemas.ts';
import { referenceTypes } from './reach.ts';
import { type Configuration, ecCertificate, nowS, validConfiguration } from './test-configuration.ts';

const other = await createSelfSigned({ dnsNames: ['other.test'] });

/** Two pools that back each other up or not, a parent with children, and profiles of which each can be that of any of them. */
function startingPoint(): Configuration {
  const made = validConfiguration();
  const [pool, service] = [made.Pool?.[0] ?? {}, made.VirtualService?.[0] ?? {}];
  const { services: _services, vsvip_ref: _vsVip, ...shared } = service;
  const whole = {
    ...made,
    Pool: [pool, { ...pool, name: 'spare' }],
    SSLKeyAndCertificate: [
      ...(made.SSLKeyAndCertificate ?? []),
      {
        name: 'other',
        certificate: { certificate: other.certificatePem },
        key: other.privateKeyPem,
      },
    ],
    VirtualService: [
      { ...service, type: 'VS_TYPE_VH_PARENT' },
      ...['a', 'b'].map((name) => ({
        ...shared,
        name,
        type: 'VS_TYPE_VH_CHILD',
        vh_parent_vs_ref: service.name,
        vh_domain_name: [`${name}.test`],
      })),
    ],
  };
  // Nothing in it is shared, so that an edit in one place is in one place.
  return JSON.parse(JSON.stringify(whole)) as Configuration;
}

type Edit = (configuration: Configuration) => void;

const at = (configuration: Configuration, type: string, index: number): Record<string, unknown> => {
  const list = configuration[type] ?? [];
  return list[index % Math.max(1, list.length)] ?? {};
};
const server = (configuration: Configuration, pool: number, index: number): Record<string, unknown> => {
  const servers = at(configuration, 'Pool', pool).servers as Record<string, unknown>[];
  return servers[index % servers.length] ?? {};
};

// Some leave it whole and some do not.
const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.tuple(fc.nat(1), fc.nat(1), fc.integer({ min: 9000, max: 9004 })).map(
    ([pool, index, port]): Edit =>
      (made) => {
        server(made, pool, index).port = port;
      },
  ),
  fc.tuple(fc.nat(1), fc.constantFrom('spare', 'demo-pool', 'nobody')).map(
    ([pool, name]): Edit =>
      (made) => {
        at(made, 'Pool', pool).fail_action = {
          type: 'FAIL_ACTION_BACKUP_POOL',
          backup_pool: { backup_pool_ref: name },
        };
      },
  ),
  fc.tuple(fc.nat(1)).map(
    ([pool]): Edit =>
      (made) => {
        delete at(made, 'Pool', pool).fail_action;
      },
  ),
  fc.integer({ min: 2, max: 4 }).map(
    (seconds): Edit =>
      (made) => {
        at(made, 'HealthMonitor', 0).send_interval = seconds;
      },
  ),
  fc.constantFrom('PERSISTENCE_TYPE_TLS', 'PERSISTENCE_TYPE_HTTP_COOKIE').map(
    (type): Edit =>
      (made) => {
        at(made, 'ApplicationPersistenceProfile', 0).persistence_type = type;
      },
  ),
  fc.integer({ min: 10_000, max: 10_002 }).map(
    (timeout): Edit =>
      (made) => {
        (at(made, 'ApplicationProfile', 0).http_profile as Record<string, unknown>).keepalive_timeout =
          timeout;
      },
  ),
  // An object that an absent reference stands for.
  fc.integer({ min: 10_000, max: 10_002 }).map(
    (timeout): Edit =>
      (made) => {
        const profiles = made.ApplicationProfile ?? [];
        made.ApplicationProfile = [
          ...profiles.filter(({ name }) => name !== 'System-HTTP'),
          {
            name: 'System-HTTP',
            type: 'APPLICATION_PROFILE_TYPE_HTTP',
            http_profile: { keepalive_timeout: timeout },
          },
        ];
        delete at(made, 'VirtualService', timeout).application_profile_ref;
      },
  ),
  fc.tuple(fc.boolean()).map(
    ([first]): Edit =>
      (made) => {
        Object.assign(at(made, 'SSLKeyAndCertificate', 0), {
          certificate: { certificate: (first ? ecCertificate : other).certificatePem },
          key: (first ? ecCertificate : other).privateKeyPem,
        });
      },
  ),
  fc.tuple(fc.nat(2), fc.constantFrom('pool-uuid', '/api/pool/?name=spare', 'demo-pool')).map(
    ([service, ref]): Edit =>
      (made) => {
        at(made, 'VirtualService', service).pool_ref = ref;
      },
  ),
  fc.tuple(fc.nat(2), fc.boolean()).map(
    ([service, enabled]): Edit =>
      (made) => {
        at(made, 'VirtualService', service).enabled = enabled;
      },
  ),
  fc.tuple(fc.integer({ min: 1, max: 2 }), fc.constantFrom('a.test', 'b.test', '*.c.test')).map(
    ([child, host]): Edit =>
      (made) => {
        at(made, 'VirtualService', child).vh_domain_name = [host];
      },
  ),
  fc.integer({ min: 8443, max: 8445 }).map(
    (port): Edit =>
      (made) => {
        Object.assign(at(made, 'VirtualService', 0), { services: [{ port, enable_ssl: true }] });
      },
  ),
  // Names trade places: a reference leads to another object, though no object with the reference changed.
  fc.constant<Edit>((made) => {
    const [first, second] = made.Pool ?? [];
    if (first !== undefined && second !== undefined) [first.name, second.name] = [second.name, first.name];
  }),
  fc.constantFrom('Pool', 'VirtualService', 'SSLKeyAndCertificate').map(
    (type): Edit =>
      (made) => {
        made[type]?.reverse();
      },
  ),
);

type Outcome = Pick<LoadedConfig, 'compiled' | 'objects' | 'notices'> | readonly unknown[];

function outcomeOf(load: () => LoadedConfig): {
  readonly outcome: Outcome;
  readonly loaded: LoadedConfig | undefined;
} {
  try {
    const loaded = load();
    const { compiled, objects, notices } = loaded;
    return { outcome: { compiled, objects, notices }, loaded };
  } catch (error) {
    assert.ok(error instanceof LimpetError, String(error));
    return { outcome: error.problems, loaded: undefined };
  }
}

describe('a configuration that is loaded beside the one before it', () => {
  it('is what it would be alone, whatever changed, also after one that was refused', () => {
    fc.assert(
      fc.property(fc.array(fc.array(edit, { maxLength: 3 }), { maxLength: 6 }), (steps) => {
        const configuration = startingPoint();
        let former = loadConfig(configuration, { nowS });
        for (const edits of steps) {
          for (const one of edits) one(configuration);
          const engines = { nowS, enginesPerVirtualService: 1 + (edits.length % 2) };
          // A text that was never seen shares no object with what is kept.
          const alone = outcomeOf(() => loadConfig(JSON.parse(JSON.stringify(configuration)), engines));
          const beside = outcomeOf(() => loadConfig(configuration, engines, former));
          assert.deepEqual(beside.outcome, alone.outcome);
          former = beside.loaded ?? former;
        }
      }),
      { numRuns: 100 },
    );
  });

  it('shares with it every part that comes out the same', () => {
    const configuration = startingPoint();
    const former = loadConfig(configuration, { nowS });
    (at(configuration, 'VirtualService', 2) as { pool_ref: string }).pool_ref = 'spare';
    const moved = loadConfig(configuration, { nowS }, former);
    server(configuration, 1, 0).port = 9009;
    const changed = loadConfig(configuration, { nowS }, moved);
    const parts = ({ compiled: { snapshot } }: LoadedConfig) =>
      new Map([...snapshot.virtualServices, ...snapshot.pools].map((part) => [part.name, part]));
    const [before, after] = [parts(moved), parts(changed)];
    const same = [...after].filter(([name, part]) => before.get(name) === part).map(([name]) => name);
    assert.deepEqual(same.sort(), ['a', 'b', 'demo', 'demo-pool']);
    assert.notEqual(changed.compiled.snapshot.hash, moved.compiled.snapshot.hash);
  });

  it('knows every field of the schemas that is a reference, but for tenants', () => {
    const named = new Set<string>();
    const collect = (schema: unknown, seen: Set<unknown>): void => {
      if (typeof schema !== 'object' || schema === null || seen.has(schema)) return;
      seen.add(schema);
      const { shape, element, def } = schema as {
        shape?: Record<string, unknown>;
        element?: unknown;
        def?: { innerType?: unknown };
      };
      for (const [field, inner] of Object.entries(shape ?? {})) {
        if (/_refs?$/.test(field)) named.add(field);
        collect(inner, seen);
      }
      collect(element, seen);
      collect(def?.innerType, seen);
    };
    for (const schema of Object.values(objectSchemas)) collect(schema, new Set());
    named.delete('tenant_ref');
    assert.deepEqual([...named].sort(), Object.keys(referenceTypes).sort());
  });
});
