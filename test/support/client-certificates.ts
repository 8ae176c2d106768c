// The bed of tests of client certificates: an engine that asks for them, and a server that answers with what it was told of the client.

import assert from 'node:assert/strict';
import {
  type Certificate,
  type DemoConfigurationOptions,
  type TemporaryCa,
  TicketClient,
  type TicketClientOptions,
} from '@limpet/testkit';
import { eventually } from './engine.ts';
import { type OneEngine, startOneEngine } from './one-engine.ts';
import { type OriginServer, startOriginServer } from './origin-server.ts';

export type Mode = 'NONE' | 'REQUEST' | 'REQUIRE';

export const bothTlsVersions = ['TLSv1.3', 'TLSv1.2'] as const;

/** Fields that a server could take for what the engine says of a client. */
const ABOUT_CLIENT = /^(x[^a-z]ssl[^a-z]client|client[^a-z]cert|x[^a-z]user)/;

/** Answers with the fields about the client as they came, names and values, in JSON; those of trailers, too. */
export function startTellingServer(name = 'origin'): Promise<OriginServer> {
  return startOriginServer((request, response) => {
    response.setHeader('x-demo-server', name);
    request.resume();
    request.once('end', () => {
      const told: Record<string, string> = {};
      for (const lines of [request.rawHeaders, request.rawTrailers]) {
        for (let index = 0; index + 1 < lines.length; index += 2) {
          const name = (lines[index] as string).toLowerCase();
          if (ABOUT_CLIENT.test(name))
            told[name] = [told[name], lines[index + 1]].filter(Boolean).join(' | ');
        }
      }
      response.end(JSON.stringify(told));
    });
  });
}

export interface CertificateBed extends OneEngine {
  /** Puts another mode or profile into effect, if it is another. */
  change(mode: Mode, profile: object, http?: object): Promise<void>;
  /** The newest record of a connection, once there are as many. */
  connectionRecord(count: number): Promise<Record<string, unknown>>;
}

export async function startCertificateBed(
  origin: OriginServer,
  mode: Mode,
  profile: object,
  action?: object,
  more: Partial<DemoConfigurationOptions> = {},
): Promise<CertificateBed> {
  const options = (mode: Mode, profile: object, http: object = {}) => ({
    ...more,
    httpProfile: {
      ...http,
      ssl_client_certificate_mode: `SSL_CLIENT_CERTIFICATE_${mode}`,
      ...(mode === 'NONE' ? {} : { pki_profile_ref: 'clients' }),
      ...(action === undefined ? {} : { ssl_client_certificate_action: action }),
    },
    objects: { PKIProfile: [{ name: 'clients', crl_check: false, ...profile }] },
  });
  let inEffect = JSON.stringify(options(mode, profile));
  const bed = await startOneEngine(origin, options(mode, profile));
  const connections = () => bed.engine.records().filter(({ record }) => record === 'connection');
  return {
    ...bed,
    change: async (mode, profile, http) => {
      const next = options(mode, profile, http);
      // An engine does not apply what it has.
      if (JSON.stringify(next) === inEffect) return;
      inEffect = JSON.stringify(next);
      await bed.reload(next);
    },
    connectionRecord: async (count) => {
      await eventually(() => connections().length >= count, `${count} connections are recorded`);
      return connections().at(-1) as Record<string, unknown>;
    },
  };
}

/** ca_certs of a PKIProfile. */
export function authorities(...cas: readonly TemporaryCa[]) {
  return { ca_certs: cas.map(({ certificatePem }) => ({ certificate: certificatePem })) };
}

/** crls of a PKIProfile: the list of each authority, the first with these certificates revoked. */
export async function lists(cas: readonly TemporaryCa[], ...revoked: readonly Certificate[]) {
  const bodies = cas.map((ca, index) =>
    ca.revocationList({ revoked: index > 0 ? [] : revoked.map(({ certificatePem }) => certificatePem) }),
  );
  return { crl_check: true, crls: (await Promise.all(bodies)).map((body) => ({ body })) };
}

/** A certificate with that of its issuer, as a client sends both. */
export function chained(leaf: Certificate, ...above: readonly TemporaryCa[]): Certificate {
  const chain = [leaf, ...above].map(({ certificatePem }) => certificatePem);
  return { ...leaf, certificatePem: chain.join('') };
}

export function clientWith(
  certificate: Certificate | undefined,
  version: NonNullable<TicketClientOptions['version']> = 'TLSv1.3',
): TicketClient {
  const tls = certificate && { cert: certificate.certificatePem, key: certificate.privateKeyPem };
  return new TicketClient({ version, ...(tls === undefined ? {} : { tls }) });
}

export interface Visit {
  readonly reused: boolean;
  /** What the server was told of the client; undefined: nothing has reached it. */
  readonly told: Readonly<Record<string, string>> | undefined;
  /** Name of the server; '' where none was reached. */
  readonly server: string;
  /** Code of the client's error, or ''. */
  readonly error: string;
}

/** One connection with one request, that may be refused. */
export async function visit(
  client: TicketClient,
  port: number,
  session: Buffer | 'own' = 'own',
): Promise<Visit> {
  try {
    const { reused, body, status, server } = await client.visit(port, '/', session);
    assert.equal(status, 200);
    return { reused, told: JSON.parse(body) as Record<string, string>, server, error: '' };
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    return {
      reused: false,
      told: undefined,
      server: '',
      error: String((error as { code?: string }).code ?? error),
    };
  }
}
