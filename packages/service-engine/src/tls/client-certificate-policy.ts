// The policy for certificates of clients: who is trusted, how far above the client, and what has been revoked.

import type { X509Certificate } from 'node:crypto';
import {
  type ClientCertificatesSnapshot,
  canonicalJson,
  newestRevocationLists,
  type RevocationList,
  sha256Hex,
} from '@limpet/model';
import { type ChainCertificate, chainCertificate, fingerprintOf } from './chain-certificate.ts';

/** OpenSSL's names (X509_V_ERR_…) where it has one, so that both layers of checks speak alike. */
export type CertificateRefusal =
  | 'CERT_UNREADABLE'
  | 'CERT_NOT_YET_VALID'
  | 'CERT_HAS_EXPIRED'
  | 'CERT_REVOKED'
  | 'CERT_CHAIN_TOO_LONG'
  | 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'
  | 'UNABLE_TO_GET_CRL'
  | 'CRL_NOT_YET_VALID'
  | 'CRL_HAS_EXPIRED';

export type CertificateVerdict =
  /** The client's certificate first, a root of the profile last; the client's alone where the chain was not seen. */
  | { readonly kind: 'trusted'; readonly chain: readonly ChainCertificate[] }
  | { readonly kind: 'refused'; readonly reason: CertificateRefusal };

/** Of what a client sends along; OpenSSL takes up to 100 kB. */
export const PRESENTED_MAX = 16;
/** Clients whose chain is remembered, about 10 kB each; who has no certificate of an authority cannot take a place. */
const VERIFIED_MAX = 512;
/** Signatures that one client can have us check: authorities of one name and no end would make a maze. */
const SIGNATURES_MAX = 32;

/**
 * Beside OpenSSL's own verification of a full handshake, never instead of it: that builds a chain by all rules of X.509 (signatures, basic and
 * name constraints, purposes), and knows nothing of a resumed connection. This one holds on every connection.
 */
export class ClientCertificatePolicy {
  readonly required: boolean;
  /** Over all of it, the lists included; not over the name of the profile, which decides nothing. */
  readonly digest: string;
  readonly #depthMax: number;
  readonly #onlyLeafRevocation: boolean;
  readonly #ignorePeerChain: boolean;
  /** By subject. */
  readonly #authorities = new Map<string, ChainCertificate[]>();
  readonly #fingerprints = new Set<string>();
  /** Chains by the fingerprint of the client's certificate, so that its signature is checked once: that costs more than all else here. */
  readonly #verified = new Map<string, readonly ChainCertificate[]>();
  /** By issuer; undefined where nothing is looked up. Their signatures were checked when the configuration was validated. */
  readonly #lists: ReadonlyMap<string, RevocationList> | undefined;

  /** @throws where the snapshot was not validated. */
  constructor({ required, pki, chainDepthMax }: ClientCertificatesSnapshot) {
    this.required = required;
    this.digest = sha256Hex(canonicalJson({ required, chainDepthMax, ...pki, name: '' }));
    this.#depthMax = chainDepthMax;
    this.#onlyLeafRevocation = pki.onlyLeafRevocation;
    this.#ignorePeerChain = pki.ignorePeerChain;
    for (const pem of pki.authorities) {
      const authority = chainCertificate(pem);
      if (authority === undefined) throw new Error(`PKI profile ${pki.name}: a certificate cannot be read`);
      this.#fingerprints.add(authority.fingerprint);
      const { subject } = authority.identity;
      this.#authorities.set(subject, [...(this.#authorities.get(subject) ?? []), authority]);
    }
    this.#lists = pki.revocationLists.length === 0 ? undefined : newestRevocationLists(pki.revocationLists);
  }

