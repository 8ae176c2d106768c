import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, openSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { createRingKeys, loadConfig, parseRingKeys, serializeRingKeys } from '@limpet/model';
import { createSelfSigned, demoConfiguration } from '@limpet/testkit';
import { EngineMemory } from '../engine/engine-memory.ts';
import { createFakeClock, type FakeClock } from '../lifecycle/fake-clock.ts';
import { systemRandom } from '../lifecycle/random.ts';
import { ownSockets } from '../listener/listening-sockets.ts';
import { createKeyRing } from '../session-ticket/key-ring.ts';
import type { TestMessage } from './test-worker.ts';
import { WorkerGroup } from './worker-group.ts';
import type { ConfigVersion, MainToWorker } from './worker-messages.ts';

const NOW_S = 1_767_225_600;
const PREPARE_TIMEOUT_MS = 30_000;
const RESTART_DELAY_MS = 500;

describe('the workers of an engine', () => {
  let clock: FakeClock;
  let memory: EngineMemory;
  let group: WorkerGroup;
  let port: number;
  let lost: number[];
  let exceptions: string[];
  /** What the workers are lent in turn, worker 0 first; a socket of their own where there is none. */
  let lending: (() => Promise<number>)[];
  let folder: string;
  beforeEach(async () => {
    clock = createFakeClock();
    memory = new EngineMemory(2);
    lost = [];
    exceptions = [];
    lending = [];
    folder = mkdtempSync(join(tmpdir(), 'limpet-test-'));
    ({ port } = await ownSockets.open('', { ip: '127.0.0.1', port: 0 }));
    const starts = [0, 1].map((worker) => ({
      ...memory.shared,
      worker,
      engineId: 'test',
      capacityLimits: { connections: 100, places: 100 },
      workerHeapMb: 200,
      accessLog: 'off',
      descriptorLimit: undefined,
    }));
    const listener = {
      onWorkerLost: (worker: number) => void lost.push(worker),
      onFull: () => {},
      onRoom: () => {},
      onException: (_worker: number, message: string) => void exceptions.push(message),
      onDescriptors: () => {},
    };
    const script = new URL('./test-worker.ts', import.meta.url);
    const sockets = { ...ownSockets, lend: async () => lending.shift()?.() };
    group = new WorkerGroup(starts, clock.deadlines, sockets, listener, script);
    await group.start();
  });
  afterEach(async () => {
    await group.stop({ deadlineMs: 0, keepIdle: false });
    clock.deadlines.stop();
    rmSync(folder, { recursive: true });
  });

  /** Stands for a listening socket as far as no worker listens on it; its name tells it from any other that gets its number. */
  const descriptor = (): number => openSync(join(folder, 'lent'), 'w');
  const descriptorsLeft = (): number => openFiles().filter((name) => name === join(folder, 'lent')).length;
  const own = (): Promise<number> => Promise.resolve(undefined as unknown as number);

  /** Every server is down, so that clients get a page which says which configuration it is. */
  function configuration(version: number, page: string, serverPort = 9): ConfigVersion {
    const objects = {
      ...demoConfiguration({
        ...{
          port,
          servers: [{ name: 'one', port: serverPort }],
          certificate: '',
          key: '',
          persistence: false,
        },
        virtualService: {
          services: [{ port }],
          ssl_profile_ref: undefined,
          ssl_key_and_certificate_refs: undefined,
        },
        pool: {
          fail_action: {
            type: 'FAIL_ACTION_HTTP_LOCAL_RSP',
            local_rsp: {
              status_code: 'FAIL_HTTP_STATUS_CODE_503',
              file: { file_content: page, content_type: 'text/plain' },
            },
          },
        },
      }),
      SSLKeyAndCertificate: [],
    };
    return compiled(version, objects);
  }

  function compiled(version: number, objects: unknown): ConfigVersion {
    const { snapshot, secrets } = loadConfig(objects, { nowS: NOW_S }).compiled;
    const rings = { kind: 'one', text: newRing() } as const;
    return { version, snapshot, secrets, rings, slots: memory.assign(snapshot) };
  }

  async function page(): Promise<string> {
    const request = get({ port, host: '127.0.0.1', agent: false });
    const [response] = await once(request, 'response');
    let text = '';
    for await (const chunk of response) text += chunk;
    return text;
  }

  function send(message: TestMessage): void {
    group.broadcast(message as unknown as MainToWorker);
  }

  /** The worker stands still until the function is called. */
  function hold(worker: number): () => void {
    const cell = new Int32Array(new SharedArrayBuffer(4));
    send({ kind: 'test-hold', worker, cell });
    return () => {
      Atomics.store(cell, 0, 1);
      Atomics.notify(cell, 0);
    };
  }

  async function end(worker: number): Promise<void> {
    const before = lost.length;
    send({ kind: 'test-end', worker });
    await until(() => lost.length > before);
  }

  it('have one configuration, also the one that begins in the middle of a reload', async () => {
    await group.apply(configuration(1, 'first'), async () => {});
    const release = hold(0);
    const begun = group.apply(configuration(2, 'second'), async () => {});
    await turn();
    await end(1);
    clock.advance(RESTART_DELAY_MS);
    await until(() => group.size === 2);
    release();
    assert.deepEqual(await begun, []);
    await end(0);
    // Whoever answers is the new one: the other is gone until the clock goes on.
    await until(async () => (await page().catch(() => '')) === 'second');
  });

  it('have one configuration after one of them was too late for another', async () => {
    await group.apply(configuration(1, 'first'), async () => {});
    const release = hold(1);
    const refused = assert.rejects(
      group.apply(configuration(2, 'second'), async () => {}),
      /did not answer in time/,
    );
    await turn();
    clock.advance(PREPARE_TIMEOUT_MS);
    await refused;
    release();
    assert.equal(await page(), 'first');
    assert.deepEqual(await group.apply(configuration(3, 'third'), async () => {}), []);
    await end(0);
    assert.equal(await page(), 'third');
  });

  it('are not held up by one that ends while it is brought up to date', async () => {
    await group.apply(configuration(1, 'first'), async () => {});
    await end(1);
    clock.advance(RESTART_DELAY_MS);
    // The successor ends before it has read what it is to prepare.
    const release = hold(1);
    send({ kind: 'test-end', worker: 1 });
    await until(() => group.size === 2);
    await turn();
    release();
    await until(() => lost.length === 2);
    clock.advance(RESTART_DELAY_MS);
    await until(() => group.size === 2);
    let applied = false;
    const begun = group
      .apply(configuration(2, 'second'), async () => {})
      .then(() => {
        applied = true;
      });
    // Without a deadline having passed: the clock stands still.
    await until(() => applied);
    await begun;
    await end(0);
    await until(async () => (await page().catch(() => '')) === 'second');
  });

  it('that end before they have read what they were lent leave no descriptor open', async () => {
    await group.apply(configuration(1, 'first'), async () => {});
    await end(1);
    lending.push(() => Promise.resolve(descriptor()));
    // The successor is asked to end first, and then to prepare.
    clock.advance(RESTART_DELAY_MS);
    const release = hold(1);
    send({ kind: 'test-end', worker: 1 });
    await until(() => descriptorsLeft() === 1);
    release();
    await until(() => lost.length === 2);
    assert.equal(descriptorsLeft(), 0);
  });

  it('that end between the two steps of a configuration leave no descriptor open', async () => {
    lending.push(own, () => Promise.resolve(descriptor()));
    send({ kind: 'test-end-after', worker: 1, said: 'prepared' });
    assert.deepEqual(await group.apply(configuration(1, 'first'), async () => {}), []);
    await until(() => lost.length === 1);
    assert.equal(descriptorsLeft(), 0);
    assert.equal(await page(), 'first');
  });

  it('that end while a descriptor is fetched for them are not reported, whether it comes or not', async () => {
    await group.apply(configuration(1, 'first'), async () => {});
    await end(1);
    for (const comes of [true, false]) {
      const fetching = Promise.withResolvers<number>();
      let asked = false;
      lending.push(() => {
        asked = true;
        return fetching.promise;
      });
      clock.advance(RESTART_DELAY_MS);
      await until(() => asked);
      await end(1);
      if (comes) fetching.resolve(descriptor());
      else fetching.reject(new Error('none is left'));
      await turn();
      await turn();
      assert.equal(descriptorsLeft(), 0);
      assert.deepEqual(exceptions, []);
    }
  });

  it('seal with the ring that came last, also the one that was just being brought up to date', async () => {
    const { certificatePem, privateKeyPem } = await createSelfSigned({ dnsNames: ['localhost'] });
    const config = compiled(
      1,
      demoConfiguration({
        ...{ port, servers: [{ name: 'one', port: 9 }], monitored: false },
        ...{ certificate: certificatePem, key: privateKeyPem },
      }),
    );
    await group.apply(config, async () => {});
    await end(1);
    clock.advance(RESTART_DELAY_MS);
    const release = hold(1);
    await until(() => group.size === 2);
    await turn();
    const ring = newRing();
    const applied = group.applyRings({ kind: 'one', text: ring });
    release();
    await applied;
    await end(0);
    const uuid = config.snapshot.virtualServices[0]?.uuid ?? '';
    const { current } = createKeyRing(parseRingKeys(ring), uuid);
    await until(async () => {
      const sealed = await ticket().catch(() => undefined);
      return sealed !== undefined && current.verifies(sealed);
    });
  });

  it('cut what is left at a disabled server also while they drain', async () => {
    const server = createServer(() => {});
    await once(server.listen(0, '127.0.0.1').unref(), 'listening');
    const config = configuration(1, 'none', (server.address() as AddressInfo).port);
    const [slot] = config.slots.servers.values();
    assert.ok(slot !== undefined);
    memory.serverTable.setHealth(slot, 'up');
    await group.apply(config, async () => {});
    const asked = once(server, 'request');
    const answer = once(get({ port, host: '127.0.0.1', agent: false }), 'response');
    await asked;
    // No other server can be asked instead.
    memory.serverTable.setHealth(slot, 'down');
    const stopped = group.stop({ deadlineMs: 20_000, keepIdle: true });
    group.broadcast({ kind: 'leave-server', slot });
    const [response] = (await answer) as [IncomingMessage];
    assert.equal(response.statusCode, 503);
    response.resume();
    assert.equal(await stopped, 0);
    server.close();
    server.closeAllConnections();
  });

  /** What a client of TLS 1.2 gets. */
  async function ticket(): Promise<Buffer | undefined> {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion: 'TLSv1.2' });
    await once(socket, 'secureConnect');
    const sealed = socket.getTLSTicket();
    socket.destroy();
    return sealed;
  }
});

/** The names of what this process has open. */
function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((number) => {
    try {
      return [readlinkSync(`/proc/self/fd/${number}`)];
    } catch {
      // That of the folder itself is closed by now.
      return [];
    }
  });
}

function newRing(): string {
  return serializeRingKeys(createRingKeys(systemRandom, NOW_S));
}

/** What was begun has asked the workers by then. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Looks again and again until it holds, for some seconds. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let looks = 0; !(await holds()); looks++) {
    if (looks > 1500) throw new Error(`it never came to that: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
