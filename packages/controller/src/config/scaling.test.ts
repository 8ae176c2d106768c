import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LimpetError } from '@limpet/model';
import type { ScaleRequest } from './scale-placement.ts';
import {
  type Bed,
  engine,
  group,
  keyAndCertificate,
  object,
  pool,
  startBed,
  virtualService,
} from './test-configuration.ts';

const LIMIT = 100;

async function startServing(): Promise<Bed> {
  const bed = await startBed();
  await bed.put(
    engine('se-1'),
    engine('se-2'),
    engine('se-3'),
    group({ min_scaleout_per_vs: 1, max_scaleout_per_vs: 2 }),
    keyAndCertificate(),
    pool('pool', { max_concurrent_connections_per_server: LIMIT }),
    virtualService('vs', 8443, { type: 'VS_TYPE_VH_PARENT' }),
    object('VirtualService', 'child', {
      type: 'VS_TYPE_VH_CHILD',
      vh_parent_vs_ref: '/api/virtualservice/vs',
      vh_domain_name: ['www.limpet.test'],
      ssl_key_and_certificate_refs: ['/api/sslkeyandcertificate/certificate'],
      pool_ref: '/api/pool/pool',
    }),
  );
  return bed;
}

const scale = (bed: Bed, request: ScaleRequest, uuid = 'vs') =>
  bed.configuration.scale(uuid, request, { user: 'tester' });

function hosts({ publisher }: Bed): readonly string[] {
  return [...publisher.engines]
    .filter(([, { compiled }]) => compiled.snapshot.virtualServices.length > 0)
    .map(([uuid]) => uuid)
    .sort();
}

const isRefusal = (said: RegExp) => (error: unknown) => {
  assert.ok(error instanceof LimpetError && error.code === 'CONFIG_INVALID', String(error));
  assert.match(error.problems[0]?.message ?? '', said);
  return true;
};

describe('scaling a virtual service', () => {
  it('out brings it to one engine more with its children, and divides the limits of its pool', async () => {
    const bed = await startServing();
    const [first = ''] = hosts(bed);
    assert.equal(
      bed.publisher.engines.get(first)?.compiled.snapshot.pools[0]?.connectionLimitPerServer,
      LIMIT,
    );
    await scale(bed, { kind: 'out' });
    assert.equal(hosts(bed).length, 2);
    for (const uuid of hosts(bed)) {
      const snapshot = bed.publisher.engines.get(uuid)?.compiled.snapshot;
      assert.deepEqual(
        snapshot?.virtualServices.map((one) => one.uuid),
        ['child', 'vs'],
      );
      assert.equal(snapshot?.pools[0]?.connectionLimitPerServer, LIMIT / 2);
    }
    assert.deepEqual(bed.configuration.enginesOf('child'), bed.configuration.enginesOf('vs'));
    // The objects are what they were.
    assert.equal(bed.configuration.view.revision, 1);
  });

  it('out to an engine brings it there, and in from an engine takes it away', async () => {
    const bed = await startServing();
    const [first = ''] = hosts(bed);
    const other = ['se-1', 'se-2', 'se-3'].find((uuid) => uuid !== first) ?? '';
    await scale(bed, { kind: 'out', engineUuid: other });
    assert.deepEqual(hosts(bed), [first, other].sort());
    await scale(bed, { kind: 'in', engineUuid: first });
    assert.deepEqual(hosts(bed), [other]);
  });

  it('to another engine moves it', async () => {
    const bed = await startServing();
    const [first = ''] = hosts(bed);
    await scale(bed, { kind: 'migrate', fromUuid: first });
    assert.equal(hosts(bed).length, 1);
    assert.notDeepEqual(hosts(bed), [first]);
  });

  it('is kept when the Controller starts again, and when other objects change', async () => {
    const bed = await startServing();
    await scale(bed, { kind: 'out' });
    const scaledTo = hosts(bed);
    await bed.put(pool('pool-2'), virtualService('vs-2', 8444));
    assert.deepEqual(bed.configuration.enginesOf('vs').toSorted(), scaledTo);
    const again = await startBed(bed.store);
    assert.deepEqual(again.configuration.enginesOf('vs'), bed.configuration.enginesOf('vs'));
    assert.deepEqual(again.configuration.enginesOf('vs-2'), bed.configuration.enginesOf('vs-2'));
  });

  it('is refused beyond the bounds of the group, where it is already, where it is not, and for a child', async () => {
    const bed = await startServing();
    const [first = ''] = hosts(bed);
    await assert.rejects(scale(bed, { kind: 'in' }), isRefusal(/as few as min_scaleout_per_vs/));
    await assert.rejects(
      scale(bed, { kind: 'out', engineUuid: first }),
      isRefusal(/is on that engine already/),
    );
    await assert.rejects(
      scale(bed, { kind: 'out', engineUuid: 'se-9' }),
      isRefusal(/cannot be on that engine/),
    );
    await assert.rejects(scale(bed, { kind: 'out' }, 'child'), isRefusal(/scale the parent/));
    await scale(bed, { kind: 'out' });
    await assert.rejects(scale(bed, { kind: 'out' }), isRefusal(/as many as max_scaleout_per_vs/));
  });
});

describe('an engine', () => {
  it('that is lost is replaced, and not moved back to when it returns', async () => {
    const bed = await startServing();
    const [first = ''] = hosts(bed);
    await bed.configuration.setLostEngines(new Set([first]));
    const replaced = bed.configuration.enginesOf('vs');
    assert.equal(replaced.length, 1);
    assert.notEqual(replaced[0], first);
    assert.deepEqual(bed.publisher.engines.get(first)?.compiled.snapshot.virtualServices, []);
    await bed.configuration.setLostEngines(new Set());
    assert.deepEqual(bed.configuration.enginesOf('vs'), replaced);
  });

  it('that is disabled gives its virtual services to another', async () => {
    const bed = await startServing();
    const [first = ''] = hosts(bed);
    await bed.put(engine(first, { enable_state: 'SE_STATE_DISABLED' }));
    assert.equal(hosts(bed).length, 1);
    assert.notDeepEqual(hosts(bed), [first]);
  });

  it('is given no private key of what it does not host', async () => {
    const bed = await startServing();
    const [first = ''] = hosts(bed);
    for (const [uuid, { compiled }] of bed.publisher.engines)
      assert.equal(compiled.secrets.size, uuid === first ? 1 : 0, uuid);
  });

  it('for which there is no room is missed by name', async () => {
    const bed = await startBed();
    await bed.put(keyAndCertificate(), pool('pool'));
    const { notices } = await bed.put(virtualService('vs', 8443));
    assert.match(notices[0]?.message ?? '', /is placed on 0 of 1 engines/);
    assert.deepEqual(bed.configuration.short, [{ uuid: 'vs', wanted: 1, placed: 0 }]);
  });
});
