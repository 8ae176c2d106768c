import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSelfSigned } from '@limpet/testkit';
import { type CheckedConfig, checkConfig, compileChecked } from '../load-config.ts';
import { type Configuration, nowS, validConfiguration } from '../test-configuration.ts';
import { selectCompiled } from './compile-objects.ts';

const other = await createSelfSigned({ dnsNames: ['other.test'] });

/** Two virtual services; the second has a certificate and a backup pool of its own, and shares its pool with the first. */
function twoServices(): Configuration {
  const input = validConfiguration();
  const [service, pool] = [input.VirtualService?.[0] ?? {}, input.Pool?.[0] ?? {}];
  input.SSLKeyAndCertificate?.push({
    name: 'other',
    certificate: { certificate: other.certificatePem },
    key: other.privateKeyPem,
  });
  const backup_pool = { backup_pool_ref: 'backup' };
  input.Pool = [
    { ...pool, uuid: 'pool', max_concurrent_connections_per_server: 100 },
    {
      ...pool,
      name: 'second',
      uuid: 'second',
      fail_action: { type: 'FAIL_ACTION_BACKUP_POOL', backup_pool },
    },
    { ...pool, name: 'backup', uuid: 'backup', max_concurrent_connections_per_server: 100 },
  ];
  input.VirtualService = [
    { ...service, uuid: 'a', pool_ref: '/api/pool/pool' },
    {
      ...service,
      name: 'b',
      uuid: 'b',
      services: [{ port: 9443, enable_ssl: true }],
      ssl_key_and_certificate_refs: ['other'],
      pool_ref: '/api/pool/second',
    },
    { ...service, name: 'c', uuid: 'c', services: [{ port: 9444, enable_ssl: true }], pool_ref: 'second' },
  ];
  return input;
}

const check = (input: Configuration): CheckedConfig => checkConfig(input, { nowS });

describe('what an engine is given of a compiled configuration', () => {
  const parts = compileChecked(check(twoServices()), (uuid) => (uuid === 'b' ? ['x', 'y'] : ['x']));

  it('is what it hosts, with the pools and backup pools of that, and no other private key', () => {
    const { snapshot, secrets } = selectCompiled(parts, (uuid) => uuid === 'b');
    assert.deepEqual(
      snapshot.virtualServices.map(({ uuid }) => uuid),
      ['b'],
    );
    assert.deepEqual(
      snapshot.pools.map(({ uuid }) => uuid),
      ['backup', 'second'],
    );
    const keys = snapshot.virtualServices[0]?.tls?.certificates.map(({ keyHash }) => keyHash);
    assert.deepEqual([...secrets.keys()], keys);
  });

  it('is nothing where it hosts nothing', () => {
    const { snapshot, secrets } = selectCompiled(parts, () => false);
    assert.deepEqual([snapshot.virtualServices, snapshot.pools, secrets.size], [[], [], 0]);
  });

  it('has its limits divided by the engines that a pool is on, of whichever virtual service', () => {
    const limits = Object.fromEntries(
      [...parts.pools.values()].map(({ uuid, connectionLimitPerServer }) => [uuid, connectionLimitPerServer]),
    );
    // b and c have the second pool and its backup: x and y are two engines, not three.
    assert.deepEqual(limits, { backup: 50, pool: 100, second: 0 });
  });
});

describe('names and addresses of a Controller', () => {
  it('may be the same in other tenants, and in other groups of engines', () => {
    const input = twoServices();
    const [first] = input.VirtualService ?? [];
    input.VirtualService?.push({ ...first, uuid: 'd', tenant_ref: '/api/tenant/other' });
    const groups = (uuid: string): string => (uuid === 'd' ? 'group-2' : 'group-1');
    assert.throws(() => check(input), /2 problems/);
    assert.throws(() => checkConfig(input, { nowS, namesPerTenant: true }), /1 problem/);
    const checked = checkConfig(input, { nowS, namesPerTenant: true, engineGroupOf: groups });
    assert.equal(checked.objects.VirtualService.length, 4);
  });
});
