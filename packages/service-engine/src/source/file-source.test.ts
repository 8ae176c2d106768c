// Tests of the file source: what it delivers, and when it says that there is news.

import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createRingKeys, serializeRingKeys } from '@limpet/model';
import { createSelfSigned, demoConfiguration } from '@limpet/testkit';
import { systemClock } from '../lifecycle/clock.ts';
import { Deadlines } from '../lifecycle/deadlines.ts';
import { systemRandom } from '../lifecycle/random.ts';
import { FileSource } from './file-source.ts';

describe('the file source', () => {
  let folder: string;
  let configFile: string;
  let ticketKeysFile: string;
  let certificateFile: string;
  const deadlines = new Deadlines(systemClock);
  const open = (ringFile: string | undefined): FileSource =>
    new FileSource(
      { configFile, ticketKeysFile: ringFile, enginesPerVirtualService: 1 },
      systemClock,
      deadlines,
    );
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'limpet-source-'));
    configFile = join(folder, 'config.json');
    ticketKeysFile = join(folder, 'ring.json');
    certificateFile = join(folder, 'certificate.pem');
    const { certificatePem, privateKeyPem } = await createSelfSigned({ dnsNames: ['limpet.test'] });
    writeFileSync(certificateFile, certificatePem);
    writeFileSync(ticketKeysFile, serializeRingKeys(createRingKeys(systemRandom, 1_767_225_600)));
    const certificate = { file: 'certificate.pem' } as unknown as string;
    const servers = [{ name: 'a', port: 9001 }];
    writeFileSync(
      configFile,
      JSON.stringify(demoConfiguration({ port: 8443, servers, certificate, key: privateKeyPem })),
    );
  });
  after(() => {
    deadlines.stop();
    rmSync(folder, { recursive: true });
  });

  it('delivers the compiled configuration with the keys that it names, and the ring file as it is', async () => {
    const source = open(ticketKeysFile);
    const { compiled, rings } = await source.take();
    const keyHash = compiled.snapshot.virtualServices[0]?.tls?.certificates[0]?.keyHash ?? '';
    assert.match(compiled.secrets.get(keyHash) ?? '', /PRIVATE KEY/);
    assert.ok(rings?.kind === 'one');
    assert.match(rings.text, /"affinity_secret"/);
    source.stop();
  });

  it('delivers no ring where no ring file is named', async () => {
    const source = open(undefined);
    assert.equal((await source.take()).rings, undefined);
    source.stop();
  });

  it('refuses a ring file that is none, by its name', async () => {
    const source = open(certificateFile);
    await assert.rejects(source.take(), { code: 'KEYS_INVALID', message: /certificate\.pem/ });
    source.stop();
  });

  it('has news when a file that the configuration refers to is replaced, and none once it has stopped', async () => {
    const source = open(ticketKeysFile);
    let news = 0;
    const heard = new Promise<void>((resolve) =>
      source.start(() => {
        news++;
        resolve();
      }),
    );
    await source.take();
    const { certificatePem } = await createSelfSigned({ dnsNames: ['limpet.test'] });
    const replace = (): void => {
      writeFileSync(`${certificateFile}.new`, certificatePem);
      renameSync(`${certificateFile}.new`, certificateFile);
    };
    replace();
    await heard;
    assert.equal(news, 1);
    source.stop();
    replace();
    // Another source hears of it; by then this one would have, too.
    const other = open(ticketKeysFile);
    const otherHeard = new Promise<void>((resolve) => other.start(resolve));
    // The key no longer fits: what was wrong is no reason not to look at the files.
    await assert.rejects(other.take(), { code: 'CONFIG_INVALID' });
    replace();
    await otherHeard;
    assert.equal(news, 1);
    other.stop();
  });
});
