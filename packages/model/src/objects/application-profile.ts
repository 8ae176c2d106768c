// ApplicationProfile: how requests are proxied.

import { z } from 'zod';
import { sslClientCertificateAction } from './client-certificate-action.ts';
import { count, identity, ref, text } from './fields.ts';

/** Fields that frame or route a request: the client's address must not be written over them. */
const NOT_FOR_XFF =
  /^(host|connection|content-length|transfer-encoding|te|trailer|upgrade|expect|keep-alive|cookie|authorization)$/i;

/** What concerns HTTP/2 with clients. */
export const http2ApplicationProfile = z.looseObject({
  http2_initial_window_size: count(64, 32_768).default(64),
  max_http2_concurrent_streams_per_connection: count(1, 256).default(128),
  max_http2_requests_per_connection: count(0, 10_000).default(1000),
});

export const httpApplicationProfile = z.looseObject({
  connection_multiplexing_enabled: z.boolean().default(true),
  xff_enabled: z.boolean().default(true),
  xff_alternate_name: z
    .string()
    .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, 'must be a field name')
    .refine((name) => !NOT_FOR_XFF.test(name), 'must not be a field that frames or routes requests')
    .refine(
      (name) => name.toLowerCase() !== 'forwarded',
      'must not be Forwarded, which has a syntax of its own (RFC 7239); use limpet_forwarded_enabled',
    )
    .default('X-Forwarded-For'),
  xff_update: z
    .enum(['REPLACE_XFF_HEADERS', 'APPEND_TO_THE_XFF_HEADER', 'ADD_NEW_XFF_HEADER'])
    .default('REPLACE_XFF_HEADERS'),
  x_forwarded_proto_enabled: z.boolean().default(false),
  /** Ours: Avi writes no Forwarded. */
  limpet_forwarded_enabled: z.boolean().default(false),
  client_header_timeout: count(10, 100_000_000).default(10_000),
  client_body_timeout: count(0, 100_000_000).default(30_000),
  keepalive_timeout: count(10, 100_000_000).default(30_000),
  post_accept_timeout: count(10, 100_000_000).default(30_000),
  max_keepalive_requests: count(0, 1_000_000).default(100),
  client_max_header_size: count(1, 64).default(12),
  client_max_request_size: count(1, 256).default(48),
  client_max_body_size: count(0, Number.MAX_SAFE_INTEGER).default(0),
  max_header_count: count(0, 4096).default(256),
  max_response_headers_size: count(1, 256).default(48),
  allow_dots_in_header_name: z.boolean().default(false),
  pass_through_x_accel_headers: z.boolean().default(false),
  secure_cookie_enabled: z.boolean().default(false),
  httponly_enabled: z.boolean().default(false),
  server_side_redirect_to_https: z.boolean().default(false),
  keepalive_header: z.boolean().default(false),
  use_app_keepalive_timeout: z.boolean().default(false),
  enable_fire_and_forget: z.boolean().default(false),
  disable_sni_hostname_check: z.boolean().default(false),
  reset_conn_http_on_ssl_port: z.boolean().default(false),
  http2_profile: http2ApplicationProfile.prefault({}),
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
