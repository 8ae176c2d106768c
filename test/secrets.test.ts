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
import { proxied } from '../packages/service-engine/src/proxy-protocol/test-proxy-header.ts';
import { CookieClient, cookieProfile } from './support/cookie-client.ts';
import { createFleet, type Engine, eventually, type Fleet } from './support/engine.ts';
import { openClient } from './support/http-clients.ts';
import { type OriginServer, startOriginServer } from './support/origin-server.ts';
import { askPlain, openProxy } from './support/proxied-clients.ts';
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
  for (const left of [faults, `${faults}.armed`]) rmSync(left, { recursive: true, force: true });
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

function keepRing(text: string, kept: Map<string, Buffer>): void {
  const ring = JSON.parse(text) as Record<string, unknown>;
  kept.set('affinity secret', Buffer.from(String(ring.affinity_secret), 'base64'));
  for (const name of ['next', 'current']) {
    const { key } = ring[name] as { readonly key: string };
    kept.set(`${name} ticket key`, Buffer.from(key, 'base64'));
  }
}

function keepSecrets(): void {
  keepRing(readFileSync(fleet.ringFile, 'utf8'), secrets);
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

function assertNoneShows(outputs: ReadonlyMap<string, string>, hidden: ReadonlyMap<string, Buffer>): void {
  for (const [where, text] of outputs) {
    assert.ok(text.length > 0, `${where} is empty`);
    for (const [what, secret] of hidden) {
      const coding = findSecret(text, secret);
      assert.equal(coding, undefined, `${where} shows a piece of the ${what} ${coding}`);
    }
  }
}

describe('the outputs of an engine', () => {
  it('can be read by nobody through a debugger: SIGUSR1 opens none (R5)', async () => {
    engine.process.child.kill('SIGUSR1');
    await eventually(() => engine.process.stderr().includes('SIGNAL_IGNORED'), 'the signal is ignored');
    assert.doesNotMatch(engine.process.stderr(), /Debugger listening/);
    assert.equal((await new TicketClient().visit(engine.port)).status, 200);
  });

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
    assertNoneShows(outputs, secrets);
  });

  it('show nothing of a file, a PROXY header or a cookie that cannot be read', async () => {
    const found = new Map<string, Buffer>();
    const said: string[] = [];
    const key = fleet.certificate.privateKeyPem;
    const keyFile = join(fleet.folder, 'engine-1.key');
    const write = (text: string | Buffer): void => writeFileSync(keyFile, text);
    write(key);
    found.set('private key', pemBytes(key).subarray(36));
    const withFile = configuration({
      key: { file: 'engine-1.key' },
      persistenceProfile: cookieProfile('LIMPET'),
      virtualService: {
        services: [
          { port: 0, enable_ssl: true, limpet_proxy_protocol_sources: ['127.0.0.2'], enable_http2: true },
        ],
      },
    });
    // The ring of before was made unreadable.
    const ring = join(fleet.folder, 'second-ring.json');
    assert.equal((await fleet.limpet('keys', 'init', ring)).code, 0);
    const second = await fleet.startEngine(withFile, ['--workers', '1', '--ticket-keys', ring]);

    // Cookies: genuine, altered, too many, and such as no cookie can be.
    const client = new CookieClient();
    await client.visit('h1', second.port);
    const cookie = client.jar.get('LIMPET') as string;
    found.set('persistence cookie', Buffer.from(cookie, 'base64url'));
    const altered = cookie.replace(
      /^(.{30})(.)/,
      (_, first, character) => `${first}${character === 'A' ? 'B' : 'A'}`,
    );
    found.set('cookie of an application', Buffer.from(COOKIE));
    for (const value of [
      cookie,
      altered,
      cookie.slice(5),
      `${cookie}\u0001${COOKIE}`,
      `"${cookie}${COOKIE}`,
    ]) {
      for (const line of [
        `LIMPET=${value}`,
        `LIMPET=${value}; `.repeat(6),
        `${'a'.repeat(40_000)}=${value}`,
      ]) {
        const { text } = await exchangeRaw(
          second.port,
          [`GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nCookie: ${line}\r\n\r\n`],
          300,
        );
        // The cookie that the client is given is its own.
        said.push(text.replace(/^set-cookie: .*$/gim, ''));
      }
    }
    // PROXY headers: what a proxy adds to one, and what is none.
    const words = 'words-of-a-proxy-that-nobody-else-may-read';
    found.set('PROXY header', Buffer.from(words));
    const extra = proxied(
      { ip: '192.0.2.7', port: 1 },
      { ip: '192.0.2.8', port: 2 },
      { extensions: [[0xee, Buffer.from(words)]] },
    );
    for (const header of [
      Buffer.from(`PROXY TCP4 ${words} 192.0.2.1 1 2\r\n`),
      Buffer.from(`PROXY UNKNOWN ${words}\r\n`),
      Buffer.from(`${words}\r\n`),
      Buffer.from(`PROXY ${words.repeat(9)}`),
      extra,
      extra.subarray(0, -1),
    ]) {
      const socket = await openProxy(second.port, '127.0.0.2');
      socket.setTimeout(200, () => socket.destroy());
      said.push(await askPlain(socket, header));
    }

    // Key files: cut off, encrypted, of another kind, and what stands in the ring.
    const refusals = () => second.process.stderr().split('CONFIG_REFUSED').length - 1;
    const ringText = readFileSync(ring, 'utf8');
    keepRing(ringText, found);
    const cutKey = key.slice(0, key.length / 2);
    for (const text of [
      cutKey,
      `${cutKey}\n-----END PRIVATE KEY-----\n`,
      encrypted(key, 'other words'),
      pemBytes(key),
      pemBytes(key).toString('base64'),
      ringText,
      key.replaceAll('PRIVATE', 'PUBLIC'),
    ]) {
      const before = refusals();
      write(text);
      await eventually(() => refusals() > before, `the key file is refused: ${text.length} bytes`);
      // By the same code; each is a process to start.
      if (text !== ringText) continue;
      const check = await fleet.limpet('check', '--config', join(fleet.folder, 'engine-1.json'));
      assert.equal(check.code, 2);
      said.push(check.stdout, check.stderr);
    }
    write(key);
    // Rings that are almost one.
    const { current, next, ...others } = JSON.parse(ringText) as Record<string, { readonly key: string }>;
    const almost: readonly unknown[] = [
      { ...others, next, current: { ...current, key: `${current?.key.slice(0, -4)}` } },
      { ...others, next, current: { ...current, key: [current?.key] } },
      { ...others, next: current, current },
      { ...others, next, current: current?.key },
      [next, current],
      `${current?.key} ${next?.key}`,
    ];
    for (const value of almost) {
      const before = refusals();
      writeFileSync(ring, JSON.stringify(value));
      await eventually(() => refusals() > before, `ring ${almost.indexOf(value)} is refused`);
    }
    const rotated = await fleet.limpet('keys', 'rotate', ring);
    assert.notEqual(rotated.code, 0);
    said.push(rotated.stdout, rotated.stderr);

    for (const path of ['/metrics', '/runtime', '/healthz', '/none']) said.push(await second.page(path));
    await second.stop();
    assertNoneShows(
      new Map([
        ['standard error', second.process.stderr()],
        ['the access log', readFileSync(join(fleet.folder, 'engine-1.log'), 'utf8')],
        ['an answer', said.filter((text) => !text.includes('"headers"')).join('\n')],
      ]),
      found,
    );
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
