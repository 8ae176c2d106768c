// What the command line tells an operator: `limpet check`, `limpet keys`, and a `limpet engine` that cannot start.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createSelfSigned, demoConfiguration } from '@limpet/testkit';
import { createFleet, type Fleet } from './support/engine.ts';

// Most of a command's time is that of starting Node.
const concurrency = 2;

let fleet: Fleet;
before(async () => {
  fleet = await createFleet();
});
after(() => fleet.stop());

type Objects = Record<string, Record<string, unknown>[]>;

function configuration(options: Partial<Parameters<typeof demoConfiguration>[0]> = {}): Objects {
  return demoConfiguration({
    port: 0,
    servers: [{ name: 'a', port: 9001 }],
    certificate: fleet.certificate.certificatePem,
    key: fleet.certificate.privateKeyPem,
    ...options,
  }) as Objects;
}

let files = 0;

/** Writes a file of its own into the fleet's folder. */
function fileWith(content: unknown): string {
  const file = join(fleet.folder, `file-${files++}.json`);
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content, undefined, 2));
  return file;
}

function check(content: unknown) {
  return fleet.limpet('check', '--config', fileWith(content));
}

/** An engine that is expected not to start, with the problems that it logged. */
async function refusedEngine(configFile: string, ...args: readonly string[]) {
  const ended = await fleet.limpet(
    ...['engine', '--config', configFile, '--workers', '1', '--access-log', 'off', ...args],
  );
  const log = ended.stderr
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { ...ended, log };
}

describe('limpet check', { concurrency }, () => {
  it('says of a valid configuration how many objects it has, and ends with 0', async () => {
    const { code, stdout, stderr } = await check(configuration());
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^valid: 1 virtual services, 1 pools, hash [0-9a-f]{12}\n$/);
  });

  it('tells every problem with object and field in a line of its own, and ends with 2', async () => {
    const input = configuration({ pool: { lb_algorithm: 'LB_ALGORITHM_FEWEST_TASKS', server_timeot: 5 } });
    input.HealthMonitor = [];
    const { code, stdout, stderr } = await check(input);
    assert.deepEqual([code, stdout], [2, '']);
    const lines = stderr.trimEnd().split('\n');
    assert.equal(lines.length, 4);
    assert.match(
      lines[0] ?? '',
      /^error: Pool "demo-pool", server_timeot: .*did you mean "server_timeout"\?$/,
    );
    assert.match(
      lines[1] ?? '',
      /^error: Pool "demo-pool", lb_algorithm: LB_ALGORITHM_FEWEST_TASKS is not supp/,
    );
    assert.match(lines[2] ?? '', /^error: Pool "demo-pool", health_monitor_refs\[0\]: there is no HealthMon/);
    assert.match(lines[3] ?? '', /file-\d+\.json: the configuration is not valid: 3 problems$/);
  });

  it('warns of fields without effect, and ends with 0', async () => {
    const { code, stderr } = await check(configuration({ pool: { capacity_estimation: true } }));
    assert.equal(code, 0);
    assert.equal(
      stderr,
      'warning: Pool "demo-pool", capacity_estimation: is not implemented yet and has no effect\n',
    );
  });

  it('starts nothing: an address that another process listens on is none of its business', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    try {
      await new Promise((resolve) => taken.once('listening', resolve));
      const { port } = taken.address() as AddressInfo;
      const { code, stderr } = await check(configuration({ port }));
      assert.equal(code, 0, stderr);
    } finally {
      taken.close();
    }
  });

  it('reads certificate and key from files beside the configuration', async () => {
    writeFileSync(join(fleet.folder, 'cert.pem'), fleet.certificate.certificatePem);
    writeFileSync(join(fleet.folder, 'key.pem'), fleet.certificate.privateKeyPem);
    const files = { certificate: { file: 'cert.pem' }, key: { file: 'key.pem' } };
    const { code, stderr } = await check(configuration(files));
    assert.equal(code, 0, stderr);
  });

  it('names object, field and path of a file that is not there', async () => {
    const { code, stderr } = await check(configuration({ key: { file: 'gone.pem' } }));
    assert.equal(code, 2);
    assert.match(
      stderr,
      /error: SSLKeyAndCertificate "demo-certificate", key: gone\.pem cannot be read \(ENOENT\)/,
    );
  });

  it('never prints a private key, whatever is wrong with it', async () => {
    const { privateKeyPem } = await createSelfSigned({ dnsNames: ['other.test'] });
    const secret = privateKeyPem.split('\n')[1] as string;
    for (const [content, message] of [
      [configuration({ key: privateKeyPem }), /key: does not belong to the certificate/],
      [configuration({ key: privateKeyPem.replace('MI', '!!') }), /key: is no PEM private key/],
      [JSON.stringify(configuration({ key: privateKeyPem })).replace('"key":', '"key":x'), /line 1, column/],
    ] as const) {
      const { code, stdout, stderr } = await check(content);
      assert.equal(code, 2);
      assert.match(stderr, message);
      assert.ok(!(stdout + stderr).includes(secret.slice(2, 30)), stderr);
    }
  });

  it('names line and column where the file is no JSON', async () => {
    for (const [text, place] of [
      ['{\n  "Pool": [\n    { "name": web }\n  ]\n}\n', /file-\d+\.json: line 3, column 15$/m],
      ['{\n  "Pool": [],\n}\n', /file-\d+\.json: line 3, column 1$/m],
      ['{\n  "Pool": [\n', /file-\d+\.json: it ends too early$/m],
    ] as const) {
      const { code, stderr } = await check(text);
      assert.equal(code, 2);
      assert.match(stderr, place);
    }
  });

  it('names a configuration file that is not there', async () => {
    const { code, stderr } = await fleet.limpet('check', '--config', join(fleet.folder, 'gone.json'));
    assert.equal(code, 2);
    assert.match(stderr, /cannot be read: .*gone\.json: ENOENT/);
  });
});

