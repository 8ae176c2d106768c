// ApplicationProfile: how requests are proxied.

import { z } from 'zod';
import { sslClientCertificateAction } from './client-certificate-action.ts';
import { count, identity, ref, text } from './fields.ts';

export const httpApplicationProfile = z.looseObject({
  connection_multiplexing_enabled: z.boolean().default(true),
  xff_enabled: z.boolean().default(true),
  xff_alternate_name: z
    .string()
    .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, 'must be a field name')
    .default('X-Forwarded-For'),
  xff_update: z
    .enum(['REPLACE_XFF_HEADERS', 'APPEND_TO_THE_XFF_HEADER', 'ADD_NEW_XFF_HEADER'])
    .default('REPLACE_XFF_HEADERS'),
  x_forwarded_proto_enabled: z.boolean().default(false),
  client_header_timeout: count(10, 100_000_000).default(10_000),
  client_body_timeout: count(0, 100_000_000).default(30_000),
  keepalive_timeout: count(10, 100_000_000).default(30_000),
  post_accept_timeout: count(10, 100_000_000).default(30_000),
  max_keepalive_requests: count(0, 1_000_000).default(100),
  client_max_header_size: count(1, 64).default(12),
  client_max_request_size: count(1, 256).default(48),
  client_max_body_size: count(0, Number.MAX_SAFE_INTEGER).default(0),
  respond_with_100_continue: z.boolean().default(true),
  websockets_enabled: z.boolean().default(true),
  http_to_https: z.boolean().default(false),
  hsts_enabled: z.boolean().default(false),
  hsts_max_age: count(0, 10_000).default(365),
  hsts_subdomains_enabled: z.boolean().default(true),
  ssl_client_certificate_mode: z
    .enum(['SSL_CLIENT_CERTIFICATE_NONE', 'SSL_CLIENT_CERTIFICATE_REQUEST', 'SSL_CLIENT_CERTIFICATE_REQUIRE'])
    .default('SSL_CLIENT_CERTIFICATE_NONE'),
  pki_profile_ref: ref.optional(),
  ssl_client_certificate_action: sslClientCertificateAction.optional(),
});

export const applicationProfile = z.looseObject({
  ...identity,
  description: text.optional(),
  type: z.enum([
    'APPLICATION_PROFILE_TYPE_L4',
    'APPLICATION_PROFILE_TYPE_HTTP',
    'APPLICATION_PROFILE_TYPE_SYSLOG',
    'APPLICATION_PROFILE_TYPE_DNS',
    'APPLICATION_PROFILE_TYPE_SSL',
    'APPLICATION_PROFILE_TYPE_SIP',
  ]),
  http_profile: httpApplicationProfile.prefault({}),
});
