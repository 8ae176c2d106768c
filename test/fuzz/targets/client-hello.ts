// Fuzzed: the ClientHello parser (R13). Judged by itself over other cuts of the bytes, and by OpenSSL on the name that a client asks for.

import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { createServer, type Server } from 'node:tls';
import { createSelfSigned } from '@limpet/testkit';
import { isGrease } from '../../../packages/service-engine/src/client-hello/client-hello.ts';
import {
  HELLO_BYTES_MAX,
  NO_PROGRESS,
} from '../../../packages/service-engine/src/client-hello/hello-records.ts';
import {
  type ParseResult,
  PSK_IDENTITIES_MAX,
  parseClientHello,
} from '../../../packages/service-engine/src/client-hello/parse-client-hello.ts';
import { corpus, record, recut } from '../../../packages/service-engine/src/client-hello/test-corpus.ts';
import {
  handshake,
  preSharedKey,
  serverName,
  uint16,
  vector,
} from '../../../packages/service-engine/src/client-hello/test-hello.ts';
import { type FuzzTarget, inBoundedTime } from '../fuzz-target.ts';
import { cutUp, type Mutation, mutateBytes } from '../mutations.ts';
import { SeededRandom } from '../seeded-random.ts';

/** The longest record that may begin within the bytes that are allowed. */
const BYTES_READ_MAX = HELLO_BYTES_MAX + 5 + 16_384;

interface Dissected {
  /** legacy_version to compression methods, as they are. */
  readonly fixed: Buffer;
  readonly extensions: (readonly [type: number, body: Buffer])[];
}

/** Takes a hello of one record apart; undefined where it is not in such order. */
function dissect(input: Buffer): Dissected | undefined {
  if (input.length < 44 || input[0] !== 22 || input[5] !== 1) return undefined;
  const message = input.subarray(9);
  let at = 34;
  at += 1 + (message[at] ?? 0);
  if (at + 2 > message.length) return undefined;
  at += 2 + message.readUInt16BE(at);
  at += 1 + (message[at] ?? 0);
  if (at + 2 > message.length) return undefined;
  const fixed = message.subarray(0, at);
  const end = Math.min(message.length, at + 2 + message.readUInt16BE(at));
  const extensions: [number, Buffer][] = [];
  for (at += 2; at + 4 <= end; ) {
    const length = message.readUInt16BE(at + 2);
    extensions.push([message.readUInt16BE(at), message.subarray(at + 4, at + 4 + length)]);
    at += 4 + length;
  }
  return { fixed, extensions };
}

function assemble({ fixed, extensions }: Dissected): Buffer {
  const block = Buffer.concat(
    extensions.map(([type, body]) => Buffer.concat([uint16(type), vector(2, body.subarray(0, 65_535))])),
  );
  if (block.length > 65_535) return record(handshake(fixed).subarray(0, 16_384));
  const message = handshake(Buffer.concat([fixed, vector(2, block)]));
  // A record holds 16 kB.
  return message.length <= 16_384
    ? record(message)
    : recut(Buffer.concat([Buffer.alloc(5), message]), [16_384]);
}

const NAMES = [
  'a',
  'A.Test.',
  'xn--bcher-kva.example',
  'a..b',
  '-',
  '_x',
  '127.0.0.1',
  'a\0b',
  'é',
  '.',
  'a'.repeat(253),
  '*.a',
];

const mutateExtensions: Mutation = (input, random) => {
  const hello = dissect(input);
  if (hello === undefined) return mutateBytes(input, random);
  const { extensions } = hello;
  const index = random.below(extensions.length);
  const [type = 0, body = Buffer.alloc(0)] = extensions[index] ?? [];
  switch (random.below(10)) {
    case 0:
      extensions.splice(index, 1);
      break;
    case 1:
      extensions.splice(random.below(extensions.length + 1), 0, [type, body]);
      break;
    case 2:
      extensions.push(...extensions.splice(index, 1));
      break;
    case 3:
      extensions.splice(index, 0, [
        random.pick([0, 10, 13, 16, 35, 41, 43, 45, 51, 0x0a0a, 0xfafa, 0xffff]),
        body,
      ]);
      break;
    case 4:
      extensions[index] = [type, mutateBytes(body, random)];
      break;
    case 5:
      // With its inner length right again.
      extensions[index] = [type, vector(2, mutateBytes(body.subarray(2), random).subarray(0, 65_000))];
      break;
    case 6:
      extensions[index] = [0, serverName(random.pick(NAMES), random.pick([0, 0, 0, 1, 255]))];
      break;
    case 7:
      extensions.push([
        41,
        preSharedKey(random.pick([0, 1, 2, 15, 16, 17, 60]), random.pick([0, 1, 16, 208])),
      ]);
      break;
    case 8:
      extensions[index] = [35, random.bytes(random.pick([0, 1, 16, 176, 192]))];
      break;
    default:
      extensions[index] = [43, vector(1, uint16(random.pick([0x0304, 0x0303, 0x7f1c, 0x2a2a]), 0x0303))];
  }
  return assemble(hello);
};

