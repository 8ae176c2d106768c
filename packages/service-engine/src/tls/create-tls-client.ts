// Making the TLS in which the engine is the client from its configuration.

import { constants } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { PkiSnapshot, TlsClientSnapshot } from '@limpet/model';
import type { TlsClient } from '../channel/tls-client.ts';
import type { Clock } from '../lifecycle/clock.ts';
import { presentedAbove } from './admit-client.ts';
import { ClientCertificatePolicy } from './client-certificate-policy.ts';

// A server that asks for a new handshake in the middle gets none (R16).
const SECURE_OPTIONS = constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION;

/**
 * @param secrets private keys (PEM) by their hash.
 * @throws where OpenSSL refuses a certificate, a key or a revocation list.
 */
export function createTlsClient(
  client: TlsClientSnapshot,
  secrets: ReadonlyMap<string, string>,
  clock: Clock,
): TlsClient {
  const { certificate, pki } = client;
  const context = createSecureContext({
    minVersion: client.minVersion,
    maxVersion: client.maxVersion,
    ciphers: client.ciphers,
    ...(client.groups === undefined ? {} : { ecdhCurve: client.groups }),
    ...(client.signatureAlgorithms === undefined ? {} : { sigalgs: client.signatureAlgorithms }),
    secureOptions: SECURE_OPTIONS,
    // Only these: a public authority has no say in who is a server of the pool.
    ...(pki === undefined ? {} : { ca: [...pki.authorities] }),
    ...(certificate === undefined
      ? {}
      : { cert: certificate.chainPem, key: secrets.get(certificate.keyHash) ?? '' }),
  });
  const judge = pki === undefined ? undefined : judgeBy(pki, clock);
  return { context, verifies: pki !== undefined, ...(judge === undefined ? {} : { judge }) };
}

/** Of authorities above a server's certificate; the PKI profile's own limit speaks of clients. */
const CHAIN_DEPTH_MAX = 10;

/** Lists of the leaf's authority alone, and a chain of the profile's authorities alone, are nothing that OpenSSL can be asked for here. */
function judgeBy(pki: PkiSnapshot, clock: Clock): TlsClient['judge'] {
  if (pki.revocationLists.length === 0 && !pki.ignorePeerChain) return undefined;
  const policy = new ClientCertificatePolicy({ required: true, pki, chainDepthMax: CHAIN_DEPTH_MAX });
  return (certificate) => {
    const nowS = Math.floor(clock.unixMs() / 1000);
    const presented = presentedAbove(certificate);
    let verdict = policy.verify(certificate.raw, presented, nowS);
    const isUnseen = verdict.kind === 'refused' && verdict.reason === 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY';
    if (isUnseen && presented.length === 0) verdict = policy.verifyUnseen(certificate.raw, nowS);
    return verdict.kind === 'refused' ? verdict.reason : undefined;
  };
}
