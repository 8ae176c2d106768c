import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '../json.ts';
import type { Caller } from './api-call.ts';
import { shownRuntime } from './shown-runtime.ts';
import { object, viewOf } from './test-objects.ts';

const view = viewOf(
  object('Tenant', { name: 'red' }),
  object('VirtualService', { name: 'own' }, { tenantUuid: 'tenant-red' }),
  object('VirtualService', { name: 'others' }),
  object('User', { name: 'joe', default_tenant_ref: '/api/tenant/tenant-red' }),
);
const refused = { state: 'OPER_UP', reason: ['it refused a configuration: VirtualService "others"'] };
const caller = (isSuperuser: boolean): Caller => ({
  user: { uuid: 'user-joe', name: 'joe', isSuperuser },
  tenant: { kind: 'one', uuid: 'tenant-red' },
});

describe('the runtime that a caller sees', () => {
  it('names of an engine only what is of the own tenant, and all to a superuser', () => {
    const engine = object('ServiceEngine', { name: 'engine-1' });
    const runtime: JsonObject = {
      oper_status: refused,
      configuration: { refusal: refused },
      virtual_services: [{ uuid: 'virtualservice-own' }, { uuid: 'virtualservice-others' }, { uuid: 'gone' }],
    };
    const source = { runtime: () => runtime };
    assert.deepEqual(shownRuntime(source, view, engine, '', caller(false)), {
      oper_status: { state: 'OPER_UP' },
      virtual_services: [{ uuid: 'virtualservice-own' }],
    });
    assert.equal(shownRuntime(source, view, engine, '', caller(true)), runtime);
  });

  it('does not say of a virtual service why its engines refused a configuration of all', () => {
    const source = { runtime: () => ({ service_engine: [{ name: 'engine-1', oper_status: refused }] }) };
    const own = view.get('VirtualService', 'virtualservice-own');
    assert.ok(own !== undefined);
    assert.deepEqual(shownRuntime(source, view, own, '', caller(false)), {
      service_engine: [{ name: 'engine-1', oper_status: { state: 'OPER_UP' } }],
    });
  });
});
