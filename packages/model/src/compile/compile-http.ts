// Compiling what concerns the HTTP proxy.

import type { AviObject } from '../objects/schemas.ts';
import type { HttpSnapshot } from '../snapshot.ts';
import { compileClientCertificateFields } from './compile-client-certificates.ts';

const XFF_UPDATE = {
  REPLACE_XFF_HEADERS: 'replace',
  APPEND_TO_THE_XFF_HEADER: 'append',
  ADD_NEW_XFF_HEADER: 'add',
} as const;

const DAY_S = 86_400;
/** What max_header_count 0 comes to: more than the largest head can hold. */
const FIELDS_UNLIMITED = 65_536;

export function compileHttp(
  profile: AviObject<'ApplicationProfile'>['http_profile'],
  owner: AviObject<'VirtualService'>,
): HttpSnapshot {
  const httpsPort = owner.services.find(({ enable_ssl }) => enable_ssl)?.port;
  const clientCertificateFields = compileClientCertificateFields(profile);
  const subdomains = profile.hsts_subdomains_enabled ? '; includeSubDomains' : '';
  return {
    connectionMultiplexing: profile.connection_multiplexing_enabled,
    forwardedFor: {
      enabled: profile.xff_enabled,
      headerName: profile.xff_alternate_name,
      update: XFF_UPDATE[profile.xff_update],
    },
    forwardedProto: profile.x_forwarded_proto_enabled,
    forwarded: profile.limpet_forwarded_enabled,
    headTimeoutMs: profile.client_header_timeout,
    bodyTimeoutMs: profile.client_body_timeout,
    keepAliveTimeoutMs: profile.keepalive_timeout,
    firstByteTimeoutMs: profile.post_accept_timeout,
    keepAliveRequests: profile.max_keepalive_requests,
    fieldLineLimitBytes: profile.client_max_header_size * 1024,
    // Avi: the size of one field overrides that of all where it is larger.
    headLimitBytes: Math.max(profile.client_max_request_size, profile.client_max_header_size) * 1024,
    bodyLimitBytes: profile.client_max_body_size * 1024,
    fieldCountLimit: profile.max_header_count === 0 ? FIELDS_UNLIMITED : profile.max_header_count,
    responseHeadLimitBytes: profile.max_response_headers_size * 1024,
    dotsInNames: profile.allow_dots_in_header_name,
    accelFields: profile.pass_through_x_accel_headers,
    cookieAttributes: { secure: profile.secure_cookie_enabled, httpOnly: profile.httponly_enabled },
    redirectsToHttps: profile.server_side_redirect_to_https,
    keepAliveField: !profile.keepalive_header ? 'none' : profile.use_app_keepalive_timeout ? 'server' : 'own',
    fireAndForget: profile.enable_fire_and_forget,
    hostCheck: !profile.disable_sni_hostname_check,
    resetsPlainHttp: profile.reset_conn_http_on_ssl_port,
    http2: {
      initialWindowBytes: profile.http2_profile.http2_initial_window_size * 1024,
      streamsMax: profile.http2_profile.max_http2_concurrent_streams_per_connection,
      requestsMax: profile.http2_profile.max_http2_requests_per_connection,
    },
    respondWith100Continue: profile.respond_with_100_continue,
    webSockets: profile.websockets_enabled,
    ...(clientCertificateFields === undefined ? {} : { clientCertificateFields }),
    ...(profile.http_to_https && httpsPort !== undefined ? { redirectToHttpsPort: httpsPort } : {}),
    ...(profile.hsts_enabled
      ? { strictTransportSecurity: `max-age=${profile.hsts_max_age * DAY_S}${subdomains}` }
      : {}),
  };
}
