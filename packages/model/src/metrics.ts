// The one catalogue of metrics; docs/reference/metrics.md and the Prometheus exposition are made from it.

/** What a metric is counted for. */
export type MetricScope = 'engine' | 'virtual_service' | 'server';

export interface MetricDefinition {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly scope: MetricScope;
  readonly help: string;
  /** A further label with a fixed set of values; each value is a time series of its own. */
  readonly label?: { readonly name: string; readonly values: readonly string[] };
}

/** Why a presented ticket opened to no mapping. */
export const ticketMissReasons = [
  'malformed',
  'unknown_key',
  'wrong_version',
  'expired',
  'too_many',
] as const;
export type TicketMissReason = (typeof ticketMissReasons)[number];

/** What became of the certificate that a client was asked for. `unresolved`: whether it is revoked cannot be told. */
export const clientCertificateOutcomes = [
  'verified',
  'none',
  'missing',
  'untrusted',
  'expired',
  'revoked',
  'unresolved',
] as const;
export type ClientCertificateOutcome = (typeof clientCertificateOutcomes)[number];

/** Why the cookies of a request gave no mapping. */
export const cookieMissReasons = [
  'malformed',
  'wrong_version',
  'unknown_key',
  'not_genuine',
  'expired',
  'too_many',
] as const;
export type CookieMissReason = (typeof cookieMissReasons)[number];

/** What an entry is counted for: TLS tickets once a connection, HTTP cookies once a request. */
const methods = { name: 'method', values: ['tls', 'http_cookie'] } as const;

const versions = { name: 'tls_version', values: ['1.2', '1.3'] } as const;

