// ClientHellos made by hand, with as many PSK identities as wanted.

import { createECDH, randomBytes } from 'node:crypto';

/** A TLS 1.2 ClientHello (ECDHE with P-256) that offers this ticket. */
export function clientHelloWithTicket(ticket: Buffer): Buffer {
  return clientHello(0xc02b, [
    extension(10, vector(2, uint16(0x0017))),
    extension(11, vector(1, Buffer.from([0]))),
    extension(13, vector(2, uint16(0x0403))),
    extension(23, Buffer.alloc(0)),
    extension(35, ticket),
  ]);
}

/** A TLS 1.3 ClientHello (P-256, TLS_AES_128_GCM_SHA256) that offers these tickets, in as many records as it needs. */
export function clientHelloWithIdentities(identities: readonly Buffer[]): Buffer {
  const share = createECDH('prime256v1').generateKeys();
  return clientHello(0x1301, [
    extension(43, vector(1, uint16(0x0304))),
    extension(10, vector(2, uint16(0x0017))),
    extension(13, vector(2, uint16(0x0403))),
    extension(45, vector(1, Buffer.from([1]))),
    extension(51, vector(2, Buffer.concat([uint16(0x0017), vector(2, share)]))),
    extension(
      41,
      Buffer.concat([
        vector(
          2,
          Buffer.concat(identities.map((identity) => Buffer.concat([vector(2, identity), randomBytes(4)]))),
        ),
        vector(2, Buffer.concat(identities.map(() => vector(1, randomBytes(32))))),
      ]),
    ),
  ]);
}

function clientHello(cipherSuite: number, extensions: readonly Buffer[]): Buffer {
  const body = Buffer.concat([
    uint16(0x0303),
    randomBytes(32),
    vector(1, randomBytes(32)),
    vector(2, uint16(cipherSuite)),
    vector(1, Buffer.from([0])),
    vector(2, Buffer.concat(extensions)),
  ]);
  const length = Buffer.alloc(3);
  length.writeUIntBE(body.length, 0, 3);
  return records(Buffer.concat([Buffer.from([1]), length, body]));
}

function records(message: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < message.length; at += 16_384) {
    parts.push(Buffer.from([22, 3, 1]), vector(2, message.subarray(at, at + 16_384)));
  }
  return Buffer.concat(parts);
}

function extension(type: number, data: Buffer): Buffer {
  return Buffer.concat([uint16(type), vector(2, data)]);
}

function vector(lengthBytes: 1 | 2, data: Buffer): Buffer {
  const length = Buffer.alloc(lengthBytes);
  length.writeUIntBE(data.length, 0, lengthBytes);
  return Buffer.concat([length, data]);
}

function uint16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}