  /**
   * Finds a chain to a root of the profile on which every certificate is good.
   *
   * @param leaf DER.
   * @param presented what the client sent along; nothing of it is left in a resumed session, so there the profile has to have the whole chain.
   */
  verify(leaf: Buffer, presented: readonly X509Certificate[], nowS: number): CertificateVerdict {
    const known = this.#verified.get(fingerprintOf(leaf));
    if (known !== undefined && this.stillTrusts(known, nowS)) return { kind: 'trusted', chain: known };
    const certificate = chainCertificate(leaf);
    if (certificate === undefined) return refused('CERT_UNREADABLE');
    const sent = this.#ignorePeerChain
      ? []
      : presented.slice(0, PRESENTED_MAX).flatMap((x509) => chainCertificate(x509) ?? []);
    const search: Search = { sent, nowS, signatures: 0, reason: undefined };
    const problem = this.#problemOf(certificate, true, nowS);
    if (problem !== undefined) return refused(problem);
    const chain = this.#extend([certificate], search);
    if (chain === undefined) return refused(search.reason ?? 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY');
    this.#remember(chain);
    return { kind: 'trusted', chain };
  }

  /**
   * For a chain that OpenSSL has verified in this handshake and that has an authority in it which only the client has: some Nodes do not hand
   * out what a client sent along (nodejs/node#65579; 24.21 and 26.8 among them). Good where nothing is asked that needs to see it.
   */
  verifyUnseen(leaf: Buffer, nowS: number): CertificateVerdict {
    const certificate = chainCertificate(leaf);
    if (certificate === undefined) return refused('CERT_UNREADABLE');
    const problem = this.#problemOf(certificate, true, nowS);
    if (problem !== undefined) return refused(problem);
    if (this.#ignorePeerChain) return refused('UNABLE_TO_GET_ISSUER_CERT_LOCALLY');
    // Whether what was not seen is revoked cannot be looked up.
    if (this.#lists !== undefined && !this.#onlyLeafRevocation) return refused('UNABLE_TO_GET_CRL');
    // What was not seen, and a root.
    if (this.#depthMax < 2) return refused('CERT_CHAIN_TOO_LONG');
    return { kind: 'trusted', chain: [certificate] };
  }

  /**
   * Whether a chain that was trusted by another policy, or at another time, is good by this one now. Signatures do not change; but for them all
   * is looked at anew. A chain that is not good any more may have a sibling that is: the next handshake finds it.
   */
  stillTrusts(chain: readonly ChainCertificate[], nowS: number): boolean {
    // A chain of the client's certificate alone is one that was not seen.
    if (chain.length < 2 || chain.length - 1 > this.#depthMax) return false;
    return chain.every((certificate, index) => {
      const isRoot = index === chain.length - 1;
      if (index > 0 && !this.#fingerprints.has(certificate.fingerprint) && (isRoot || this.#ignorePeerChain))
        return false;
      return this.#problemOf(certificate, index === 0, nowS) === undefined;
    });
  }

  /** Only what a resumed connection could find as well: a chain of authorities of the profile. */
  #remember(chain: readonly ChainCertificate[]): void {
    const [leaf, ...authorities] = chain;
    if (leaf === undefined || !authorities.every(({ fingerprint }) => this.#fingerprints.has(fingerprint)))
      return;
    if (this.#verified.size >= VERIFIED_MAX)
      this.#verified.delete(this.#verified.keys().next().value as string);
    this.#verified.set(leaf.fingerprint, chain);
  }

  /** Depth first; the first chain that is good all along. */
  #extend(chain: readonly ChainCertificate[], search: Search): readonly ChainCertificate[] | undefined {
    const last = chain[chain.length - 1] as ChainCertificate;
    const { issuer, subject } = last.identity;
    if (chain.length > 1 && issuer === subject)
      return this.#fingerprints.has(last.fingerprint) ? chain : undefined;
    const candidates = [
      ...(this.#authorities.get(issuer) ?? []),
      ...search.sent.filter((sent) => sent.identity.subject === issuer),
    ];
    if (candidates.length > 0 && chain.length > this.#depthMax) {
      search.reason = 'CERT_CHAIN_TOO_LONG';
      return undefined;
    }
    for (const candidate of candidates) {
      if (chain.some(({ fingerprint }) => fingerprint === candidate.fingerprint)) continue;
      if (!candidate.x509.ca || !last.x509.checkIssued(candidate.x509)) continue;
      if (++search.signatures > SIGNATURES_MAX) return undefined;
      if (!last.x509.verify(candidate.x509.publicKey)) continue;
      const problem = this.#problemOf(candidate, false, search.nowS);
      if (problem !== undefined) {
        search.reason = problem;
        continue;
      }
      const found = this.#extend([...chain, candidate], search);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #problemOf({ identity }: ChainCertificate, isLeaf: boolean, nowS: number): CertificateRefusal | undefined {
    if (nowS < identity.notBeforeS) return 'CERT_NOT_YET_VALID';
    if (nowS > identity.notAfterS) return 'CERT_HAS_EXPIRED';
    // A root is trusted because it is in the profile; nobody stands above it to revoke it.
    if (identity.issuer === identity.subject && !isLeaf) return undefined;
    if (this.#lists === undefined || (this.#onlyLeafRevocation && !isLeaf)) return undefined;
    const list = this.#lists.get(identity.issuer);
    // Not to know is not to trust: a list that is missing or late is what an attacker who was revoked would wish for.
    if (list === undefined) return 'UNABLE_TO_GET_CRL';
    if (nowS < list.thisUpdateS) return 'CRL_NOT_YET_VALID';
    if (list.nextUpdateS !== undefined && nowS > list.nextUpdateS) return 'CRL_HAS_EXPIRED';
    return list.serials.has(identity.serial) ? 'CERT_REVOKED' : undefined;
  }
}

interface Search {
  readonly sent: readonly ChainCertificate[];
  readonly nowS: number;
  signatures: number;
  /** Why the most promising chain so far came to nothing. */
  reason: CertificateRefusal | undefined;
}

function refused(reason: CertificateRefusal): CertificateVerdict {
  return { kind: 'refused', reason };
}