/** Every metric of an engine, in the order of exposition. */
export const metricCatalogue = [
  {
    name: 'limpet_connections_total',
    type: 'counter',
    scope: 'virtual_service',
    help: 'Connections accepted; those of a child are counted by its parent, too.',
  },
  { name: 'limpet_connections_open', type: 'gauge', scope: 'virtual_service', help: 'Connections open now.' },
  {
    name: 'limpet_certificate_expiry_timestamp_seconds',
    type: 'gauge',
    scope: 'virtual_service',
    help: 'When the first of its certificates expires, in seconds since 1970; 0 where it has none.',
  },
  {
    name: 'limpet_connections_failed_total',
    type: 'counter',
    scope: 'virtual_service',
    help: 'Connections that ended before a request, by the stage that ended them.',
    label: {
      name: 'stage',
      values: ['proxy_header', 'client_hello', 'select_server', 'handshake', 'capacity'],
    },
  },
  {
    name: 'limpet_handshakes_new_total',
    type: 'counter',
    scope: 'virtual_service',
    help: 'Full TLS handshakes completed.',
    label: versions,
  },
  {
    name: 'limpet_handshakes_reused_total',
    type: 'counter',
    scope: 'virtual_service',
    help: 'Resumed TLS handshakes completed.',
    label: versions,
  },
  {
    name: 'limpet_client_certificates_total',
    type: 'counter',
    scope: 'virtual_service',
    help: 'Connections whose client was asked for a certificate, by what became of it.',
    label: { name: 'outcome', values: clientCertificateOutcomes },
  },
  {
    name: 'limpet_revocation_list_expiry_timestamp_seconds',
    type: 'gauge',
    scope: 'virtual_service',
    help: 'When the first revocation list for its clients ends (nextUpdate), in seconds since 1970; 0 where none does. Clients of a late list are refused.',
  },
  {
    name: 'limpet_tickets_issued_total',
    type: 'counter',
    scope: 'virtual_service',
    help: 'Session tickets sealed, renewals included.',
  },
  {
    name: 'limpet_tickets_renewed_total',
    type: 'counter',
    scope: 'virtual_service',
    help: 'Session tickets sealed on resumed connections.',
  },
  {
    name: 'limpet_tickets_received_total',
    type: 'counter',
    scope: 'virtual_service',
    help: 'Connections that presented a session ticket.',
  },
  {
    name: 'limpet_tickets_missing_total',
    type: 'counter',
    scope: 'virtual_service',
    help: 'Connections that presented no session ticket.',
  },
  {
    name: 'limpet_tickets_not_opened_total',
    type: 'counter',
    scope: 'virtual_service',
    help: 'Connections whose tickets gave no mapping, by the reason of the last one.',
    label: { name: 'reason', values: ticketMissReasons },
  },
  {
    name: 'limpet_tickets_opened_total',
    type: 'counter',
    scope: 'virtual_service',
    help: 'Connections whose ticket was opened, by the key that opened it.',
    label: { name: 'key', values: ['next', 'current', 'previous'] },
  },
  {
    name: 'limpet_cookies_received_total',
    type: 'counter',
    scope: 'virtual_service',
    help: 'Requests that came with a persistence cookie, good or not.',
  },
  {
    name: 'limpet_cookies_missing_total',
    type: 'counter',
    scope: 'virtual_service',
    help: 'Requests that came without a persistence cookie, where the pool has HTTP cookie persistence.',
  },
  {
    name: 'limpet_cookies_not_opened_total',
    type: 'counter',
    scope: 'virtual_service',
    help: 'Requests whose persistence cookies gave no mapping, by the reason of the last one.',
    label: { name: 'reason', values: cookieMissReasons },
  },
  {
    name: 'limpet_cookies_opened_total',
    type: 'counter',
    scope: 'virtual_service',
    help: 'Requests whose persistence cookie was opened, by the key that opened it.',
    label: { name: 'key', values: ['next', 'current', 'previous'] },
  },
  {
    name: 'limpet_cookies_issued_total',
    type: 'counter',
    scope: 'virtual_service',
    help: 'Persistence cookies sent to clients, renewals included.',
  },
  {
    name: 'limpet_cookies_renewed_total',
    type: 'counter',
    scope: 'virtual_service',
    help: 'Persistence cookies sent in place of a good one that names the same server.',
  },
  {
    name: 'limpet_persistence_hits_total',
    type: 'counter',
    scope: 'virtual_service',
    help: 'Connections (tls) or requests (http_cookie) that went to the server that their entry names.',
    label: methods,
  },
  {
    name: 'limpet_persistence_new_total',
    type: 'counter',
    scope: 'virtual_service',
    help: 'Connections (tls) or requests (http_cookie) without an entry, placed by the load-balancing algorithm.',
    label: methods,
  },
  {
    name: 'limpet_persistence_changed_total',
    type: 'counter',
    scope: 'virtual_service',
    help: 'Entries switched to another server because the persistent one could not be used.',
    label: methods,
  },
  {
    name: 'limpet_persistence_server_down_total',
    type: 'counter',
    scope: 'virtual_service',
    help: 'Times that the persistent server was down, unreachable or at its limit (lb_fail_persistent_server_down).',
    label: methods,
  },
  {
    name: 'limpet_persistence_server_invalid_total',
    type: 'counter',
    scope: 'virtual_service',
    help: 'Times that the entry named a server that is gone or disabled (lb_fail_persistent_server_invalid).',
    label: methods,
  },
  {
    name: 'limpet_requests_total',
    type: 'counter',
    scope: 'virtual_service',
    help: 'HTTP requests, by version.',
    label: { name: 'http_version', values: ['1', '2'] },
  },
  {
    name: 'limpet_responses_total',
    type: 'counter',
    scope: 'virtual_service',
    help: 'HTTP responses, by class of status.',
    label: { name: 'class', values: ['1xx', '2xx', '3xx', '4xx', '5xx'] },
  },
  {
    name: 'limpet_connections_alone_total',
    type: 'counter',
    scope: 'virtual_service',
    help: 'Connections whose client gave up so many requests at HTTP/2 servers that it shares no session to a server any more.',
  },
  {
    name: 'limpet_requests_refused_total',
    type: 'counter',
    scope: 'virtual_service',
    help: 'Requests that were answered by the engine with an error.',
  },
  {
    name: 'limpet_requests_queued',
    type: 'gauge',
    scope: 'virtual_service',
    help: 'Requests that wait for a place at a server now.',
  },
  {
    name: 'limpet_request_queue_total',
    type: 'counter',
    scope: 'virtual_service',
    help: 'Requests that had to wait for a place at a server, by how that ended.',
    label: { name: 'outcome', values: ['served', 'expired', 'overflow', 'client_gone', 'no_server'] },
  },
  {
    name: 'limpet_request_queue_wait_seconds_total',
    type: 'counter',
    scope: 'virtual_service',
    help: 'How long they waited, all together.',
  },
  {
    name: 'limpet_server_connections_placed',
    type: 'gauge',
    scope: 'server',
    help: 'Client connections that belong to the server now; with HTTP cookie persistence by their last request.',
  },
  {
    name: 'limpet_server_requests_active',
    type: 'gauge',
    scope: 'server',
    help: 'Upstream connections in use now; what the connection limit counts.',
  },
  {
    name: 'limpet_server_connections_total',
    type: 'counter',
    scope: 'server',
    help: 'Upstream connections opened.',
  },
  {
    name: 'limpet_server_connect_failures_total',
    type: 'counter',
    scope: 'server',
    help: 'Upstream connections that could not be opened.',
  },
  {
    name: 'limpet_server_handshakes_new_total',
    type: 'counter',
    scope: 'server',
    help: 'Full TLS handshakes with the server.',
  },
  {
    name: 'limpet_server_handshakes_reused_total',
    type: 'counter',
    scope: 'server',
    help: 'TLS handshakes with the server that resumed a session.',
  },
  {
    name: 'limpet_server_handshakes_failed_total',
    type: 'counter',
    scope: 'server',
    help: 'TLS handshakes with the server that failed: counted as connect failures, too.',
    label: { name: 'cause', values: ['handshake', 'certificate'] },
  },
  {
    name: 'limpet_server_requests_total',
    type: 'counter',
    scope: 'server',
    help: 'Requests sent to the server.',
  },
  {
    name: 'limpet_server_responses_total',
    type: 'counter',
    scope: 'server',
    help: 'Responses of the server, by class of status.',
    label: { name: 'class', values: ['1xx', '2xx', '3xx', '4xx', '5xx'] },
  },
  {
    name: 'limpet_server_failures_total',
    type: 'counter',
    scope: 'server',
    help: 'Requests that failed at the server: connection lost, malformed, too late.',
  },
  {
    name: 'limpet_server_unavailable_total',
    type: 'counter',
    scope: 'server',
    help: 'Responses 502, 503 and 504: the server says that it cannot serve now. Passive health counts them as failures.',
  },
  {
    name: 'limpet_server_over_limit_total',
    type: 'counter',
    scope: 'server',
    help: 'Requests sent above the connection limit because the profile says Never.',
  },
  {
    name: 'limpet_server_streams_reset_total',
    type: 'counter',
    scope: 'server',
    help: 'HTTP/2 streams to the server that the engine reset, mostly since a client gave its request up.',
  },
  {
    name: 'limpet_server_sessions_worn_out_total',
    type: 'counter',
    scope: 'server',
    help: 'HTTP/2 sessions to the server that were retired early: as many streams were reset as one may bear, or the server had enough of it (ENHANCE_YOUR_CALM, or GOAWAY with an error).',
    label: { name: 'cause', values: ['resets', 'server'] },
  },
  {
    name: 'limpet_server_requests_cut_total',
    type: 'counter',
    scope: 'server',
    help: 'Requests and tunnels that were under way when the time of their disabled server was over.',
  },
  {
    name: 'limpet_server_draining',
    type: 'gauge',
    scope: 'server',
    help: '1 while the server is disabled and clients or requests are left at it.',
  },
  {
    name: 'limpet_server_up',
    type: 'gauge',
    scope: 'server',
    help: '1 while the health monitors find the server up.',
  },
  {
    name: 'limpet_server_share',
    type: 'gauge',
    scope: 'server',
    help: 'The part of its ratio that the server has now: less than 1 while it ramps up or fails often.',
  },
  {
    name: 'limpet_config_reloads_total',
    type: 'counter',
    scope: 'engine',
    help: 'Configurations put into effect or refused.',
    label: { name: 'result', values: ['applied', 'refused'] },
  },
  {
    name: 'limpet_ticket_key_age_seconds',
    type: 'gauge',
    scope: 'engine',
    help: 'Seconds since the ticket keys were rotated; of several rings the one that was rotated first.',
  },
  {
    name: 'limpet_ticket_keys_overdue',
    type: 'gauge',
    scope: 'engine',
    help: 'Rings of ticket keys that were not rotated for more than twice their period.',
  },
  { name: 'limpet_ticket_keys', type: 'gauge', scope: 'engine', help: 'Ticket keys in the ring.' },
  {
    name: 'limpet_log_records_dropped_total',
    type: 'counter',
    scope: 'engine',
    help: 'Access records dropped because the log could not be written.',
  },
  {
    name: 'limpet_connections_limit',
    type: 'gauge',
    scope: 'engine',
    help: 'Connections that the engine may hold, by its memory and descriptors; beyond them new ones are refused.',
  },
  {
    name: 'limpet_deadlines_waiting',
    type: 'gauge',
    scope: 'engine',
    help: 'Waits that the workers have a deadline for, looked at every two seconds.',
  },
  {
    name: 'limpet_heap_used_bytes',
    type: 'gauge',
    scope: 'engine',
    help: 'JavaScript heap of the workers in use, garbage included, looked at every two seconds.',
  },
  {
    name: 'limpet_connections_refused_total',
    type: 'counter',
    scope: 'engine',
    help: 'Connections that were reset at once because file descriptors were short.',
  },
  { name: 'limpet_workers', type: 'gauge', scope: 'engine', help: 'Worker threads that serve.' },
] as const satisfies readonly MetricDefinition[];

export type MetricName = (typeof metricCatalogue)[number]['name'];
