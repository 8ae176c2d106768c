// What proves that a ticket or a cookie is genuine is compared in constant time, by construction: read from the sources (R3).

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';

const root = join(import.meta.dirname, '..');
const sources = new Map(
  globSync('packages/{model,service-engine,controller,cli}/src/**/*.ts', { cwd: root })
    .filter((file) => !/\.(test|conformance)\.ts$|\/test-[^/]*\.ts$/.test(file))
    .map((file) => [file, withoutComments(readFileSync(join(root, file), 'utf8'))]),
);

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(?<=^|\s)\/\/.*$/gm, '');
}

function filesWith(pattern: RegExp): string[] {
  return [...sources]
    .filter(([, text]) => pattern.test(text))
    .map(([file]) => file)
    .sort();
}

const ENGINE = 'packages/service-engine/src';

describe('a secret', () => {
  it('is compared by timingSafeEqual, or by OpenSSL where it is the tag of AES-GCM (R3)', () => {
    // Whoever makes a MAC of what a client sent compares it; only the client key, and the key of a map of passwords that were right, are never shown to anybody.
    const macs = filesWith(/\bcreateHmac\(/);
    assert.deepEqual(macs, [
      'packages/controller/src/users/local-authenticator.ts',
      `${ENGINE}/load-balancing/client-key.ts`,
      `${ENGINE}/session-ticket/ticket-key.ts`,
    ]);
    const ticketKey = sources.get(`${ENGINE}/session-ticket/ticket-key.ts`) as string;
    assert.match(
      ticketKey,
      /createHmac\([^;]*\.digest\(\);\s*return timingSafeEqual\(mac, ticket\.subarray\(signed\)\);/,
      'all 32 bytes of the MAC, and nothing but the comparison decides',
    );
    // Without authTagLength OpenSSL would take a tag of four bytes (nodejs DEP0182).
    const opened = filesWith(/\bsetAuthTag\(/);
    assert.deepEqual(opened, [
      'packages/controller/src/store/secret-box.ts',
      `${ENGINE}/session-ticket/cookie-key.ts`,
      `${ENGINE}/source/controller/state-folder.ts`,
    ]);
    for (const file of opened) {
      const made = sources
        .get(file)
        ?.match(/createDecipheriv\([^;]*?\{\s*authTagLength: TAG_BYTES,?\s*\}\)?/g);
      assert.equal(made?.length, sources.get(file)?.match(/\bcreateDecipheriv\(/g)?.length, file);
    }
  });

  it('is nowhere compared byte by byte until one differs (R3)', () => {
    const early = /\.equals\(|\.compare\(|\.localeCompare\(/;
    const folders = ['session-ticket', 'persistence', 'http/persistence-cookie'];
    for (const [file, text] of sources) {
      if (folders.some((folder) => file.startsWith(`${ENGINE}/${folder}`)))
        assert.doesNotMatch(text, early, file);
    }
    // Signatures that stand in the specification of the PROXY protocol, parts of one certificate, the head of a file.
    assert.deepEqual(filesWith(/\.equals\(/), [
      'packages/model/src/revocation-list.ts',
      `${ENGINE}/proxy-protocol/parse-proxy-header.ts`,
      `${ENGINE}/source/controller/state-folder.ts`,
    ]);
  });

  it('in a ticket is believed only behind the verification of all of it (R3)', () => {
    const openTicket = sources.get(`${ENGINE}/session-ticket/open-ticket.ts`) as string;
    const verified = openTicket.indexOf('!key.verifies(ticket)) continue;');
    const decoded = openTicket.indexOf('decodeServerMapping(block)');
    assert.ok(verified > 0 && decoded > verified, 'nothing of a mapping is decoded before it');
    assert.deepEqual(filesWith(/\bdecodeServerMapping\((?!block: Buffer)/), [
      `${ENGINE}/session-ticket/open-ticket.ts`,
    ]);
  });
});
