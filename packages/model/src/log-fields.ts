// The one catalogue of log fields and significance codes; docs/reference/log-fields.md is made from it.

export interface LogFieldDefinition {
  readonly record: 'connection' | 'request' | 'both';
  readonly type: 'string' | 'number' | 'boolean' | 'string[]';
  readonly help: string;
}

const field = (
  record: LogFieldDefinition['record'],
  type: LogFieldDefinition['type'],
  help: string,
): LogFieldDefinition => Object.freeze({ record, type, help });

/** Every field of an access record. Names follow Avi's ApplicationLog and ConnectionLog where they have one. */
export const logFieldCatalogue = Object.freeze({
  record: field('both', 'string', '`connection` or `request`.'),
  report_timestamp: field('both', 'string', 'When the record was written, RFC 3339 with milliseconds.'),
  virtualservice: field('both', 'string', 'Name of the virtual service.'),
  connection_id: field('both', 'string', 'Joins the requests of one connection: engine, worker, number.'),
  client_ip: field('both', 'string', 'Address of the client.'),
  client_src_port: field('both', 'number', 'Port of the client.'),
  proxy_ip: field(
    'connection',
    'string',
    'Address of the proxy that told client_ip in a PROXY protocol header; absent where the client came itself.',
  ),
  vcpu_id: field('both', 'number', 'Worker that served it.'),
  ssl_version: field('connection', 'string', 'TLS version that was negotiated.'),
  ssl_cipher: field('connection', 'string', 'Cipher suite that was negotiated.'),
  ssl_client_verify: field(
    'connection',
    'string',
    'What became of the certificate that the client was asked for: `verified`, `none`, or why it was refused.',
  ),
  ssl_client_subject: field(
    'connection',
    'string',
    'Subject of the verified certificate of the client (RFC 4514).',
  ),
  ssl_client_serial: field('connection', 'string', 'Its serial number, hex.'),
  ssl_client_fingerprint: field('connection', 'string', 'SHA-256 over it, hex.'),
  sni_hostname: field('connection', 'string', 'Server name that the client asked for.'),
  ssl_session_reused: field('connection', 'boolean', 'Whether the handshake resumed a session.'),
  persistence_used: field(
    'both',
    'boolean',
    'Whether the client was sent to the server that its ticket or cookie names.',
  ),
  ticket: field(
    'connection',
    'string',
    'What became of the ticket: `none`, `opened`, or why it was not opened.',
  ),
  cookie: field(
    'request',
    'string',
    'What became of the persistence cookie: `none`, `opened`, or why it was not opened; where the pool has HTTP cookie persistence.',
  ),
  alpn: field('connection', 'string', '`h2` or `http/1.1`.'),
  pool_name: field('both', 'string', 'Name of the pool.'),
  server_name: field(
    'both',
    'string',
    'The server that the connection belongs to, or that was asked last for the request.',
  ),
  server_ip: field('both', 'string', 'Address of that server.'),
  server_dest_port: field('both', 'number', 'Port of that server.'),
  server_reason: field(
    'both',
    'string',
    'Why that server: persistence, companion (of a connection with a ticket or cookie), connection (of the request before), affinity, algorithm, replacement and the cause of it.',
  ),
  queue_ms: field(
    'request',
    'number',
    'How long the request waited for a place at a server, where it had to.',
  ),
  servers_tried: field('request', 'number', 'Servers that were tried, when more than one.'),
  significant: field('both', 'boolean', 'Whether something out of the ordinary happened.'),
  significant_log: field('both', 'string[]', 'Significance codes.'),
  ended_by: field('connection', 'string', 'Stage that ended the connection.'),
  error: field('both', 'string', 'Code of the error catalogue.'),
  error_detail: field(
    'both',
    'string',
    'What exactly was wrong: the rule of the codec, the code of the socket error.',
  ),
  requests: field('connection', 'number', 'Requests on the connection.'),
  duration_ms: field('both', 'number', 'From accept, or from the request head, to the end.'),
  request_id: field('request', 'string', 'Sent to the server and to the client as X-Request-Id.'),
  http_version: field('request', 'string', '`1.0`, `1.1` or `2`.'),
  method: field('request', 'string', 'Request method.'),
  host: field('request', 'string', 'Host or :authority.'),
  uri_path: field('request', 'string', 'Request target without its query.'),
  response_code: field('request', 'number', 'Status that the client got; 0 if none.'),
  request_length: field('request', 'number', 'Bytes of request body from the client.'),
  response_length: field('request', 'number', 'Bytes of response body to the client.'),
  server_response_ms: field('request', 'number', 'From the request sent to the response head.'),
  server_connection_reused: field('request', 'boolean', 'Whether a pooled upstream connection carried it.'),
  server_ssl_session_reused: field(
    'request',
    'boolean',
    'Whether the TLS session of the upstream connection was a resumed one; absent where it has no TLS.',
  ),
  server_http_version: field(
    'request',
    'string',
    '`2` where the request went to the server as HTTP/2; absent for 1.1.',
  ),
});

export type LogField = keyof typeof logFieldCatalogue;

/** Significance codes, Avi's names where Avi has one. */
export const significanceCodes = Object.freeze({
  ADF_PERSISTENT_SERVER_CHANGE: 'The persistence entry was switched to another server.',
  ADF_PERSISTENCE_FAILURE_SERVER_DOWN: 'The persistent server was down, unreachable or at its limit.',
  ADF_PERSISTENCE_FAILURE_SERVER_DISABLED: 'The persistent server is disabled.',
  ADF_PERSISTENCE_FAILURE_SERVER_INVALID: 'The ticket or cookie names a server that is not in the pool.',
  ADF_PERSISTENCE_COOKIE_EXPIRED: 'The persistence cookie is older than its timeout.',
  ADF_PERSISTENCE_COOKIE_INVALID: 'The persistence cookie is malformed, altered, or of another pool.',
  ADF_PERSISTENCE_COOKIE_VERSION_MISMATCH:
    'The persistence cookie has a layout that this engine does not know.',
  ADF_COOKIE_ABSENT_FROM_KEYS_IN_PERSISTENCE_PROFILE:
    'The persistence cookie was sealed under a key that is not in the ring.',
  ADF_LOAD_BALANCING_FAILED: 'No server could take the connection or request.',
  ADF_CLIENT_SSL_HANDSHAKE_FAILURE: 'The TLS handshake with the client failed.',
  ADF_CLIENT_HELLO_REFUSED: 'The ClientHello was late, too large, malformed or not TLS.',
  ADF_REQUEST_REFUSED: 'The request was malformed or beyond a limit and was not forwarded.',
  ADF_SERVER_CONNECT_FAILURE: 'A connection to the server could not be opened.',
  ADF_SERVER_SIDE_SSL_HANDSHAKE_FAILED: 'The TLS handshake with the server failed.',
  ADF_SERVER_CERTIFICATE_VERIFICATION_FAILED: 'The certificate of the server does not verify.',
  ADF_SERVER_STREAM_RESET: 'The server reset the stream of the request.',
  ADF_SERVER_CONNECTION_LOST: 'The server closed the connection before it had answered.',
  ADF_SERVER_RESPONSE_INVALID: 'The server sent a malformed response.',
  ADF_SERVER_TIMEOUT: 'The server did not answer in time.',
  ADF_SERVER_DISABLED: 'The server was disabled while the request was under way, and its time was over.',
  ADF_CONNECTION_LIMIT_EXCEEDED: 'The request was sent above the connection limit of its server.',
  ADF_CLIENT_ABORTED: 'The client went away before the response was complete.',
});

export type SignificanceCode = keyof typeof significanceCodes;