describe('limpet keys init', { concurrency }, () => {
  it('makes a ring that its owner alone can read, and leaves nothing beside it', async () => {
    const file = join(fleet.folder, 'new-ring.json');
    const { code, stdout } = await fleet.limpet('keys', 'init', file);
    assert.deepEqual([code, stdout], [0, `made ${file}\n`]);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(
      readdirSync(fleet.folder).filter((name) => name.startsWith('new-ring')),
      ['new-ring.json'],
    );
  });

  it('does not replace a ring that is there, unless it is forced', async () => {
    const text = readFileSync(fleet.ringFile, 'utf8');
    const refused = await fleet.limpet('keys', 'init', fleet.ringFile);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /is there already; "limpet keys rotate .*" rotates it, --force replaces it/);
    assert.equal(readFileSync(fleet.ringFile, 'utf8'), text);
    const copy = fileWith(text);
    assert.equal((await fleet.limpet('keys', 'init', copy, '--force')).code, 0);
    assert.notEqual(readFileSync(copy, 'utf8'), text);
  });

  it('refuses a lifetime and a period that no ring can hold, and makes no file', async () => {
    const file = join(fleet.folder, 'never.json');
    for (const [args, message] of [
      [['--lifetime', '604800', '--period', '3600'], /need 170 keys, more than 16; shorten the lifetime or/],
      [['--lifetime', 'a-day'], /lifetime/],
      [['--period', '0'], /rotate_period must be at least 1 s/],
    ] as const) {
      const { code, stderr } = await fleet.limpet('keys', 'init', file, ...args);
      assert.equal(code, 2);
      assert.match(stderr, message);
    }
    assert.equal(readdirSync(fleet.folder).includes('never.json'), false);
  });

  it('says where it cannot write', async () => {
    const { code, stderr } = await fleet.limpet('keys', 'init', join(fleet.folder, 'no-folder', 'ring.json'));
    assert.equal(code, 2);
    assert.match(stderr, /the ticket key file cannot be written.*: .*no-folder.ring\.json: ENOENT/);
  });
});

interface RingFile {
  readonly next: { readonly key: string };
  readonly current: { readonly key: string };
  readonly previous: readonly { readonly key: string }[];
  readonly rotations: number;
}

function readRing(file: string): RingFile {
  return JSON.parse(readFileSync(file, 'utf8')) as RingFile;
}

