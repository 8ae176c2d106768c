// Fields of an answer that are worked out and not stored: what is in a certificate, where a range of ports ends.

import { type ApiType, certificateFacts } from '@limpet/model';
import type { JsonObject, JsonValue } from '../json.ts';
import { isJsonObject } from './json-body.ts';
import { changeAt } from './json-paths.ts';

/** @param nowS seconds since 1970, for the days that a certificate has left. */
export function withComputedFields(type: ApiType, body: JsonObject, nowS: number): JsonObject {
  switch (type.name) {
    case 'SSLKeyAndCertificate':
      return withCertificateFacts(body, nowS);
    case 'VirtualService':
      // Recorded: a service of one port ends where it begins.
      return changeAt(body, 'services[]', (service) =>
        isJsonObject(service) && service.port_range_end === undefined && service.port !== undefined
          ? { ...service, port_range_end: service.port }
          : service,
      );
    default:
      return body;
  }
}

function withCertificateFacts(body: JsonObject, nowS: number): JsonObject {
  const { certificate } = body;
  if (!isJsonObject(certificate) || typeof certificate.certificate !== 'string') return body;
  const facts = certificateFacts(certificate.certificate, nowS);
  if (facts === undefined) return body;
  const keyParams =
    facts.key_params === undefined ? {} : { key_params: facts.key_params as unknown as JsonValue };
  return {
    ...body,
    ...keyParams,
    certificate: { ...certificate, ...(facts as unknown as JsonObject) },
    status: 'SSL_CERTIFICATE_FINISHED',
  };
}
