import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get } from 'node:http';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { loadConfig } from '@limpet/model';
import { demoConfiguration } from '@limpet/testkit';
import { EngineMemory } from '../engine-memory.ts';
import { createFakeClock, type FakeClock } from '../lifecycle/fake-clock.ts';
import { systemRandom } from '../lifecycle/random.ts';
import { ownSockets } from '../listener/listening-sockets.ts';
import { createRingKeys, serializeRingKeys } from '../session-ticket/ring-file.ts';
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
  beforeEach(async () => {
    clock = createFakeClock();
    memory = new EngineMemory(2);
    lost = [];
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
      onException: () => {},
      onDescriptors: () => {},
    };
    const script = new URL('./test-worker.ts', import.meta.url);
    group = new WorkerGroup(starts, clock.deadlines, ownSockets, listener, script);
    await group.start();
  });
  afterEach(async () => {
    await group.stop({ deadlineMs: 0, keepIdle: false });
    clock.deadlines.stop();
  });

  /** Every server is down, so that clients get a page which says which configuration it is. */
  function configuration(version: number, page: string): ConfigVersion {
    const objects = {
      ...demoConfiguration({
        ...{ port, servers: [{ name: 'none', port: 9 }], certificate: '', key: '', persistence: false },
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
    const { snapshot, secrets } = loadConfig(objects, { nowS: NOW_S }).compiled;
    const ring = serializeRingKeys(createRingKeys(systemRandom, NOW_S));
    return { version, snapshot, secrets, ring, slots: memory.assign(snapshot) };
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
});

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
