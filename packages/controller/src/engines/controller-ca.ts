// The Controller's own authority: made at first start, its key sealed in the vault; it signs who an engine is, and who the Controller is.

import 'reflect-metadata';
import { createHash, webcrypto } from 'node:crypto';
import { CONTROLLER_NAME, LimpetError } from '@limpet/model';
import * as x509 from '@peculiar/x509';
import type { Clock } from '../lifecycle/clock.ts';
import type { RandomSource } from '../lifecycle/random.ts';
import type { ObjectStore, VaultRecord } from '../store/object-store.ts';
import type { SecretBox } from '../store/secret-box.ts';

const RECORD = { kind: 'controller-ca', id: 'ca' } as const;
const PURPOSE = 'controller-ca/key';
const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
const CA_DAYS = 7300;
/** Clocks of engines may be behind. */
const BACKDATED_MS = DAY_MS;

export interface CertificateAndKey {
  /** With the authority's own after it. */
  readonly chainPem: string;
  readonly privateKeyPem: string;
  readonly notAfterMs: number;
}

export interface EngineCertificate {
  readonly certificatePem: string;
  /** Hex, as Node says it of a peer. */
  readonly serial: string;
  readonly notAfterMs: number;
}

export interface CaServices {
  readonly store: Pick<ObjectStore, 'commit'>;
  readonly secretBox: SecretBox;
  readonly clock: Clock;
  readonly random: RandomSource;
}

x509.cryptoProvider.set(webcrypto as unknown as typeof globalThis.crypto);

export class ControllerCa {
  readonly certificatePem: string;
  /** SHA-256 of the certificate, base64url: what a token tells an engine. */
  readonly fingerprint: string;
  readonly #certificate: x509.X509Certificate;
  readonly #key: webcrypto.CryptoKey;
  readonly #services: CaServices;

  private constructor(certificatePem: string, key: webcrypto.CryptoKey, services: CaServices) {
    this.certificatePem = certificatePem;
    this.#certificate = new x509.X509Certificate(certificatePem);
    this.fingerprint = createHash('sha256')
      .update(Buffer.from(this.#certificate.rawData))
      .digest('base64url');
    this.#key = key;
    this.#services = services;
  }

  /** That of the vault, or a new one. @throws LimpetError SECRET_UNREADABLE: another master key. */
  static async open(services: CaServices, vault: readonly VaultRecord[]): Promise<ControllerCa> {
    const record = vault.find(({ kind }) => kind === RECORD.kind);
    if (record === undefined) return ControllerCa.#create(services);
    const { certificate, sealed_key: sealed } = record.value;
    const pem = services.secretBox.open(PURPOSE, String(sealed));
    const pkcs8 = Buffer.from(pem, 'base64');
    const key = await webcrypto.subtle.importKey('pkcs8', pkcs8, EC, false, ['sign']);
    pkcs8.fill(0);
    return new ControllerCa(String(certificate), key, services);
  }

  static async #create(services: CaServices): Promise<ControllerCa> {
    const keys = await generateKeys();
    const nowMs = services.clock.unixMs();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      // A number of its own, so that the authorities of two Controllers are not taken for each other.
      name: `CN=Limpet Controller ${services.random.bytes(4).toString('hex')}`,
      serialNumber: newSerial(services.random),
      keys,
      notBefore: new Date(nowMs - BACKDATED_MS),
      notAfter: new Date(nowMs + CA_DAYS * DAY_MS),
      signingAlgorithm: EC,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ],
    });
    const certificatePem = `${certificate.toString('pem')}\n`;
    const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
    const sealed = services.secretBox.seal(PURPOSE, pkcs8.toString('base64'));
    pkcs8.fill(0);
    await services.store.commit({
      ...{
        atUs: Math.floor(nowMs * 1000),
        actor: { user: 'system' },
        summary: 'make the authority of the Controller',
      },
      objects: [],
      vault: [
        { kind: 'put', record: { ...RECORD, value: { certificate: certificatePem, sealed_key: sealed } } },
      ],
    });
    return new ControllerCa(certificatePem, keys.privateKey, services);
  }

  /**
   * A certificate for the key of a request, for nothing but to be this engine. What else the request asks for is passed over.
   *
   * @throws LimpetError ENROLMENT_REFUSED where it is no request, or not signed by its key.
   */
  async issueEngine(engineUuid: string, requestPem: string, days: number): Promise<EngineCertificate> {
    const request = await readRequest(requestPem);
    const certificate = await this.#issue(`CN=${engineUuid}`, request.publicKey, days, [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
    ]);
    return {
      certificatePem: `${certificate.toString('pem')}\n`,
      serial: certificate.serialNumber.toUpperCase(),
      notAfterMs: certificate.notAfter.getTime(),
    };
  }

  /** For an end of the Controller: its link, its API. */
  async issueServer(
    dnsNames: readonly string[],
    ipAddresses: readonly string[],
    days: number,
  ): Promise<CertificateAndKey> {
    const keys = await generateKeys();
    const certificate = await this.#issue(`CN=${dnsNames[0] ?? CONTROLLER_NAME}`, keys.publicKey, days, [
      new x509.SubjectAlternativeNameExtension([
        ...dnsNames.map((value) => ({ type: 'dns', value }) as const),
        ...ipAddresses.map((value) => ({ type: 'ip', value }) as const),
      ]),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    ]);
    const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
    return {
      chainPem: `${certificate.toString('pem')}\n${this.certificatePem}`,
      privateKeyPem: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'),
      notAfterMs: certificate.notAfter.getTime(),
    };
  }

  #issue(
    subject: string,
    publicKey: x509.PublicKey | webcrypto.CryptoKey,
    days: number,
    extensions: x509.Extension[],
  ): Promise<x509.X509Certificate> {
    const nowMs = this.#services.clock.unixMs();
    return x509.X509CertificateGenerator.create({
      serialNumber: newSerial(this.#services.random),
      subject,
      issuer: this.#certificate.subject,
      publicKey,
      signingKey: this.#key,
      notBefore: new Date(nowMs - BACKDATED_MS),
      notAfter: new Date(nowMs + days * DAY_MS),
      signingAlgorithm: EC,
      extensions: [...extensions, new x509.BasicConstraintsExtension(false, undefined, true)],
    });
  }
}

async function readRequest(requestPem: string): Promise<x509.Pkcs10CertificateRequest> {
  try {
    const request = new x509.Pkcs10CertificateRequest(requestPem);
    // What it proves is that whoever asks holds the key.
    if (await request.verify()) return request;
  } catch {
    // No PEM, no PKCS #10, a key of an unknown kind.
  }
  throw new LimpetError('ENROLMENT_REFUSED', 'the certificate request is not valid');
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(EC, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>;
}

/** 16 random bytes, positive, and none of them a leading zero, which one library would show and another not. */
function newSerial(random: RandomSource): string {
  const bytes = random.bytes(16);
  bytes[0] = ((bytes[0] as number) & 0x3f) | 0x40;
  return bytes.toString('hex');
}
