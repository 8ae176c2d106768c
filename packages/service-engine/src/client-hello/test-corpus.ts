// Test support: the ClientHellos of real clients, how they must be read, and ways to cut them into other records.

import { readFileSync } from 'node:fs';
import type { ClientHello } from './client-hello.ts';

/** What corpus/expected.json says of a file. Numbers are lists of four hex digits, GREASE left out. */
export interface ExpectedReading {
  readonly serverName?: string;
  readonly supportedVersions: string;
  readonly cipherSuites: string;
  readonly supportedGroups: string;
  readonly signatureAlgorithms: string;
  readonly alpnProtocols: readonly string[];
  readonly offersPskDheKe: boolean;
  readonly sessionTicketBytes?: number;
  readonly pskIdentityBytes: readonly number[];
}

export interface CorpusEntry {
  readonly name: string;
  /** As the client sent it, record header included. */
  readonly bytes: Buffer;
  readonly expected: ExpectedReading;
}

export const corpusUrl = new URL('./corpus/', import.meta.url);

const expectations = JSON.parse(readFileSync(new URL('expected.json', corpusUrl), 'utf8')) as Readonly<
  Record<string, ExpectedReading>
>;

export const corpus: readonly CorpusEntry[] = Object.entries(expectations).map(([name, expected]) => ({
  name,
  expected,
  bytes: Buffer.from(readFileSync(new URL(`${name}.hex`, corpusUrl), 'latin1').replaceAll('\n', ''), 'hex'),
}));

export const corpusNames: readonly string[] = corpus.map(({ name }) => name);

export function corpusBytes(name: string): Buffer {
  const entry = corpus.find((candidate) => candidate.name === name);
  if (entry === undefined) throw new Error(`the corpus has no ${name}`);
  return entry.bytes;
}

/** A parsed hello in the form of corpus/expected.json. */
export function readingOf(hello: ClientHello): ExpectedReading {
  const digits = (values: readonly number[]): string =>
    values.map((value) => value.toString(16).padStart(4, '0')).join(' ');
  return {
    ...(hello.serverName === undefined ? {} : { serverName: hello.serverName }),
    supportedVersions: digits(hello.supportedVersions),
    cipherSuites: digits(hello.cipherSuites),
    supportedGroups: digits(hello.supportedGroups),
    signatureAlgorithms: digits(hello.signatureAlgorithms),
    alpnProtocols: hello.alpnProtocols,
    offersPskDheKe: hello.offersPskDheKe,
    ...(hello.sessionTicket === undefined ? {} : { sessionTicketBytes: hello.sessionTicket.length }),
    pskIdentityBytes: hello.pskIdentities.map((identity) => identity.length),
  };
}

export function record(payload: Buffer, type = 22): Buffer {
  return Buffer.concat([Buffer.from([type, 3, 1, payload.length >> 8, payload.length & 0xff]), payload]);
}

/** The message of one record in records of these sizes, over and over. */
export function recut(bytes: Buffer, sizes: readonly number[]): Buffer {
  const message = bytes.subarray(5);
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; ) {
    const size = sizes[records.length % sizes.length] as number;
    records.push(record(message.subarray(at, at + size)));
    at += size;
  }
  return Buffer.concat(records);
}
