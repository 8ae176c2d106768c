import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import {
  type ControllerToEngine,
  createRingKeys,
  deepFreeze,
  type EngineToController,
  type Snapshot,
} from '@limpet/model';
import type { EngineConfiguration } from '../config/publisher.ts';
import { createFakeClock, type FakeClock } from '../lifecycle/fake-clock.ts';
import { systemRandom } from '../lifecycle/random.ts';
import { type KeptRing, keepRing } from '../ticket-keys/kept-ring.ts';
import { EnginePublisher } from './engine-publisher.ts';
import { EngineRegistry } from './engine-registry.ts';

type Hello = Extract<EngineToController, { kind: 'hello' }>;

const HASHES = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(64));
const KEY = 'e'.repeat(64);

/** A configuration that is told from others by its number. */
function configuration(number: number, virtualServices: readonly string[] = ['vs']): EngineConfiguration {
  const snapshot = deepFreeze({
    hash: HASHES[number] ?? '',
    virtualServices: virtualServices.map((uuid) => ({ uuid, tls: { certificates: [{ keyHash: KEY }] } })),
    pools: [{ uuid: `pool-${number}`, healthMonitors: [] }],
  }) as unknown as Snapshot;
  return { revision: number, compiled: { snapshot, secrets: new Map([[KEY, 'pem']]) } };
}

function ringOf(uuid: string, generation: number, destroyedGeneration = 0): KeptRing {
  const keys = createRingKeys(systemRandom, 1_800_000_000);
  return keepRing(
    uuid,
    { ...keys, rotations: generation },
    { destroyedGeneration, rotationCount: 0, isOutdated: false },
  );
}