describe('limpet keys rotate', { concurrency }, () => {
  it('moves next to current and current to previous, and keeps the file to its owner', async () => {
    const file = join(fleet.folder, 'rotated.json');
    await fleet.limpet('keys', 'init', file);
    const former = readRing(file);
    const { code, stdout } = await fleet.limpet('keys', 'rotate', file);
    assert.equal(code, 0);
    assert.match(stdout, /3 keys; copy it to every engine before the next rotation/);
    const ring = readRing(file);
    assert.equal(ring.current.key, former.next.key);
    assert.deepEqual(
      ring.previous.map(({ key }) => key),
      [former.current.key],
    );
    assert.notEqual(ring.next.key, former.next.key);
    assert.equal(ring.rotations, 1);
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  it('does not rotate twice within 60 s, unless it is forced', async () => {
    const file = join(fleet.folder, 'twice.json');
    await fleet.limpet('keys', 'init', file);
    await fleet.limpet('keys', 'rotate', file);
    const text = readFileSync(file, 'utf8');
    const refused = await fleet.limpet('keys', 'rotate', file);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /rotated less than 60 s ago: .* Wait \d+ s, or use --force/);
    assert.equal(readFileSync(file, 'utf8'), text);
    assert.equal((await fleet.limpet('keys', 'rotate', file, '--force')).code, 0);
    assert.equal(readRing(file).rotations, 2);
  });

  it('leaves the old ring, or none, where the disk is full', async () => {
    const file = join(fleet.folder, 'full.json');
    await fleet.limpet('keys', 'init', file);
    const text = readFileSync(file, 'utf8');
    for (const command of [`rotate ${file} --force`, `init ${join(fleet.folder, 'full-new.json')}`]) {
      const { code, stderr } = await fleet.limpetOnFullDisk('keys', ...command.split(' '));
      assert.equal(code, 2);
      assert.match(stderr, /the ticket key file cannot be written; .*: .*full.*\.json: EFBIG/);
    }
    assert.equal(readFileSync(file, 'utf8'), text);
    assert.deepEqual(
      readdirSync(fleet.folder).filter((name) => name.startsWith('full')),
      ['full.json'],
    );
  });

  it('names a ring that is not there', async () => {
    const { code, stderr } = await fleet.limpet('keys', 'rotate', join(fleet.folder, 'gone-ring.json'));
    assert.equal(code, 2);
    assert.match(stderr, /the ticket key file cannot be read: .*gone-ring\.json: ENOENT/);
  });
});

describe('a ring with a weak key (R1)', { concurrency }, () => {
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  const weaknesses: readonly (readonly [
    title: string,
    spoil: (ring: RingFile) => unknown,
    message: RegExp,
  ])[] = [
    [
      'all zero',
      (ring) => ({ ...ring, current: { ...ring.current, key: base64(new Uint8Array(32)) } }),
      /current\.key is all zero; make a ring with "limpet keys init FILE"/,
    ],
    [
      'repeating',
      (ring) => ({ ...ring, next: { ...ring.next, key: base64(Buffer.alloc(32, 'limpet!!')) } }),
      /next\.key is a repetition of 8 bytes/,
    ],
    [
      'too short',
      (ring) => ({
        ...ring,
        current: { ...ring.current, key: base64(Buffer.from(ring.current.key, 'base64').subarray(16)) },
      }),
      /current\.key has 16 bytes, not 32/,
    ],
    ['there twice', (ring) => ({ ...ring, next: ring.current }), /current is the same as next/],
  ];
  for (const [title, spoil, message] of weaknesses) {
    it(`is refused by rotation and by an engine, which do not say what it is: ${title}`, async () => {
      const good = readRing(fleet.ringFile);
      const file = fileWith(spoil(good));
      const text = readFileSync(file, 'utf8');
      const rotation = await fleet.limpet('keys', 'rotate', file);
      assert.equal(rotation.code, 2);
      assert.match(rotation.stderr, message);
      assert.equal(readFileSync(file, 'utf8'), text);
      const engine = await refusedEngine(fileWith(configuration()), '--ticket-keys', file);
      assert.equal(engine.code, 2);
      assert.match(String(engine.log.at(-1)?.msg), message);
      assert.ok(String(engine.log.at(-1)?.msg).includes(file), 'the file is named');
      for (const { key } of [good.current, good.next]) {
        assert.ok(!`${rotation.stderr}${engine.stderr}${engine.stdout}`.includes(key.slice(0, 12)));
      }
    });
  }
});

describe('limpet engine cannot start', { concurrency }, () => {
  it('with a configuration that is not valid, and logs every problem', async () => {
    const input = configuration({ pool: { servers: [] }, healthMonitor: { receive_timeout: 9 } });
    const { code, stdout, log } = await refusedEngine(fileWith(input));
    assert.deepEqual([code, stdout], [2, '']);
    const problems = log.filter(({ event }) => event === 'CONFIG_PROBLEM');
    assert.deepEqual(
      problems.map(({ objectType, objectName, field }) => [objectType, objectName, field]),
      [
        ['HealthMonitor', 'demo-health', 'receive_timeout'],
        ['Pool', 'demo-pool', 'servers'],
      ],
    );
    assert.equal(log.at(-1)?.code, 'CONFIG_INVALID');
  });

  it('without its configuration file, and names it', async () => {
    const { code, log } = await refusedEngine(join(fleet.folder, 'gone.json'));
    assert.equal(code, 2);
    assert.equal(log.at(-1)?.code, 'CONFIG_UNREADABLE');
    assert.match(String(log.at(-1)?.msg), /gone\.json: ENOENT/);
  });

  it('without its ring file, and names it', async () => {
    const { code, log } = await refusedEngine(
      fileWith(configuration()),
      ...['--ticket-keys', join(fleet.folder, 'gone-ring.json')],
    );
    assert.equal(code, 2);
    assert.match(String(log.at(-1)?.msg), /gone-ring\.json: ENOENT/);
  });

  it('on a port that is taken, and names address and port', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    try {
      await new Promise((resolve) => taken.once('listening', resolve));
      const { port } = taken.address() as AddressInfo;
      const service = await refusedEngine(fileWith(configuration({ port, monitored: false })));
      assert.equal(service.code, 2);
      assert.equal(service.log.at(-1)?.code, 'ADDRESS_IN_USE');
      assert.match(String(service.log.at(-1)?.msg), new RegExp(`127\\.0\\.0\\.1:${port}`));
      const admin = await refusedEngine(
        fileWith(configuration({ monitored: false })),
        ...['--admin', `127.0.0.1:${port}`],
      );
      assert.equal(admin.code, 2);
      assert.match(String(admin.log.at(-1)?.msg), new RegExp(`127\\.0\\.0\\.1:${port}`));
    } finally {
      taken.close();
    }
  });
});