const mutateRecords: Mutation = (input, random) =>
  input.length < 6
    ? mutateBytes(input, random)
    : recut(input, [1 + random.below(random.pick([2, 40, 600, 17_000])), 1 + random.below(300)]);

/** Asks OpenSSL which name a hello asks for; undefined where it does not accept the hello. */
class NameJudge {
  readonly #server: Server;
  #asked: string | undefined;
  #answered = false;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<NameJudge> {
    const { certificatePem, privateKeyPem } = await createSelfSigned({ dnsNames: ['localhost'] });
    const server = createServer({
      cert: certificatePem,
      key: privateKeyPem,
      SNICallback: (name, done) => {
        judge.#asked = name;
        done(null);
      },
    });
    const judge = new NameJudge(server);
    server.on('tlsClientError', () => {});
    return judge;
  }

  async read(input: Buffer): Promise<string | undefined> {
    this.#asked = undefined;
    this.#answered = false;
    const socket = new Duplex({
      read: () => {},
      write: (chunk: Buffer, _encoding, done) => {
        // A ServerHello, whatever comes after it; no alert.
        if (chunk[0] === 22) this.#answered = true;
        done();
      },
    });
    socket.on('error', () => {});
    this.#server.emit('connection', socket);
    socket.push(input);
    // OpenSSL answers within the turns of the loop in which it has the bytes.
    for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
    socket.destroy();
    return this.#answered ? (this.#asked ?? '') : undefined;
  }

  stop(): void {
    this.#server.close();
  }
}

let judge: NameJudge | undefined;

function parseInPieces(pieces: readonly Buffer[]): ParseResult {
  let bytes = Buffer.alloc(0);
  let progress = NO_PROGRESS;
  let result: ParseResult = { kind: 'incomplete', progress };
  for (const piece of pieces) {
    bytes = Buffer.concat([bytes, piece]);
    result = parseClientHello(bytes, progress);
    if (result.kind !== 'incomplete') return result;
    progress = result.progress;
  }
  return result;
}

export const clientHelloTarget: FuzzTarget = {
  name: 'client-hello',
  seeds: corpus.map(({ bytes }) => bytes),
  mutations: [mutateExtensions, mutateExtensions, mutateRecords],
  start: async () => {
    judge = await NameJudge.start();
  },
  stop: async () => judge?.stop(),
  check: async (input) => {
    const random = SeededRandom.of(input);
    const whole = inBoundedTime(() => parseClientHello(input));
    const inPieces = inBoundedTime(() => parseInPieces(cutUp(input, random)));
    // How far an incomplete one is read may differ.
    assert.equal(inPieces.kind, whole.kind, 'the same in pieces');
    if (whole.kind !== 'incomplete') assert.deepEqual(inPieces, whole);
    if (whole.kind === 'incomplete') {
      assert.ok(input.length <= BYTES_READ_MAX, 'no more bytes are waited for than are allowed');
      return 'incomplete';
    }
    if (whole.kind === 'refused') return `${whole.error}: ${whole.detail}`;
    const { hello } = whole;
    assert.ok(hello.pskIdentities.length <= PSK_IDENTITIES_MAX);
    const kept = [hello.sessionTicket ?? Buffer.alloc(0), ...hello.pskIdentities];
    assert.ok(kept.reduce((sum, { length }) => sum + length, 0) <= input.length, 'views on the input');
    for (const list of [
      hello.cipherSuites,
      hello.supportedGroups,
      hello.signatureAlgorithms,
      hello.supportedVersions,
    ])
      assert.ok(!list.some(isGrease), 'no GREASE');
    if (hello.serverName !== undefined) assert.match(hello.serverName, /^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/);
    const name = random.chance(3) ? await judge?.read(input) : undefined;
    if (name !== undefined && hello.serverName !== undefined)
      assert.equal(name.toLowerCase().replace(/\.$/, ''), hello.serverName, 'the name that OpenSSL reads');
    return `hello ${hello.offersTls13} ${hello.pskIdentities.length} ${hello.sessionTicket?.length ?? '-'} ${hello.serverName === undefined} ${name === undefined}`;
  },
};
