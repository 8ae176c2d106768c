// What an engine asks of the Controller's API, without a login: to be enrolled, and where the link listens.

import { createHash, X509Certificate } from 'node:crypto';
import { request } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { enrolmentTokenHash, LimpetError, parseEnrolmentToken } from '@limpet/model';
import type { Clock } from '../../lifecycle/clock.ts';
import type { Deadlines } from '../../lifecycle/deadlines.ts';
import { createCertificateRequest } from './certificate-request.ts';
import type { EngineIdentity } from './state-folder.ts';

const TIMEOUT_MS = 15_000;
const ANSWER_MAX_BYTES = 65_536;
/** Of certificates that are looked at. */
const CHAIN_MAX = 8;

/**
 * Enrols at a Controller whose authority the token names.
 *
 * @throws LimpetError CONTROLLER_UNREACHABLE, CONTROLLER_NOT_TRUSTED (then nothing was sent), ENROLMENT_REFUSED.
 */
export async function enrolEngine(
  controllerUrl: string,
  token: string,
  engineName: string,
  clock: Clock,
  deadlines: Deadlines,
): Promise<EngineIdentity> {
  const parsed = parseEnrolmentToken(token);
  const { caFingerprint } = parsed;
  const { privateKeyPem, requestPem } = createCertificateRequest(engineName);
  const body = JSON.stringify({ token, name: engineName, certificate_request: requestPem });
  const answer = await ask(new URL('/api/engine-link/enrol', controllerUrl), body, deadlines, (socket) =>
    requireAuthority(socket, caFingerprint, clock.unixMs()),
  );
  const { engine_uuid: engineUuid, certificate: certificatePem, ca: caPem, port: linkPort } = answer;
  if (
    typeof engineUuid !== 'string' ||
    typeof certificatePem !== 'string' ||
    typeof caPem !== 'string' ||
    typeof linkPort !== 'number'
  )
    throw new LimpetError('ENROLMENT_REFUSED', 'the answer is none that an enrolment has');
  // Also where the API has a certificate of somebody else's: what the link goes by is what the token says.
  if (fingerprintOf(new X509Certificate(caPem).raw) !== caFingerprint)
    throw new LimpetError('CONTROLLER_NOT_TRUSTED');
  return {
    engineUuid,
    engineName,
    certificatePem,
    privateKeyPem,
    caPem,
    controllerUrl,
    linkPort,
    enrolledBy: enrolmentTokenHash(parsed),
  };
}

/** Where the link listens now. Nothing is trusted in the answer: at that port the Controller has to show its certificate. */
export async function askLinkPort(controllerUrl: string, deadlines: Deadlines): Promise<number> {
  const { port } = await ask(new URL('/api/engine-link', controllerUrl), undefined, deadlines, () => {});
  if (typeof port !== 'number')
    throw new LimpetError('CONTROLLER_UNREACHABLE', 'it does not say where its link is');
  return port;
}

/** @param verify throws before anything is sent. */
function ask(
  url: URL,
  body: string | undefined,
  deadlines: Deadlines,
  verify: (socket: TLSSocket) => void,
): Promise<Readonly<Record<string, unknown>>> {
  return new Promise((resolve, reject) => {
    const asked = request(url, {
      method: body === undefined ? 'GET' : 'POST',
      headers:
        body === undefined
          ? {}
          : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
      // Judged below: by the fingerprint of the token, or as any client does.
      rejectUnauthorized: false,
      agent: false,
    });
    const deadline = deadlines.start(TIMEOUT_MS, () => asked.destroy(new Error('no answer in time')));
    asked.on('close', () => deadline.cancel());
    asked.on('error', (error) =>
      reject(
        error instanceof LimpetError
          ? error
          : new LimpetError('CONTROLLER_UNREACHABLE', `${url.host}: ${describe(error)}`),
      ),
    );
    asked.on('socket', (socket) =>
      socket.once('secureConnect', () => {
        try {
          verify(socket as TLSSocket);
          asked.end(body);
        } catch (error) {
          asked.destroy(error as Error);
        }
      }),
    );
    asked.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (text.length > ANSWER_MAX_BYTES)
          asked.destroy(new LimpetError('CONTROLLER_UNREACHABLE', 'its answer is too long'));
      });
      response.on('end', () => {
        const answer = parseObject(text);
        if (response.statusCode === 200 || response.statusCode === 201) resolve(answer);
        else
          reject(
            new LimpetError('ENROLMENT_REFUSED', String(answer.error ?? `status ${response.statusCode}`)),
          );
      });
    });
  });
}

/**
 * The peer's certificate is one of the authority with this fingerprint, or one that this machine trusts for the host.
 *
 * @throws LimpetError CONTROLLER_NOT_TRUSTED.
 */
function requireAuthority(socket: TLSSocket, caFingerprint: string, nowMs: number): void {
  if (socket.authorized) return;
  const leaf = socket.getPeerX509Certificate();
  const authority = authorityOf(leaf, caFingerprint);
  const isGood =
    leaf !== undefined &&
    authority !== undefined &&
    leaf.checkIssued(authority) &&
    leaf.verify(authority.publicKey) &&
    Date.parse(leaf.validTo) > nowMs;
  if (!isGood) throw new LimpetError('CONTROLLER_NOT_TRUSTED');
}

function authorityOf(leaf: X509Certificate | undefined, caFingerprint: string): X509Certificate | undefined {
  let certificate = leaf;
  for (let depth = 0; depth < CHAIN_MAX && certificate !== undefined; depth++) {
    if (fingerprintOf(certificate.raw) === caFingerprint) return certificate;
    certificate = certificate.issuerCertificate;
  }
  return undefined;
}

function fingerprintOf(der: Buffer): string {
  return createHash('sha256').update(der).digest('base64url');
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function describe(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.message;
}
