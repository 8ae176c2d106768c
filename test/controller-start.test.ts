// How a Controller starts, stops and is found again.

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect, type PeerCertificate } from 'node:tls';
import { createSelfSigned, runCommand } from '@limpet/testkit';
import { ADMIN_PASSWORD, ApiClient, createPool, startController } from './support/controller.ts';

const main = resolve(import.meta.dirname, '../packages/cli/src/main.ts');
const limpet = (...args: readonly string[]) => runCommand(process.execPath, [main, 'controller', ...args]);

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'limpet-controller-start-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** The certificate that is shown at a port, by a handshake of at most this version. */
function shownCertificate(
  port: number,
  maxVersion: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3',
): Promise<PeerCertificate> {
  return new Promise((found, failed) => {
    const socket = connect(
      // Level 0: else this side would refuse the old version by itself.
      ...[
        {
          host: '127.0.0.1',
          port,
          rejectUnauthorized: false,
          minVersion: 'TLSv1',
          maxVersion,
          ciphers: 'ALL@SECLEVEL=0',
        } as const,
      ],
      () => {
        found(socket.getPeerCertificate());
        socket.destroy();
      },
    );
    socket.on('error', failed);
  });
}

// Most of the time is that of starting Node.
describe('a Controller', { concurrency: 2 }, () => {
  it('makes a password that it prints once, and finds its state again', async () => {
    const state = join(folder, 'state');
    const first = await startController([], state, {});
    let uuid = '';
    let fingerprint = '';
    try {
      assert.match(first.madePassword ?? '', /^[A-Za-z0-9]{24}$/);
      assert.ok(!first.process.stderr().includes(first.madePassword as string), 'not in the log');
      const api = new ApiClient(first.port);
      assert.equal((await api.login('admin', first.madePassword as string)).status, 200);
      ({ uuid } = await createPool(api, { description: 'kept' }));
      fingerprint = (await shownCertificate(first.port, 'TLSv1.3')).fingerprint256;
      const locked = await limpet(
        '--state',
        state,
        '--listen',
        '127.0.0.1:0',
        '--engine-listen',
        '127.0.0.1:0',
      );
      assert.equal(locked.code, 2);
      assert.match(locked.stderr, /STORE_LOCKED/);
      api.close();
    } finally {
      await first.stop();
    }
    assert.equal(await first.process.exited, 0);
    for (const name of readdirSync(state)) assert.equal(statSync(join(state, name)).mode & 0o077, 0, name);
    const second = await startController([], state, {
      LIMPET_ADMIN_PASSWORD: 'passed over, since there is a user',
    });
    try {
      assert.equal(second.madePassword, undefined);
      const api = new ApiClient(second.port);
      assert.equal((await api.login('admin', first.madePassword as string)).status, 200);
      assert.equal((await api.get(`/api/pool/${uuid}`)).json.description, 'kept');
      assert.equal((await shownCertificate(second.port, 'TLSv1.3')).fingerprint256, fingerprint);
      api.close();
    } finally {
      await second.stop();
    }
  });

  it('shows the certificate that it is given, by TLS 1.2 and 1.3 and nothing older', async () => {
    const certificate = await createSelfSigned({ dnsNames: ['controller.test'] });
    const [certificateFile, keyFile] = [join(folder, 'c.pem'), join(folder, 'k.pem')];
    writeFileSync(certificateFile, certificate.certificatePem);
    writeFileSync(keyFile, certificate.privateKeyPem);
    const controller = await startController(['--certificate', certificateFile, '--key', keyFile]);
    try {
      for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
        assert.match(
          String((await shownCertificate(controller.port, version)).subjectaltname),
          /controller\.test/,
        );
      await assert.rejects(shownCertificate(controller.port, 'TLSv1.1'));
    } finally {
      await controller.stop();
    }
  });

  it('has on its disk no password and no key that can be read', async () => {
    const state = join(folder, 'sealed');
    const controller = await startController(['--name', 'c.example', '10.0.0.9'], state);
    try {
      const api = await controller.login();
      const { privateKeyPem, certificatePem } = await createSelfSigned({ dnsNames: ['limpet.test'] });
      const answer = await api.post('/api/sslkeyandcertificate', {
        ...{ name: 'key', key: privateKeyPem, certificate: { certificate: certificatePem } },
      });
      assert.equal(answer.status, 201, answer.text);
      assert.match(
        String((await shownCertificate(controller.port, 'TLSv1.3')).subjectaltname),
        /c\.example.*10\.0\.0\.9/,
      );
      api.close();
      const body = privateKeyPem.split('\n').at(1) as string;
      for (const name of readdirSync(state)) {
        const text = readFileSync(join(state, name), 'latin1');
        for (const secret of [body, ADMIN_PASSWORD, 'BEGIN PRIVATE KEY', 'BEGIN EC PRIVATE KEY'])
          assert.ok(!text.includes(secret), `${name}: ${secret.slice(0, 20)}`);
      }
    } finally {
      await controller.stop();
    }
  });

  it('is not started by a command line that is wrong: exit code 2', async () => {
    const rows: readonly (readonly [args: readonly string[], text: RegExp])[] = [
      [[], /--state/],
      [['--state', 'x', '--listen', 'localhost:1'], /ip:port/],
      [['--state', 'x', '--certificate', 'c.pem'], /--certificate and --key/],
    ];
    const ended = await Promise.all(rows.map(([args]) => limpet(...args)));
    for (const [index, { code, stderr }] of ended.entries()) {
      assert.equal(code, 2, stderr);
      assert.match(stderr, rows[index]?.[1] as RegExp);
    }
  });
});