describe('the publisher', () => {
  let clock: FakeClock;
  let registry: EngineRegistry;
  let publisher: EnginePublisher;
  let rings: Map<string, KeptRing>;
  let sent: ControllerToEngine[];
  let closed: string[];
  let events: string[];
  const hello = (fields: Partial<Hello> = {}): Hello => ({
    ...{ engineVersion: '1', nodeVersion: '24', snapshotFormat: 1, secretHashes: [], rings: [] },
    ...fields,
    kind: 'hello',
  });
  const channel = {
    send: (message: ControllerToEngine) => void sent.push(message),
    close: (reason: string) => void closed.push(reason),
  };
  const publish = (number: number, services?: readonly string[]): void =>
    publisher.publish(new Map([['se', configuration(number, services)]]));
  const kinds = (): string[] => sent.splice(0).map(({ kind }) => kind);
  const nack = (number: number, full = false, code = 'APPLY_FAILED') =>
    publisher.refuse('se', {
      ...{
        kind: 'nack',
        revision: number,
        hash: HASHES[number] ?? '',
        code,
        reason: 'because',
      },
      ...{ problems: [], full },
    });

  beforeEach(() => {
    clock = createFakeClock();
    registry = new EngineRegistry();
    registry.add('se', 'engine-1', false);
    [sent, closed, events] = [[], [], []];
    rings = new Map([['vs', ringOf('vs', 1)]]);
    publisher = new EnginePublisher({
      ...{ registry, clock, deadlines: clock.deadlines, onRings: () => {} },
      ring: (uuid) => rings.get(uuid),
      onEvent: (eventId) => void events.push(eventId),
    });
  });

  it('sends the keys again to an engine that says that it lacks some', () => {
    publisher.connect('se', hello(), channel);
    publish(1);
    assert.deepEqual(kinds(), ['rings', 'snapshot']);
    nack(1, false, 'KEYS_INVALID');
    assert.deepEqual(kinds(), ['rings']);
    clock.advance(6000);
    assert.deepEqual(kinds(), ['snapshot']);
  });

  it('sends an engine that has nothing its rings, then the whole with the keys that it names', () => {
    publish(0);
    publisher.connect('se', hello(), channel);
    const [ring, snapshot] = sent;
    assert.ok(ring?.kind === 'rings' && snapshot?.kind === 'snapshot');
    assert.deepEqual(snapshot.secrets, { [KEY]: 'pem' });
    publisher.acknowledge('se', HASHES[0] ?? '');
    assert.equal(registry.get('se')?.acknowledged?.hash, HASHES[0]);
  });

  it('sends an engine that has it all nothing', () => {
    publish(0);
    publisher.connect(
      'se',
      hello({ snapshotHash: HASHES[0], rings: [{ virtualServiceUuid: 'vs', generation: 1 }] }),
      channel,
    );
    assert.deepEqual(kinds(), []);
    assert.equal(registry.get('se')?.acknowledged?.hash, HASHES[0]);
    assert.deepEqual(publisher.lagging('vs', 1), []);
  });

  it('sends changes once it knows what is there, no key twice, and of several changes the newest only', () => {
    publish(0);
    publisher.connect('se', hello(), channel);
    publish(1);
    publish(2);
    assert.deepEqual(kinds(), ['rings', 'snapshot'], 'one at a time');
    publisher.acknowledge('se', HASHES[0] ?? '');
    const [changes] = sent;
    assert.ok(changes?.kind === 'changes');
    assert.equal(changes.changes.hash, HASHES[2]);
    assert.deepEqual(changes.secrets, {});
    publisher.acknowledge('se', HASHES[2] ?? '');
    assert.equal(sent.length, 1);
  });

  it('sends the whole to an engine that cannot make it of changes', () => {
    publish(0);
    publisher.connect('se', hello(), channel);
    publisher.acknowledge('se', HASHES[0] ?? '');
    publish(1);
    assert.deepEqual(kinds(), ['rings', 'snapshot', 'changes']);
    nack(1, true);
    const [snapshot] = sent;
    assert.ok(snapshot?.kind === 'snapshot');
    assert.deepEqual(snapshot.secrets, { [KEY]: 'pem' });
  });

  it('tells why an engine refuses, tries again later and later, and a newer one at once', () => {
    publish(0);
    publisher.connect('se', hello(), channel);
    kinds();
    nack(0);
    assert.deepEqual(kinds(), []);
    assert.equal(registry.get('se')?.refusal?.reason, 'because');
    clock.advance(5000);
    assert.deepEqual(kinds(), ['snapshot']);
    nack(0);
    clock.advance(9999);
    assert.deepEqual(kinds(), []);
    clock.advance(1);
    assert.deepEqual(kinds(), ['snapshot']);
    nack(0);
    publish(1);
    assert.deepEqual(kinds(), ['snapshot']);
    publisher.acknowledge('se', HASHES[1] ?? '');
    assert.equal(registry.get('se')?.refusal, undefined);
    assert.deepEqual(events, ['SE_CONFIG_REFUSED'], 'once');
    assert.equal(clock.deadlines.size, 0);
  });

  it('cuts an engine that answers nothing', () => {
    publish(0);
    publisher.connect('se', hello(), channel);
    clock.advance(120_000);
    assert.equal(closed.length, 1);
  });

  it('sends a ring to the engines that host its virtual service, and knows which has it (R4)', () => {
    publish(0);
    publisher.publish(new Map([['other', configuration(1, ['elsewhere'])]]));
    publisher.connect('se', hello(), channel);
    publisher.acknowledge('se', HASHES[0] ?? '');
    const others: ControllerToEngine[] = [];
    publisher.connect('other', hello(), { ...channel, send: (message) => void others.push(message) });
    kinds();
    assert.deepEqual(publisher.lagging('vs', 1), ['engine-1']);
    publisher.acknowledgeRings('se', [{ virtualServiceUuid: 'vs', generation: 1 }]);
    assert.deepEqual(publisher.lagging('vs', 1), []);
    rings.set('vs', ringOf('vs', 2));
    publisher.deliver(['vs']);
    assert.deepEqual(kinds(), ['rings']);
    assert.deepEqual(publisher.lagging('vs', 2), ['engine-1']);
    assert.ok(
      others.every(({ kind }) => kind !== 'rings'),
      'never to one that does not host it (R17)',
    );
    publisher.disconnect('se');
    assert.deepEqual(publisher.lagging('vs', 2), [], 'who is gone holds nobody up');
  });

  it('tells an engine that was away to destroy what it holds, where that was destroyed meanwhile', () => {
    publish(0);
    rings.set('vs', ringOf('vs', 3, 3));
    publisher.connect(
      'se',
      hello({ snapshotHash: HASHES[0], rings: [{ virtualServiceUuid: 'vs', generation: 2 }] }),
      channel,
    );
    assert.deepEqual(kinds(), ['destroy-keys']);
    rings.set('vs', ringOf('vs', 4, 3));
    publisher.deliver(['vs']);
    assert.deepEqual(kinds(), ['rings']);
  });

  it('sends no key again for a change that leaves rings as they are, as another persistence does', () => {
    publish(0);
    publisher.connect('se', hello(), channel);
    publisher.acknowledge('se', HASHES[0] ?? '');
    kinds();
    publish(1);
    assert.deepEqual(kinds(), ['changes']);
  });

  it('knows which keys an engine was given also when it hosts their virtual service no more, whatever it says itself (R17)', () => {
    publish(0, ['vs', 'other']);
    rings.set('other', ringOf('other', 1));
    publisher.connect('se', hello(), channel);
    publisher.acknowledge('se', HASHES[0] ?? '');
    publish(1, ['vs']);
    publisher.acknowledge('se', HASHES[1] ?? '');
    publisher.disconnect('se');
    publisher.connect('se', hello({ snapshotHash: HASHES[1] ?? '' }), channel);
    registry.note('se', { sinceMs: 0 });
    assert.deepEqual(publisher.knownTo('se')?.toSorted(), ['other', 'vs']);
  });

  it('takes no word of an engine on keys that it was not given', () => {
    const forged = Array.from({ length: 10 }, (_, index) => ({
      virtualServiceUuid: `forged-${index}`,
      generation: 1,
    }));
    publish(0);
    publisher.connect('se', hello({ rings: forged }), channel);
    publisher.acknowledgeRings('se', [...forged, { virtualServiceUuid: 'vs', generation: 1 }]);
    assert.deepEqual([...(registry.get('se')?.rings ?? [])], [['vs', 1]]);
  });
});