describe('a wrong command line', { concurrency }, () => {
  const rows: readonly (readonly [args: readonly string[], message: RegExp])[] = [
    [['chek'], /error: unknown command 'chek'\n\(Did you mean check\?\)/],
    [['check'], /error: required option '--config <file>' not specified/],
    [['check', '--config', 'a', '--verbose'], /error: unknown option '--verbose'/],
    [['engine', '--config', 'a', '--workers', '0'], /It must be a whole number from 1 to 64/],
    [
      ['engine', '--config', 'a', '--admin', 'localhost:1'],
      /It must be ip:port, as 127\.0\.0\.1:9100, or "off"/,
    ],
    [
      ['engine', '--config', 'a', '--listen-map', '127.0.0.1:8443'],
      /It must be two addresses, as 10\.0\.0\.1:443=10\.0\.0\.7:8443/,
    ],
    [['keys', 'init'], /error: missing required argument 'file'/],
    [['keys', 'turn', 'ring.json'], /error: unknown command 'turn'/],
  ];
  for (const [args, message] of rows) {
    it(`ends with 2 and says what is wrong and how to use it: limpet ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await fleet.limpet(...args);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, message);
      assert.match(stderr, /Usage: limpet/);
    });
  }

  for (const args of [['--help'], ['engine', '--help']]) {
    it(`is avoided by help, which ends with 0: limpet ${args.join(' ')}`, async () => {
      const { code, stdout } = await fleet.limpet(...args);
      assert.equal(code, 0);
      assert.match(stdout, /^Usage: limpet /);
      assert.doesNotMatch(stdout, /undefined|\[object/);
    });
  }

  it('is avoided by the version, which ends with 0', async () => {
    const { code, stdout } = await fleet.limpet('--version');
    assert.equal(code, 0);
    assert.match(stdout, /^\d+\.\d+\.\d+/);
  });
});
