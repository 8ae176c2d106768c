import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { beforeEach, describe, it } from 'node:test';
import { type LimpetError, parseEnrolmentToken } from '@limpet/model';
// What an engine sends, made as it makes it.
import { createCertificateRequest } from '../../../service-engine/src/source/controller/certificate-request.ts';
import { createFakeClock, type FakeClock } from '../lifecycle/fake-clock.ts';
import { systemRandom } from '../lifecycle/random.ts';
import { createSecretBox } from '../store/secret-box.ts';
import { createTestVault, type TestVault } from '../store/test-vault.ts';
import { ControllerCa } from './controller-ca.ts';
import { EngineIdentities } from './engine-identities.ts';
import { Enrolment } from './enrolment.ts';

const secretBox = createSecretBox(systemRandom.bytes(32), systemRandom);

describe('enrolment (R17)', () => {
  let clock: FakeClock;
  let vault: TestVault;
  let ca: ControllerCa;
  let connected: Set<string>;
  let events: string[];
  const open = (): { enrolment: Enrolment; identities: EngineIdentities } => {
    const identities = new EngineIdentities(vault, vault.records);
    const enrolment = new Enrolment(
      {
        ...{ store: vault, ca, identities, clock, random: systemRandom, certificateDays: 30 },
        engineObject: async (name) => `serviceengine-${name}`,
        isConnected: (uuid) => connected.has(uuid),
        onEnrolled: () => {},
        onEvent: (eventId, { client_ip }) => void events.push(`${eventId} ${client_ip}`),
      },
      vault.records,
    );
    return { enrolment, identities };
  };
  const { requestPem } = createCertificateRequest('engine-1');

  beforeEach(async () => {
    clock = createFakeClock();
    vault = createTestVault();
    connected = new Set();
    events = [];
    ca = await ControllerCa.open({ store: vault, secretBox, clock, random: systemRandom }, []);
  });

  it('gives an identity by the authority whose fingerprint the token tells, and keeps no token', async () => {
    const { enrolment, identities } = open();
    const { token } = await enrolment.createToken({ validMin: 60 });
    assert.equal(parseEnrolmentToken(token).caFingerprint, ca.fingerprint);
    assert.ok(!JSON.stringify(vault.records).includes(token.split('.')[1] as string));
    const enrolled = await enrolment.enrol(token, 'engine-1', requestPem);
    const [certificate, authority] = [enrolled.certificatePem, enrolled.caPem].map(
      (pem) => new X509Certificate(pem),
    );
    assert.ok(certificate !== undefined && authority !== undefined);
    assert.ok(certificate.checkIssued(authority) && certificate.verify(authority.publicKey));
    assert.equal(certificate.subject, 'CN=serviceengine-engine-1');
    assert.deepEqual(
      certificate.keyUsage,
      ['1.3.6.1.5.5.7.3.2'],
      'good for a client, and never for a Controller',
    );
    assert.equal(certificate.ca, false);
    assert.equal(typeof identities.judge('serviceengine-engine-1', certificate.serialNumber), 'object');
  });

  it('takes a token once, in its time, and says of no other what was wrong with it', async () => {
    const refusals: string[] = [];
    const refuse = async (token: string, enrolment: Enrolment): Promise<void> => {
      await assert.rejects(enrolment.enrol(token, 'engine-1', requestPem), (error: LimpetError) => {
        assert.equal(error.code, 'ENROLMENT_REFUSED');
        refusals.push(error.message);
        return true;
      });
    };
    const { enrolment } = open();
    const used = await enrolment.createToken({ validMin: 60 });
    await enrolment.enrol(used.token, 'engine-1', requestPem);
    await refuse(used.token, enrolment);
    await refuse(used.token, open().enrolment);
    const expired = await enrolment.createToken({ validMin: 60 });
    clock.advance(60 * 60_000);
    await refuse(expired.token, enrolment);
    const [prefix, secret = '', fingerprint] = used.token.split('.');
    await refuse(
      [prefix, secret.replace(/^./, (c) => (c === 'A' ? 'B' : 'A')), fingerprint].join('.'),
      enrolment,
    );
    assert.equal(new Set(refusals).size, 1);
    await assert.rejects(enrolment.enrol('nonsense', 'engine-1', requestPem), /no enrolment token/);
  });

  it('tells of a few wrong tokens in a minute and counts the others: anybody may send them', async () => {
    const { enrolment } = open();
    const wrong = `limpet-enrol.${systemRandom.bytes(32).toString('base64url')}.${ca.fingerprint}`;
    const tryWrong = () => assert.rejects(enrolment.enrol(wrong, 'engine-1', requestPem, '10.0.0.9'));
    for (let tries = 0; tries < 1000; tries++) await tryWrong();
    assert.deepEqual(events, new Array(10).fill('SE_ENROLMENT_REFUSED 10.0.0.9'));
    clock.advance(60_000);
    await tryWrong();
    assert.equal(events.length, 11);
  });

  it('uses a token up also where the request is none, or signed by another key', async () => {
    const { enrolment } = open();
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const der = Buffer.from(requestPem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
    const own = publicKey.export({ type: 'spki', format: 'der' });
    const at = der.indexOf(own.subarray(0, 26));
    own.copy(der, at);
    const foreign = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
    for (const request of ['nonsense', foreign]) {
      const { token } = await enrolment.createToken({ validMin: 60 });
      await assert.rejects(enrolment.enrol(token, 'engine-1', request), /certificate request is not valid/);
      await assert.rejects(enrolment.enrol(token, 'engine-1', requestPem), /wrong, was used/);
    }
  });

  it('gives the name of an engine that is connected to no other', async () => {
    const { enrolment } = open();
    connected.add('serviceengine-engine-1');
    const { token } = await enrolment.createToken({ validMin: 60 });
    await assert.rejects(enrolment.enrol(token, 'engine-1', requestPem), /is connected/);
  });

  it('is forgotten by a revoked engine: its certificate is refused, also after a restart', async () => {
    const { enrolment, identities } = open();
    const { token } = await enrolment.createToken({ validMin: 60 });
    const { certificatePem, engineUuid } = await enrolment.enrol(token, 'engine-1', requestPem);
    const { serialNumber } = new X509Certificate(certificatePem);
    await identities.revoke(engineUuid, clock.unixMs());
    assert.equal(identities.judge(engineUuid, serialNumber), 'revoked');
    assert.equal(open().identities.judge(engineUuid, serialNumber), 'revoked');
    assert.equal(identities.judge('serviceengine-other', serialNumber), 'unknown');
  });

  it('keeps the former certificate good when it is renewed, and the one before it not', async () => {
    const { enrolment, identities } = open();
    const { token } = await enrolment.createToken({ validMin: 60 });
    const { engineUuid, certificatePem } = await enrolment.enrol(token, 'engine-1', requestPem);
    const first = new X509Certificate(certificatePem).serialNumber;
    const second = await ca.issueEngine(engineUuid, requestPem, 30);
    await identities.renew(engineUuid, second, clock.unixMs());
    assert.equal(typeof identities.judge(engineUuid, first), 'object');
    await identities.renew(engineUuid, await ca.issueEngine(engineUuid, requestPem, 30), clock.unixMs());
    assert.equal(identities.judge(engineUuid, first), 'revoked');
    assert.equal(typeof identities.judge(engineUuid, second.serial), 'object');
  });

  it('is by one authority for the life of the Controller, whose key is sealed', async () => {
    const services = { store: vault, secretBox, clock, random: systemRandom };
    const again = await ControllerCa.open(services, vault.records);
    assert.equal(again.certificatePem, ca.certificatePem);
    const server = new X509Certificate(
      (await again.issueServer(['limpet.test'], ['127.0.0.1'], 90)).chainPem,
    );
    assert.ok(server.verify(new X509Certificate(ca.certificatePem).publicKey));
    assert.deepEqual(server.keyUsage, ['1.3.6.1.5.5.7.3.1']);
    const other = { ...services, secretBox: createSecretBox(systemRandom.bytes(32), systemRandom) };
    await assert.rejects(ControllerCa.open(other, vault.records), { code: 'SECRET_UNREADABLE' });
  });
});
