// The client key: what makes the ticketless connections of one client alike, and unlike those of others, without telling who it is.

import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { isIPv6 } from 'node:net';

/** What of a ClientHello goes into the key: not the order of extensions nor ALPN, which one client varies. Lists are without GREASE. */
export interface ClientFingerprint {
  readonly serverName: string | undefined;
  readonly cipherSuites: readonly number[];
  readonly supportedGroups: readonly number[];
  readonly signatureAlgorithms: readonly number[];
  readonly supportedVersions: readonly number[];
}

export interface ClientKey {
  /** 16 bits that go into the ticket. */
  readonly affinityKey: number;
  /** 64 bits as two words, for counting crowds. */
  readonly crowdHash: readonly [number, number];
}

/** 16 bits of an address (and a port), for hashing by them: what those that know the secret agree on, and nobody else can aim at. */
export function addressKeyOf(secret: Buffer, clientIp: string, clientPort?: number): number {
  return digestOf(
    secret,
    `${addressBlock(clientIp)}${clientPort === undefined ? '' : ` ${clientPort}`}`,
  ).readUInt16BE(0);
}

/** What is worth keeping of a ClientHello as long as its connection: this, and not the bytes that it is a view on. */
export function fingerprintOf(hello: ClientFingerprint): ClientFingerprint {
  const { serverName, cipherSuites, supportedGroups, signatureAlgorithms, supportedVersions } = hello;
  return { serverName, cipherSuites, supportedGroups, signatureAlgorithms, supportedVersions };
}

const keyObjects = new WeakMap<Buffer, KeyObject>();

/** HMAC-SHA256 under the fleet's secret: who has no secret can neither predict a key nor read an address from it. */
export function clientKeyOf(
  secret: Buffer,
  clientIp: string,
  fingerprint: ClientFingerprint | undefined,
): ClientKey {
  const parts =
    fingerprint === undefined
      ? ''
      : [
          fingerprint.serverName ?? '',
          fingerprint.cipherSuites.join(),
          fingerprint.supportedGroups.join(),
          fingerprint.signatureAlgorithms.join(),
          fingerprint.supportedVersions.join(),
        ].join('|');
  const digest = digestOf(secret, `${addressBlock(clientIp)}|${parts}`);
  return {
    affinityKey: digest.readUInt16BE(0),
    crowdHash: [digest.readUInt32BE(4), digest.readUInt32BE(8)],
  };
}

function digestOf(secret: Buffer, text: string): Buffer {
  let key = keyObjects.get(secret);
  if (key === undefined) {
    key = createSecretKey(secret);
    keyObjects.set(secret, key);
  }
  return createHmac('sha256', key).update(text).digest();
}

/** An IPv4 address, or the /64 that one IPv6 host moves about in. */
function addressBlock(ip: string): string {
  if (!isIPv6(ip)) return ip;
  const [head = '', tail] = (ip.split('%')[0] as string).split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  const groups = [...left, ...Array<string>(Math.max(0, zeros)).fill('0'), ...right];
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
