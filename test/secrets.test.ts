// No output of an engine shows a secret: not its logs, its errors, its metrics or its runtime, whatever goes wrong (R5).

import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { demoConfiguration, exchangeRaw, TicketClient, ticketOf } from '@limpet/testkit';
import { createFleet, type Engine, eventually, type Fleet } from './support/engine.ts';
import { openClient } from './support/http-clients.ts';
import { type OriginServer, startOriginServer } from './support/origin-server.ts';
import { clientHelloWithTicket } from './support/raw-hello.ts';

const CREDENTIALS = 'c2VjcmV0IG9mIGEgY2xpZW50';
const COOKIE = 'session-of-a-client-9f2c';
const PASSPHRASE = 'words that open a key';
/** So short a piece of a secret must not be found either. */
const PIECE_BYTES = 12;

let origin: OriginServer;
let fleet: Fleet;
let engine: Engine;
let faults: string;
const answers: string[] = [];
const secrets = new Map<string, Buffer>();

function configuration(changes: Record<string, unknown> = {}): Record<string, unknown[]> {
  return demoConfiguration({
    port: 0,
    servers: [
      { name: 'origin', port: origin.port },
      // Nobody is there.
      { name: 'gone', port: 1 },
    ],
    certificate: fleet.certificate.certificatePem,
    key: fleet.certificate.privateKeyPem,
    monitored: false,
    ...changes,
  });
}

before(async () => {
  origin = await startOriginServer();
  const preload = pathToFileURL(join(import.meta.dirname, 'support/faults.ts')).href;
  faults = mkdtempSync(join(tmpdir(), 'limpet-faults-'));
  fleet = await createFleet({ nodeOptions: `--import=${preload}`, environment: { LIMPET_FAULTS: faults } });
  engine = await fleet.startEngine(configuration(), ['--workers', '1']);
});
after(async () => {
  await fleet.stop();
  await origin.stop();
  rmSync(faults, { recursive: true, force: true });
});

/** The bytes of a PEM block. */
function pemBytes(pem: string): Buffer {
  return Buffer.from(pem.replace(/-----.*-----|\s/g, ''), 'base64');
}

function encrypted(pem: string, passphrase: string): string {
  return createPrivateKey(pem)
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase })
    .toString();
}

function keepSecrets(): void {
  const ring = JSON.parse(readFileSync(fleet.ringFile, 'utf8')) as Record<string, unknown>;
  secrets.set('affinity secret', Buffer.from(String(ring.affinity_secret), 'base64'));
  for (const name of ['next', 'current']) {
    const { key } = ring[name] as { readonly key: string };
    secrets.set(`${name} ticket key`, Buffer.from(key, 'base64'));
  }
  // Its end: the beginning is the same in every key of this type.
  secrets.set('private key', pemBytes(fleet.certificate.privateKeyPem).subarray(36));
}

/** Every piece of the text in which a piece of the secret is found, in whatever coding. */
function findSecret(text: string, secret: Buffer): string | undefined {
  const lower = text.toLowerCase();
  for (let at = 0; at + PIECE_BYTES <= secret.length; at += PIECE_BYTES) {
    const piece = secret.subarray(at, at + PIECE_BYTES);
    if (text.includes(piece.toString('latin1'))) return 'as it is';
    if (lower.includes(piece.toString('hex'))) return 'in hex';
  }
  // Base64 has three alignments; a piece is cut from the coding of the whole at each of them.
  for (let shift = 0; shift < 3; shift++) {
    for (const coding of ['base64', 'base64url'] as const) {
      const coded = secret.subarray(shift).toString(coding);
      for (let at = 0; at + 16 <= coded.length; at += 16)
        if (text.includes(coded.slice(at, at + 16))) return `in ${coding}`;
    }
  }
  return undefined;
}

