// Both ends of the engine link in one process, over real TLS: what is pushed, what is refused, what is cached, and certificates that run out.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect } from 'node:tls';
import {
  CONTROLLER_NAME,
  type CompiledConfig,
  type EngineToController,
  encodeFrame,
  LINK_PROTOCOL,
  loadConfig,
  SNAPSHOT_FORMAT,
} from '@limpet/model';
import { createSelfSigned, demoConfiguration } from '@limpet/testkit';
import { pino } from 'pino';
import { EngineLink } from '../packages/controller/src/engines/engine-link.ts';
import { systemClock } from '../packages/controller/src/lifecycle/clock.ts';
import { Deadlines as ControllerDeadlines } from '../packages/controller/src/lifecycle/deadlines.ts';
import { systemRandom } from '../packages/controller/src/lifecycle/random.ts';
import { createSecretBox } from '../packages/controller/src/store/secret-box.ts';
import { createTestVault } from '../packages/controller/src/store/test-vault.ts';
import { systemClock as engineClock } from '../packages/service-engine/src/lifecycle/clock.ts';
import { Deadlines } from '../packages/service-engine/src/lifecycle/deadlines.ts';
import { systemRandom as engineRandom } from '../packages/service-engine/src/lifecycle/random.ts';
import type { Outcome } from '../packages/service-engine/src/source/configuration-source.ts';
import { createCertificateRequest } from '../packages/service-engine/src/source/controller/certificate-request.ts';
import { ControllerSource } from '../packages/service-engine/src/source/controller/controller-source.ts';
import { StateFolder } from '../packages/service-engine/src/source/controller/state-folder.ts';
import { eventually } from './support/engine.ts';

const DAY_MS = 86_400_000;
const NAME = 'engine-1';
const UUID = `serviceengine-${NAME}`;

