import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ApiType, apiTypeByName, apiTypeByPath, apiTypes } from '../index.ts';
import { defaultObjects, isDefaultObject } from './default-objects.ts';
import {
  fieldsSetWithoutEffect,
  withDefaults,
  withoutDefaults,
  withoutUnknownFields,
} from './object-fields.ts';

const typeOf = (name: string): ApiType => {
  const type = apiTypeByName(name);
  assert.ok(type !== undefined, name);
  return type;
};

describe('the types of the API', () => {
  it('are found by name and by path', () => {
    for (const type of apiTypes) {
      assert.equal(apiTypeByName(type.name), type);
      assert.equal(apiTypeByPath(type.path), type);
    }
    assert.equal(apiTypeByPath('virtualservice')?.name, 'VirtualService');
    assert.equal(apiTypeByPath('constructor'), undefined);
  });

  it('refer to types that there are, which stand above them or are their own', () => {
    apiTypes.forEach((type, place) => {
      for (const target of Object.values(type.references)) {
        const at = apiTypes.indexOf(typeOf(target));
        assert.ok(at <= place, `${type.name} refers to ${target}`);
      }
    });
  });

  it('name every field that refers, by the names that their schemas have', () => {
    for (const { name, schema, references } of apiTypes) {
      const shape = (schema as unknown as { shape: object }).shape;
      for (const field of Object.keys(shape).filter((one) => /_refs?$/.test(one))) {
        assert.ok(references[field] ?? references[`${field}[]`], `${name}.${field}`);
      }
    }
  });

  it('keep secret what a body has, not what it would lose', () => {
    for (const type of apiTypes) {
      for (const path of type.secrets) {
        const steps = path.split('.');
        const body = steps.reduceRight<unknown>(
          (inner, step) => (step.endsWith('[]') ? { [step.slice(0, -2)]: [inner] } : { [step]: inner }),
          'secret',
        );
        assert.deepEqual(withoutUnknownFields(type, body as Record<string, unknown>).unknown, [], path);
      }
    }
  });

  it('say of a virtual service that its group has an effect, and its weight none', () => {
    const { withoutEffect } = typeOf('VirtualService');
    assert.ok(!withoutEffect.includes('se_group_ref'));
    assert.ok(withoutEffect.includes('weight'));
    assert.ok(withoutEffect.includes('services[].override_network_profile_ref'));
  });
});

describe('a body', () => {
  const pool = { name: 'a', servers: [{ ip: { addr: '10.0.0.1', type: 'V4' }, ratio: 1 }] };

  it('is answered with its defaults, also those of fields without effect, and without objects that were not given', () => {
    const full = withDefaults(typeOf('Pool'), pool) as Record<string, unknown> & typeof pool;
    assert.equal(full.default_server_port, 80);
    assert.equal(full.delete_server_on_dns_refresh, true);
    assert.equal(full.servers[0]?.ratio, 1);
    assert.equal((full.servers[0] as Record<string, unknown>).enabled, true);
    assert.ok(!Object.hasOwn(full, 'conn_pool_properties'));
    assert.ok(!Object.hasOwn(full, 'health_monitor_refs'));
  });

  it('without its defaults is the same again with them', () => {
    const bare = withoutDefaults(typeOf('Pool'), withDefaults(typeOf('Pool'), pool));
    assert.deepEqual(bare, { name: 'a', servers: [{ ip: { addr: '10.0.0.1', type: 'V4' } }] });
    assert.deepEqual(withDefaults(typeOf('Pool'), bare), withDefaults(typeOf('Pool'), pool));
  });

  it('loses fields that Avi does not have, and says which', () => {
    const given = {
      ...pool,
      colour: 'red',
      constructor: 1,
      servers: [{ ...pool.servers[0], shape: 'round' }],
    };
    assert.deepEqual(withoutUnknownFields(typeOf('Pool'), given), {
      body: pool,
      unknown: ['servers[0].shape', 'colour', 'constructor'],
    });
  });

  it('tells which of its fields have no effect, where they say something else than their defaults', () => {
    const group = { name: 'a', weight: 2, flow_dist: 'LOAD_AWARE', snat_ip: [], se_group_ref: 'b' };
    const services = [{ port: 1, override_network_profile_ref: 'c' }];
    assert.deepEqual(fieldsSetWithoutEffect(typeOf('VirtualService'), { ...group, services }), [
      'weight',
      'services[0].override_network_profile_ref',
    ]);
  });

  it('keeps what stands in a field without effect as it is', () => {
    const given = { name: 'a', analytics_policy: { anything: { at: ['all'] } } };
    assert.deepEqual(withoutUnknownFields(typeOf('Pool'), given), { body: given, unknown: [] });
  });
});

describe('the default objects', () => {
  it('fit their schemas', () => {
    for (const { type, name, body } of defaultObjects) {
      const { success, error } = typeOf(type).schema.safeParse(body);
      assert.ok(success, `${type} ${name}: ${error?.message}`);
      assert.deepEqual(withoutUnknownFields(typeOf(type), body).unknown, []);
    }
  });

  it('have uuids of their own, by which they are known', () => {
    const keys = defaultObjects.map(({ type, uuid }) => `${type} ${uuid}`);
    assert.equal(new Set(keys).size, keys.length);
    const tls = defaultObjects.find(({ name }) => name === 'System-Persistence-TLS');
    // Never to change: a reference to it is kept in every store.
    assert.equal(tls?.uuid, 'applicationpersistenceprofile-f7c32132-1f56-501b-9e8d-b2e0a623518b');
    assert.ok(isDefaultObject('Tenant', 'admin'));
    assert.ok(!isDefaultObject('Pool', 'pool-1'));
  });
});