describe('the outputs of an engine', () => {
  it('show no key, ticket, cookie or credentials, after traffic and everything that can go wrong with it', async () => {
    keepSecrets();
    const headers = { cookie: `id=${COOKIE}`, authorization: `Basic ${CREDENTIALS}` };
    secrets.set('cookie', Buffer.from(COOKIE));
    secrets.set('credentials', Buffer.from(CREDENTIALS));

    // Clients that come back, and one whose ticket is altered.
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const client = new TicketClient({ version });
      for (let visit = 0; visit < 3; visit++) answers.push((await client.visit(engine.port)).body);
      const ticket = ticketOf(client.tickets.at(-1) as Buffer);
      secrets.set(`${version} ticket`, ticket);
      const altered = Buffer.from(ticket);
      altered[40] = (altered[40] as number) ^ 1;
      secrets.set(`altered ${version} ticket`, altered);
      if (version === 'TLSv1.2') await exchangeHello(altered);
    }
    // Requests that are refused or cannot be served, over both versions.
    for (const version of ['h1', 'h2'] as const) {
      const client = openClient(version, engine.port);
      for (let turn = 0; turn < 6; turn++)
        answers.push(String((await client.request({ headers, path: `/?token=${COOKIE}` })).body));
      client.close();
    }
    for (const line of ['Bad Line', 'Content-Length: x', `Cookie: \u0001${COOKIE}`]) {
      const { text } = await exchangeRaw(engine.port, [
        `GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic ${CREDENTIALS}\r\n${line}\r\n\r\n`,
      ]);
      answers.push(text);
    }
    // Defects in the middle of a handshake, whose stack is logged.
    for (const fault of ['ticket', 'handshake']) {
      writeFileSync(join(faults, fault), '');
      await eventually(async () => {
        await Promise.race([
          new TicketClient().visit(engine.port),
          new Promise((resolve) => setTimeout(resolve, 2000).unref()),
        ]).catch(() => {});
        return engine.process.stderr().includes(`injected: ${fault}`);
      }, `the fault "${fault}" has struck`);
    }
    // Configurations and rings that are refused.
    const key = fleet.certificate.privateKeyPem;
    const refusals = () => engine.process.stderr().split('CONFIG_REFUSED').length - 1;
    const withKey = (changes: Record<string, unknown>): string => {
      const { SSLKeyAndCertificate: [certificate] = [], ...others } = configuration();
      return JSON.stringify({
        ...others,
        SSLKeyAndCertificate: [{ ...(certificate as Record<string, unknown>), ...changes }],
      });
    };
    const broken: readonly string[] = [
      JSON.stringify(configuration()).slice(0, -40),
      withKey({ key: key.replace(/\n.{30}/, '\n') }),
      withKey({ key: key.replaceAll('KEY', 'KEX') }),
      withKey({ key: encrypted(key, 'other words'), key_passphrase: PASSPHRASE }),
      withKey({ key: [key] }),
      withKey({ kee: key }),
    ];
    secrets.set('passphrase', Buffer.from(PASSPHRASE));
    for (const text of broken) {
      const before = refusals();
      engine.replaceConfiguration(text);
      await eventually(() => refusals() > before, `configuration ${broken.indexOf(text)} is refused`);
      const check = await fleet.limpet('check', '--config', join(fleet.folder, 'engine-0.json'));
      assert.equal(check.code, 2);
      answers.push(check.stdout, check.stderr);
    }
    const before = refusals();
    appendFileSync(fleet.ringFile, ' x');
    await eventually(() => refusals() > before, 'the ring is refused');
    const rotate = await fleet.limpet('keys', 'rotate', fleet.ringFile);
    answers.push(rotate.stdout, rotate.stderr);

    for (const path of ['/metrics', '/runtime', '/healthz', '/none']) answers.push(await engine.page(path));
    await engine.stop();
    const outputs = new Map([
      ['standard error', engine.process.stderr()],
      ['the access log', readFileSync(join(fleet.folder, 'engine-0.log'), 'utf8')],
      // The origin says in its answers what it was sent; only what the engine says itself is looked at.
      ['an answer', answers.filter((text) => !text.includes('"headers"')).join('\n')],
    ]);
    for (const [where, text] of outputs) {
      assert.ok(text.length > 0, `${where} is empty`);
      for (const [what, secret] of secrets) {
        const coding = findSecret(text, secret);
        assert.equal(coding, undefined, `${where} shows a piece of the ${what} ${coding}`);
      }
    }
  });

  it('would be found in them: the search knows every coding', () => {
    const secret = Buffer.from('0123456789abcdefghijklmnopqrstuv');
    const hidden = [
      secret.toString('latin1'),
      secret.toString('hex').toUpperCase(),
      secret.toString('base64'),
    ];
    for (const text of [...hidden, Buffer.concat([Buffer.from('x'), secret]).toString('base64')])
      assert.notEqual(findSecret(`{"a":"${text}"}`, secret), undefined, text);
    assert.equal(findSecret('0123456789a bcdefghijklm', secret), undefined);
  });
});

async function exchangeHello(ticket: Buffer): Promise<void> {
  await new Promise<void>((resolve) => {
    const socket = connect(engine.port, '127.0.0.1', () => socket.write(clientHelloWithTicket(ticket)));
    socket.once('data', () => socket.destroy());
    socket.on('error', () => {});
    socket.once('close', () => resolve());
  });
}