describe('the link between a Controller and an engine', () => {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-link-'));
  const deadlines = new ControllerDeadlines();
  const vault = createTestVault();
  const events: string[] = [];
  let link: EngineLink;
  let api: Server;
  let url: string;
  let certificate: { certificatePem: string; privateKeyPem: string };
  const engines: { stop(): void }[] = [];

  before(async () => {
    certificate = await createSelfSigned({ dnsNames: ['limpet.test'] });
    link = await EngineLink.open(
      {
        ...{ store: vault, secretBox: createSecretBox(systemRandom.bytes(32), systemRandom) },
        ...{ clock: systemClock, deadlines, random: systemRandom },
        rotatePeriodMin: () => 360,
        virtualServiceExists: () => true,
        engineExists: () => true,
        engineObject: async (name) => `serviceengine-${name}`,
        onEvent: (eventId) => void events.push(eventId),
      },
      [],
    );
    const { port: linkPort } = await link.start({ host: '127.0.0.1', port: 0 });
    const { chainPem, privateKeyPem } = await link.ca.issueServer(['localhost'], ['127.0.0.1'], 1);
    // What the API does with an enrolment, and no more.
    api = createServer({ cert: chainPem, key: privateKeyPem }, async (request, response) => {
      let text = '';
      for await (const chunk of request) text += chunk;
      if (request.method === 'GET') return void response.end(JSON.stringify({ port: linkPort }));
      const { token, name, certificate_request } = JSON.parse(text) as Record<string, string>;
      const { engineUuid, certificatePem, caPem } = await link.enrolment.enrol(
        token as string,
        name as string,
        certificate_request as string,
      );
      response.statusCode = 201;
      response.end(
        JSON.stringify({ engine_uuid: engineUuid, certificate: certificatePem, ca: caPem, port: linkPort }),
      );
    });
    await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
    url = `https://127.0.0.1:${(api.address() as AddressInfo).port}`;
  });
  after(() => {
    for (const engine of engines) engine.stop();
    link.stop();
    deadlines.stop();
    api.close();
    api.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Pools are told apart by their ratio. */
  function compiled(ratio: number): CompiledConfig {
    return loadConfig(
      demoConfiguration({
        ...{ port: 8443, servers: [{ name: 'a', port: 9001, ratio }], monitored: false },
        ...{ certificate: certificate.certificatePem, key: certificate.privateKeyPem },
      }),
      { nowS: 1_767_225_600 },
    ).compiled;
  }

  const publish = (ratio: number): string => {
    const configuration = compiled(ratio);
    link.publish(new Map([[UUID, { revision: ratio, compiled: configuration }]]));
    return configuration.snapshot.hash;
  };
  const status = () => link.registry.get(UUID);
  const acknowledges = (hash: string) =>
    eventually(() => status()?.acknowledged?.hash === hash, 'the engine has acknowledged it');

  /** An engine whose flow does with a delivery what it is told to. */
  function startEngine(token: string | undefined, judge: () => Outcome, aheadMs = 0) {
    const engineDeadlines = new Deadlines(engineClock);
    const taken: { hash: string; ring: string; destroyed: number; keys: number }[] = [];
    const source = new ControllerSource(
      { controllerUrl: url, token, engineName: NAME, engineVersion: '0' },
      {
        state: new StateFolder(join(folder, 'state'), engineRandom, undefined),
        log: pino({ level: 'silent' }),
        clock: { ...engineClock, unixMs: () => engineClock.unixMs() + aheadMs },
        deadlines: engineDeadlines,
        random: engineRandom,
        reports: { runtime: () => ({}), metrics: () => '' },
      },
    );
    let last: Promise<void> = Promise.resolve();
    const load = async (): Promise<void> => {
      const { compiled: given, rings, destroyed, settle } = await source.take();
      assert.ok(rings?.kind === 'each');
      taken.push({
        hash: given.snapshot.hash,
        ring: [...rings.byVirtualService.values()].join(),
        destroyed: destroyed?.size ?? 0,
        keys: given.secrets.size,
      });
      settle(judge());
    };
    source.start(() => {
      last = last.then(load);
    });
    last = load();
    const engine = {
      taken,
      started: () => last,
      load,
      stop: () => {
        source.stop();
        engineDeadlines.stop();
      },
    };
    engines.push(engine);
    return engine;
  }

  const applied: Outcome = { kind: 'applied', version: 1 };
  let outcome: Outcome = applied;
  let engine: ReturnType<typeof startEngine>;

  it('brings an engine that enrols the whole with its key and its ring, and changes after that', async () => {
    const first = publish(1);
    const { token } = await link.enrolment.createToken({ validMin: 60 });
    engine = startEngine(token, () => outcome);
    await acknowledges(first);
    assert.equal(engine.taken[0]?.keys, 1);
    assert.match(engine.taken[0]?.ring ?? '', /limpet-ticket-keys/);
    assert.equal(status()?.rings.size, 1);
    const { bytes } = status()?.sent ?? { bytes: 0 };
    const second = publish(2);
    await acknowledges(second);
    assert.ok((status()?.sent.bytes ?? 0) - bytes < 3000, 'one pool, and no certificate again');
    assert.equal(engine.taken.at(-1)?.keys, 1);
  });

  it('leaves an engine that refuses with what it has, also when it is asked to read again', async () => {
    const before = status()?.acknowledged?.hash;
    outcome = { kind: 'refused', error: new Error('no') };
    publish(3);
    await eventually(() => status()?.refusal?.reason.includes('no') === true, 'the reason is told');
    outcome = applied;
    await engine.load();
    assert.equal(engine.taken.at(-1)?.hash, before);
    assert.equal(status()?.acknowledged?.hash, before);
    await acknowledges(publish(4));
    assert.equal(status()?.refusal, undefined);
  });

  it('tells apart keys that are rotated and keys that are destroyed', async () => {
    const [virtualService] = status()?.rings.keys() ?? [];
    assert.ok(virtualService !== undefined);
    const generation = () => status()?.rings.get(virtualService);
    const before = generation() ?? 0;
    await link.ticketKeys.rotate(virtualService);
    await eventually(() => generation() === before + 1, 'the rotated ring is acknowledged');
    assert.equal(engine.taken.at(-1)?.destroyed, 0);
    await link.ticketKeys.destroy([virtualService]);
    await eventually(() => generation() === before + 2, 'the new ring is acknowledged');
    assert.equal(engine.taken.at(-1)?.destroyed, 1);
  });

  it('does not send an engine that comes back what it has, and gives it another certificate before its own runs out', async () => {
    const hash = status()?.acknowledged?.hash;
    engine.stop();
    await eventually(() => status()?.connected === false, 'it is gone');
    const { messages } = status()?.sent ?? { messages: 0 };
    const kept = new StateFolder(join(folder, 'state'), engineRandom, undefined).readIdentity()
      ?.certificatePem;
    engine = startEngine(undefined, () => applied, 25 * DAY_MS);
    await engine.started();
    assert.equal(engine.taken[0]?.hash, hash, 'from the cache');
    const identity = () => new StateFolder(join(folder, 'state'), engineRandom, undefined).readIdentity();
    await eventually(() => identity()?.certificatePem !== kept, 'it has another certificate');
    assert.equal(status()?.sent.messages, messages + 2, 'a welcome and the certificate');
    engine.stop();
    engine = startEngine(undefined, () => applied);
    await eventually(() => status()?.connected === true, 'the new one is good');
  });

  it('brings an engine that has lost its cache the whole again', async () => {
    engine.stop();
    await eventually(() => status()?.connected === false, 'it is gone');
    for (const part of ['configuration', 'rings']) rmSync(join(folder, 'state', `${part}.sealed`));
    engine = startEngine(undefined, () => applied);
    await engine.started();
    assert.equal(engine.taken[0]?.keys, 1);
    assert.match(engine.taken[0]?.ring ?? '', /limpet-ticket-keys/);
    await acknowledges(publish(5));
  });

  it('judges a certificate at the hello, too, and makes no revoked engine good by an enrolment that fails', async () => {
    const enrol = async (requestPem: string) => {
      const { token } = await link.enrolment.createToken({ validMin: 5 });
      return link.enrolment.enrol(token, 'other', requestPem);
    };
    const { requestPem, privateKeyPem } = createCertificateRequest('other');
    const { certificatePem, caPem, engineUuid } = await enrol(requestPem);
    const socket = connect({
      ...{ host: '127.0.0.1', port: link.port, servername: CONTROLLER_NAME, ALPNProtocols: [LINK_PROTOCOL] },
      ...{ ca: caPem, cert: certificatePem, key: privateKeyPem },
    });
    let said = '';
    socket.on('data', (chunk) => {
      said += chunk;
    });
    await once(socket, 'secureConnect');
    // The first heartbeat tells that the Controller has taken the connection.
    await eventually(() => said.includes('heartbeat'), 'the Controller has accepted it');
    await enrol(createCertificateRequest('other').requestPem);
    const hello: EngineToController = {
      ...{ kind: 'hello', engineVersion: '0', nodeVersion: '0', snapshotFormat: SNAPSHOT_FORMAT },
      ...{ secretHashes: [], rings: [] },
    };
    socket.write(encodeFrame(hello));
    await eventually(() => said.includes('ENGINE_REVOKED'), 'the former certificate is refused');
    assert.ok(!said.includes('welcome'));
    socket.destroy();
    await link.revoke(engineUuid);
    await assert.rejects(enrol('no request'), { code: 'ENROLMENT_REFUSED' });
    assert.equal(link.registry.get(engineUuid)?.revoked, true);
    await enrol(requestPem);
    assert.equal(link.registry.get(engineUuid)?.revoked, false);
  });
});
