import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CROWD_WINDOW_MS, CrowdCounter } from './crowd-counter.ts';
import { NO_SERVER, type Picker } from './picker.ts';
import { createRendezvous } from './rendezvous.ts';
import { FIRST_CONNECTIONS, type FirstConnection, selectFirstServer } from './select-first-server.ts';
import { COMPANION_WITHIN_MS, lookOf, TicketTrail } from './ticket-trail.ts';

const NOW_MS = 1_700_000_000_000;
const SERVERS = ['a1b2', 'c3d4', 'e5f6'].map((id) => ({ id, ratio: 1 }));

/** What one engine shares among its first connections, and a way to make one. */
function engine() {
  const loads = SERVERS.map(() => 0);
  const picked: number[] = [];
  const picker: Picker = {
    pick: (state) => {
      const index = SERVERS.findIndex((_, at) => state.eligible(at));
      picked.push(index);
      return index;
    },
    loadOf: (index) => loads[index] as number,
    note: () => {},
    byKey: false,
  };
  const shared = {
    picker,
    rendezvous: createRendezvous(SERVERS),
    crowdCounter: new CrowdCounter(CrowdCounter.allocate()),
  };
  const select = (changes: Partial<FirstConnection> = {}) =>
    selectFirstServer({
      clientIp: '192.0.2.7',
      fingerprint: undefined,
      secret: Buffer.alloc(32, 7),
      nowMs: NOW_MS,
      ratios: SERVERS.map(({ ratio }) => ratio),
      companion: NO_SERVER,
      eligible: () => true,
      load: () => 0,
      share: () => 1,
      responseMs: () => 0,
      key: 0,
      ...shared,
      ...changes,
    });
  return { loads, picked, select };
}

describe('a first connection', () => {
  it('of one client goes to one server on every engine that has the secret', () => {
    for (let client = 0; client < 50; client++) {
      const clientIp = `192.0.2.${client}`;
      const [one, other] = [engine().select({ clientIp }), engine().select({ clientIp })];
      assert.deepEqual(one, other);
      assert.equal(one.why, 'affinity');
    }
  });

  it('beyond the sixth within the window goes on by one server every second', () => {
    const { select } = engine();
    const first = select().index;
    for (let count = 1; count < FIRST_CONNECTIONS; count++) assert.equal(select().index, first);
    const crowd = [0, 1, 2].map((second) => select({ nowMs: NOW_MS + 1000 * second }).index);
    assert.equal(new Set(crowd).size, 3, 'three seconds, three servers');
    assert.equal(
      select({ nowMs: NOW_MS + 2 * CROWD_WINDOW_MS }).index,
      first,
      'in another window it is one client again',
    );
  });

  it('goes past a server that is above its share', () => {
    const { loads, select } = engine();
    const first = select().index;
    loads[first] = 100;
    assert.notEqual(select().index, first);
  });

  it('never goes to a server that is not eligible, and nowhere if none is', () => {
    const { select } = engine();
    const first = select().index;
    for (const companion of [NO_SERVER, first])
      assert.notEqual(select({ companion, eligible: (index) => index !== first }).index, first);
    assert.equal(select({ eligible: () => false }).index, NO_SERVER);
  });

  it('follows its companion, whatever the load, and counts for no crowd', () => {
    const { loads, select } = engine();
    const first = select().index;
    const companion = (first + 1) % SERVERS.length;
    loads[companion] = 100;
    for (let count = 0; count < 20; count++)
      assert.deepEqual(
        { ...select({ companion }), affinityKey: 0 },
        { index: companion, why: 'companion', affinityKey: 0 },
      );
    loads[companion] = 0;
    assert.equal(select().index, first);
  });

  it('is left to the algorithm where the rule is off', () => {
    const { picked, select } = engine();
    assert.equal(select({ firstConnections: 0 }).why, 'algorithm');
    assert.equal(picked.length, 1);
  });
});

describe('the ticket trail', () => {
  const look = lookOf('192.0.2.7', undefined);

  it('leads for a second to where the last connection with a ticket went', () => {
    const trail = new TicketTrail(TicketTrail.allocate());
    assert.equal(trail.follow(look, NOW_MS), -1);
    trail.leave(look, 16_383, NOW_MS);
    trail.leave(look, 3, NOW_MS + 1);
    assert.equal(trail.follow(look, NOW_MS + 1 + COMPANION_WITHIN_MS), 3);
    assert.equal(trail.follow(look, NOW_MS + 2 + COMPANION_WITHIN_MS), -1);
  });

  it('leads nobody who looks otherwise', () => {
    const trail = new TicketTrail(TicketTrail.allocate());
    trail.leave(look, 3, NOW_MS);
    const others = Array.from({ length: 10_000 }, (_, index) =>
      lookOf(`10.0.${index >> 8}.${index & 255}`, undefined),
    );
    assert.deepEqual(
      others.filter((other) => trail.follow(other, NOW_MS) !== -1),
      [],
    );
  });

  it('knows addresses, server names and lists of a ClientHello apart', () => {
    const hello = {
      serverName: 'a',
      cipherSuites: [1],
      supportedGroups: [2],
      signatureAlgorithms: [],
      supportedVersions: [],
    };
    const looks = [
      lookOf('192.0.2.7', undefined),
      lookOf('192.0.2.8', hello),
      lookOf('192.0.2.7', hello),
      lookOf('192.0.2.7', { ...hello, serverName: 'b' }),
      lookOf('192.0.2.7', { ...hello, cipherSuites: [3] }),
      lookOf('192.0.2.7', { ...hello, supportedGroups: [3] }),
    ];
    assert.equal(new Set(looks).size, looks.length);
  });
});

describe('the crowd counter', () => {
  it('counts a key within a window and forgets it with the window', () => {
    const counter = new CrowdCounter(CrowdCounter.allocate());
    for (let count = 1; count <= 10; count++) assert.equal(counter.observe([1, 2], NOW_MS), count);
    assert.equal(counter.observe([1, 2], NOW_MS + CROWD_WINDOW_MS), 1);
  });

  it('counts over all threads that share its memory', () => {
    const memory = CrowdCounter.allocate();
    assert.equal(new CrowdCounter(memory).observe([1, 2], NOW_MS), 1);
    assert.equal(new CrowdCounter(memory).observe([1, 2], NOW_MS), 2);
  });

  it('takes one of 5,000 quiet keys for a crowd in fewer than one of a thousand cases', () => {
    const counter = new CrowdCounter(CrowdCounter.allocate());
    let seed = 1;
    const next = (): number => (seed = Math.imul(seed ^ (seed >>> 15), 0x2c1b3c6d) >>> 0 || 1);
    const keys = Array.from({ length: 5000 }, (): [number, number] => [next(), next()]);
    let crowds = 0;
    for (let round = 0; round < 3; round++)
      for (const key of keys) if (counter.observe(key, NOW_MS) > FIRST_CONNECTIONS) crowds++;
    assert.ok(crowds < 15, String(crowds));
  });
});
