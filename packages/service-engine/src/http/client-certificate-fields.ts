// The fields by which servers learn who a client is by its certificate, and which no client can send itself.

import type { ClientCertificateFieldsSnapshot, ClientCertificateVariable, HttpSnapshot } from '@limpet/model';
import type { ClientIdentity } from './client-identity.ts';
import { filterFieldLines, nameToCgi } from './http1/field-lines.ts';
import type { ProxiedConnection } from './proxied-connection.ts';

/** In the lines that are kept, for what each request has of its own. */
const REQUEST_ID = '\0';

/** Lines of one connection: the same for each of its requests, but for the request id. */
const linesOf = new WeakMap<ClientIdentity, { fields: ClientCertificateFieldsSnapshot; lines: string }>();

/** The lines to be added, each `name: value\r\n`. A variable that has no value here (no certificate, no TLS) gives no line. */
export function clientCertificateLines(
  connection: ProxiedConnection,
  { clientCertificateFields: fields }: HttpSnapshot,
  requestId: string,
): string {
  if (fields === undefined) return '';
  const { identity } = connection;
  const known = identity === undefined ? undefined : linesOf.get(identity);
  const lines = known?.fields === fields ? known.lines : makeLines(connection, fields);
  if (identity !== undefined && known?.lines !== lines) linesOf.set(identity, { fields, lines });
  return lines.replaceAll(REQUEST_ID, requestId);
}

/** Without what only the engine may say, and what a CGI or WSGI server would take for it. Of trailers, too. */
export function withoutClientCertificateFields(
  fieldLines: string,
  { clientCertificateFields }: HttpSnapshot,
): string {
  if (clientCertificateFields === undefined || fieldLines === '') return fieldLines;
  const { stripped } = clientCertificateFields;
  return filterFieldLines(fieldLines, (name) => !stripped.includes(nameToCgi(name)));
}

function makeLines(connection: ProxiedConnection, { added }: ClientCertificateFieldsSnapshot): string {
  let lines = '';
  for (const { name, variable } of added) {
    const value = fieldValue(connection, variable);
    if (value !== undefined && value !== '') lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

function fieldValue(
  { identity, client, local }: ProxiedConnection,
  variable: ClientCertificateVariable,
): string | undefined {
  const certificate = identity?.certificate;
  switch (variable) {
    case 'subject':
      return certificate?.subject;
    case 'issuer':
      return certificate?.issuer;
    case 'serial':
      return certificate?.serial;
    case 'fingerprint':
      return certificate?.fingerprint;
    case 'certificate':
      return certificate?.byteSequence;
    case 'escaped-certificate':
      return certificate?.escapedPem;
    case 'certificate-version':
      return certificate?.version.toString();
    case 'signature-algorithm':
      return certificate?.signatureAlgorithm;
    case 'not-before':
      return certificate?.notBefore;
    case 'not-after':
      return certificate?.notAfter;
    case 'tls-version':
      return identity?.tlsVersion;
    case 'cipher':
      return identity?.cipher;
    case 'server-name':
      return identity?.serverName;
    case 'client-ip':
      return client.ip;
    case 'local-ip':
      return local.ip;
    case 'local-port':
      return local.port.toString();
    case 'request-id':
      return REQUEST_ID;
  }
}
