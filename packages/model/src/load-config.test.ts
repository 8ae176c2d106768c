// Tests of loading a whole configuration: what an engine is given, and that it is the same for the same objects.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  assertOnlyProblem,
  type Configuration,
  configurationWith,
  ecCertificate,
  load,
  validConfiguration,
} from './test-configuration.ts';
import { derivedUuid } from './uuid.ts';

/** The configuration with its lists and the keys of its objects the other way round. */
function turnedAround(input: Configuration): Configuration {
  return Object.fromEntries(
    Object.entries(input)
      .reverse()
      .map(([type, list]) => [
        type,
        [...list].reverse().map((object) => Object.fromEntries(Object.entries(object).reverse())),
      ]),
  );
}

function assertFrozen(value: unknown, path: string): void {
  if (typeof value !== 'object' || value === null) return;
  assert.ok(Object.isFrozen(value), `${path} can be changed`);
  for (const [field, nested] of Object.entries(value)) assertFrozen(nested, `${path}.${field}`);
}

describe('a loaded configuration', () => {
  it('is a snapshot that is frozen at every depth and is plain JSON', () => {
    const { snapshot } = load(validConfiguration()).compiled;
    assertFrozen(snapshot, 'snapshot');
    assert.deepEqual(JSON.parse(JSON.stringify(snapshot)), snapshot);
  });

  it('keeps private keys beside the snapshot, by their hash', () => {
    const { snapshot, secrets } = load(validConfiguration()).compiled;
    assert.doesNotMatch(JSON.stringify(snapshot), /PRIVATE KEY/);
    const keyHash = snapshot.virtualServices[0]?.tls?.certificates[0]?.keyHash ?? '';
    assert.equal(secrets.get(keyHash), ecCertificate.privateKeyPem);
  });

  it('has one hash for the same objects, in whatever order they come', () => {
    const input = configurationWith({
      'Pool[1]': { name: 'unused', servers: [{ ip: { addr: '10.0.0.1', type: 'V4' } }] },
    });
    const { hash } = load(input).compiled.snapshot;
    assert.match(hash, /^[0-9a-f]{64}$/);
    assert.equal(load(turnedAround(input)).compiled.snapshot.hash, hash);
  });

  it('has one hash whether a default is left out or written down', () => {
    const written = configurationWith({ 'Pool[0].server_timeout': 0, 'VirtualService[0].enabled': true });
    assert.equal(load(written).compiled.snapshot.hash, load(validConfiguration()).compiled.snapshot.hash);
  });

  it('has another hash when an object in use changes, and the same when one without use does', () => {
    const { hash } = load(validConfiguration()).compiled.snapshot;
    const changed = configurationWith({ 'Pool[0].servers[0].ratio': 2 });
    assert.notEqual(load(changed).compiled.snapshot.hash, hash);
    const unused = configurationWith({ 'HealthMonitor[1]': { name: 'unused', type: 'HEALTH_MONITOR_TCP' } });
    assert.equal(load(unused).compiled.snapshot.hash, hash);
  });

  it('finds objects by name, by uuid and by the URLs of the API alike', () => {
    const { hash } = load(validConfiguration()).compiled.snapshot;
    const poolUuid = derivedUuid('Pool', 'admin', 'demo-pool');
    for (const ref of [
      `/api/pool/${poolUuid}`,
      '/api/pool/?name=demo-pool',
      `https://c.test/api/pool/${poolUuid}#x`,
    ]) {
      assert.equal(
        load(configurationWith({ 'VirtualService[0].pool_ref': ref })).compiled.snapshot.hash,
        hash,
      );
    }
  });

  it('uses the system objects where a virtual service names no profile', () => {
    const input = configurationWith({
      'VirtualService[0].application_profile_ref': undefined,
      'VirtualService[0].ssl_profile_ref': undefined,
      'Pool[0].health_monitor_refs': ['System-HTTP', 'System-TCP'],
      'Pool[0].application_persistence_profile_ref': 'System-Persistence-TLS',
    });
    const { virtualServices, pools } = load(input).compiled.snapshot;
    assert.match(virtualServices[0]?.tls?.ciphers ?? '', /^TLS_AES_128_GCM_SHA256:/);
    assert.deepEqual(
      pools[0]?.healthMonitors.map(({ name, kind }) => [name, kind]),
      [
        ['System-HTTP', 'http'],
        ['System-TCP', 'tcp'],
      ],
    );
    assert.deepEqual(pools[0]?.persistence, {
      kind: 'tls',
      profileName: 'System-Persistence-TLS',
      recovery: 'immediate',
    });
  });

  it('is refused when two servers of a pool have one id, since a ticket could not tell them apart', () => {
    // Found among 22 million addresses: both hash to 49db58aecf29.
    const input = configurationWith({
      'Pool[0].servers[0]': { ip: { addr: '10.0.7.194', type: 'V4' }, port: 8480 },
      'Pool[0].servers[1]': { ip: { addr: '10.0.33.118', type: 'V4' }, port: 8509 },
    });
    assertOnlyProblem(
      input,
      'Pool "demo-pool", servers[1]',
      /has the id of servers\[0\] by chance; change its port/,
    );
  });

  it('of nothing is valid and empty', () => {
    const { snapshot } = load({}).compiled;
    assert.deepEqual([snapshot.virtualServices, snapshot.pools], [[], []]);
  });
});
