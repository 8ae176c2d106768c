// SSLClientCertificateAction: the fields that tell servers who a client is by its certificate.

import { z } from 'zod';

/** Avi's variables. Those that are not in {@link clientCertificateVariables} of the compiler are refused there. */
export const requestHeaderValues = [
  'HTTP_POLICY_VAR_CLIENT_IP',
  'HTTP_POLICY_VAR_VS_PORT',
  'HTTP_POLICY_VAR_VS_IP',
  'HTTP_POLICY_VAR_HTTP_HDR',
  'HTTP_POLICY_VAR_SSL_CLIENT_FINGERPRINT',
  'HTTP_POLICY_VAR_SSL_CLIENT_SERIAL',
  'HTTP_POLICY_VAR_SSL_CLIENT_ISSUER',
  'HTTP_POLICY_VAR_SSL_CLIENT_SUBJECT',
  'HTTP_POLICY_VAR_SSL_CLIENT_RAW',
  'HTTP_POLICY_VAR_SSL_PROTOCOL',
  'HTTP_POLICY_VAR_SSL_SERVER_NAME',
  'HTTP_POLICY_VAR_USER_NAME',
  'HTTP_POLICY_VAR_SSL_CIPHER',
  'HTTP_POLICY_VAR_REQUEST_ID',
  'HTTP_POLICY_VAR_SSL_CLIENT_VERSION',
  'HTTP_POLICY_VAR_SSL_CLIENT_SIGALG',
  'HTTP_POLICY_VAR_SSL_CLIENT_NOTVALIDBEFORE',
  'HTTP_POLICY_VAR_SSL_CLIENT_NOTVALIDAFTER',
  'HTTP_POLICY_VAR_SSL_CLIENT_ESCAPED',
  'HTTP_POLICY_VAR_SOURCE_IP',
] as const;

export const sslClientCertificateAction = z.looseObject({
  /** Accepted, and always as if true: who fails is refused before HTTP (docs/client-certificates.md). */
  close_connection: z.boolean().default(false),
  headers: z
    .array(
      z.looseObject({
        request_header: z
          .string()
          .max(128)
          .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, 'must be a field name'),
        request_header_value: z.enum(requestHeaderValues).optional(),
      }),
    )
    .max(32)
    .default([]),
});
