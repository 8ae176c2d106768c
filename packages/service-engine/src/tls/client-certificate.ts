// The verified certificate of a client, in the words that servers and records are told.

import { signatureAlgorithms } from '@limpet/model';
import type { ChainCertificate } from './chain-certificate.ts';

/** Made of a chain that was trusted; words are made when they are asked for. All of them are one line of printable ASCII. */
export class ClientCertificate {
  /** As the policy found it: the client's own first. */
  readonly chain: readonly ChainCertificate[];

  constructor(chain: readonly ChainCertificate[]) {
    this.chain = chain;
  }

  get #leaf(): ChainCertificate {
    return this.chain[0] as ChainCertificate;
  }

  get notAfterS(): number {
    return this.#leaf.identity.notAfterS;
  }

  get subject(): string {
    return distinguishedName(this.#leaf.x509.subject);
  }

  get issuer(): string {
    return distinguishedName(this.#leaf.x509.issuer);
  }

  /** Upper-case hex. */
  get serial(): string {
    return this.#leaf.identity.serial;
  }

  /** SHA-256 over the DER, lower-case hex. */
  get fingerprint(): string {
    return this.#leaf.fingerprint;
  }

  /** DER as a byte sequence of RFC 9440: base64 between colons. */
  get byteSequence(): string {
    return `:${this.#leaf.x509.raw.toString('base64')}:`;
  }

  /** PEM, percent-encoded. */
  get escapedPem(): string {
    return encodeURIComponent(this.#leaf.x509.toString());
  }

  /** 1 to 3. */
  get version(): number {
    return this.#leaf.identity.version;
  }

  /** OpenSSL's name, or the object identifier. */
  get signatureAlgorithm(): string {
    const { signatureAlgorithm } = this.#leaf.identity;
    return signatureAlgorithms.get(signatureAlgorithm)?.name ?? signatureAlgorithm;
  }

  /** RFC 3339, in seconds. */
  get notBefore(): string {
    return rfc3339(this.#leaf.identity.notBeforeS);
  }

  get notAfter(): string {
    return rfc3339(this.#leaf.identity.notAfterS);
  }
}

function rfc3339(timeS: number): string {
  return new Date(timeS * 1000).toISOString().replace('.000', '');
}

/**
 * A name as RFC 4514 writes it: last part first, joined by commas. node:crypto gives one part a line, first part first, each escaped as RFC 2253
 * asks for, control characters too, so that a line break in a name is none here. What is not ASCII becomes the hex of its UTF-8.
 */
export function distinguishedName(lines: string): string {
  const name = lines
    .split('\n')
    .reverse()
    // Parts of one level; a plus in a value is escaped.
    .map((line) => line.replaceAll(' + ', '+'))
    .join(',');
  return name.replace(/[^\x20-\x7e]+/g, (text) =>
    [...Buffer.from(text, 'utf8')]
      .map((byte) => `\\${byte.toString(16).padStart(2, '0').toUpperCase()}`)
      .join(''),
  );
}
