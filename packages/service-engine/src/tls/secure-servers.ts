// The secure servers of one virtual service: one un-listened tls.Server for each server of the pool and certificate name, made on first use.

import { constants } from 'node:crypto';
import { createServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import { type ClientCertificatesSnapshot, canonicalJson, sha256Hex, type TlsSnapshot } from '@limpet/model';
import type { Clock } from '../lifecycle/clock.ts';
import type { RandomSource } from '../lifecycle/random.ts';
import type { KeyRing } from '../session-ticket/key-ring.ts';
import { TicketBinding } from '../session-ticket/ticket-binding.ts';
import { ClientCertificatePolicy } from './client-certificate-policy.ts';
import { certificatesFor, sessionIdContext } from './tls-policy.ts';

export interface SecureServer {
  readonly tlsServer: TlsServer;
  readonly tickets: TicketBinding;
  /** By whose authorities OpenSSL verifies the certificates of clients; absent where none is asked for. */
  readonly clientCertificates: ClientCertificatePolicy | undefined;
}

export interface SecureServerListener {
  onSecure(socket: TLSSocket): void;
  onHandshakeError(error: Error, socket: TLSSocket): void;
  onSeal(renewed: boolean): void;
}

export interface SecureServersOptions {
  readonly virtualServiceUuid: string;
  readonly tls: TlsSnapshot;
  /** Private keys (PEM) by their hash. */
  readonly secrets: ReadonlyMap<string, string>;
  readonly ring: () => KeyRing;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly listener: SecureServerListener;
}

/** Contexts kept at a time, about 40 kB each; the one that was not used for longest goes first. Handshakes under way keep theirs. */
export const CONTEXTS_MAX = 512;

// Renegotiation lets a client make the server pay handshakes for ever, and changes who it is in the middle (R16).
const SECURE_OPTIONS = constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION;

/**
 * Not tls.TLSSocket by hand: that accepts untrusted client certificates, ignores the handshake timeout and loses errors. A tls.Server
 * that is fed by `emit('connection', socket)` does none of that and costs the same.
 */
export class SecureServers {
  readonly #options: Omit<SecureServersOptions, 'secrets'>;
  /**
   * Private keys of its own certificates, by their hash. It may outlive many configurations: the keys of all others, which came with its own, would stay
   * with it, and those of certificates that are gone.
   */
  readonly #privateKeys: ReadonlyMap<string, string>;
  readonly #byKey = new Map<string, SecureServer>();
  /** Absent where clients are asked for no certificate. */
  readonly clientCertificates: ClientCertificatePolicy | undefined;
  /** Of what OpenSSL is given: where it has taken the same once, it takes it again. */
  readonly settingsHash: string;

  constructor({ secrets, ...options }: SecureServersOptions) {
    this.#options = options;
    this.settingsHash = sha256Hex(canonicalJson(options.tls));
    const { certificates, clientCertificates } = options.tls;
    this.#privateKeys = new Map(certificates.map(({ keyHash }) => [keyHash, secrets.get(keyHash) ?? '']));
    this.clientCertificates =
      clientCertificates === undefined ? undefined : new ClientCertificatePolicy(clientCertificates);
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** Makes what the first clients need. @throws where OpenSSL refuses a certificate, its key or a list of ciphers: better now than with a client. */
  prove(): void {
    this.get(0, '');
    for (const { dnsNames } of this.#options.tls.certificates) this.get(0, dnsNames[0] ?? '');
  }

  /**
   * @param serverId what its tickets will name.
   * @param certificateName as {@link matchCertificateName} gives it.
   */
  get(serverId: number, certificateName: string): SecureServer {
    const key = `${serverId}|${certificateName}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      // Maps keep the order of insertion: to the end with it, so that the first is the one not used for longest.
      if (this.#byKey.size >= CONTEXTS_MAX) {
        this.#byKey.delete(key);
        this.#byKey.set(key, known);
      }
      return known;
    }
    const made = this.#create(serverId, certificateName);
    if (this.#byKey.size >= CONTEXTS_MAX) this.#byKey.delete(this.#byKey.keys().next().value as string);
    this.#byKey.set(key, made);
    return made;
  }

  #create(serverId: number, certificateName: string): SecureServer {
    const { virtualServiceUuid, tls, ring, clock, random, listener } = this.#options;
    const certificates = certificatesFor(tls.certificates, certificateName);
    const tlsServer = createServer({
      cert: certificates.map(({ chainPem }) => chainPem),
      key: certificates.map(({ keyHash }) => this.#privateKeys.get(keyHash) ?? ''),
      minVersion: tls.minVersion,
      maxVersion: tls.maxVersion,
      ciphers: tls.ciphers,
      honorCipherOrder: tls.honorCipherOrder,
      ...(tls.groups === undefined ? {} : { ecdhCurve: tls.groups }),
      ...(tls.signatureAlgorithms === undefined ? {} : { sigalgs: tls.signatureAlgorithms }),
      sessionTimeout: tls.sessionTimeoutS,
      sessionIdContext: sessionIdContext(
        virtualServiceUuid,
        tls,
        certificateName,
        certificates,
        this.clientCertificates?.digest,
      ),
      ...(tls.clientCertificates === undefined ? {} : verificationOptions(tls.clientCertificates)),
      secureOptions: SECURE_OPTIONS,
      ALPNProtocols: tls.http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
      // The deadline of the connection covers the handshake, too; two would only race.
      handshakeTimeout: 0,
    });
    const tickets = new TicketBinding(tlsServer, {
      serverId,
      ring,
      sessionReuse: tls.sessionReuse,
      clock,
      random,
      onSeal: (renewed) => listener.onSeal(renewed),
    });
    tlsServer.on('secureConnection', (socket) => listener.onSecure(socket));
    tlsServer.on('tlsClientError', (error, socket) => listener.onHandshakeError(error, socket));
    return { tlsServer, tickets, clientCertificates: this.clientCertificates };
  }
}

/**
 * Where a certificate is required OpenSSL refuses who shows none, with an alert, and Node who shows one that does not verify. Where it is not,
 * a bad one has to reach {@link admitClient}, which tells it from none. Not Node's `crl`: it would be looked at in full handshakes only, and for every
 * authority of a chain.
 */
function verificationOptions({ required, pki }: ClientCertificatesSnapshot) {
  return { requestCert: true, rejectUnauthorized: required, ca: [...pki.authorities] };
}
