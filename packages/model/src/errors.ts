// The one catalogue of errors and the one error class: code, where the fault lies, whether to try again, HTTP status, message.

/** Where the fault lies. */
export type ErrorSource = 'downstream' | 'upstream' | 'internal' | 'configuration';

export interface ErrorDefinition {
  readonly source: ErrorSource;
  /** Whether the same action may succeed when tried again elsewhere or later. */
  readonly retry: boolean;
  /** Status of the HTTP answer, where there is one; 0: the connection just ends. */
  readonly status: number;
  /** What a client or operator reads. */
  readonly message: string;
}

const define = (source: ErrorSource, retry: boolean, status: number, message: string): ErrorDefinition =>
  Object.freeze({ source, retry, status, message });

/** Every error that Limpet raises, by its code. docs/reference/errors.md is generated from it. */
export const errorCatalogue = Object.freeze({
  // configuration
  CONFIG_NOT_JSON: define('configuration', false, 400, 'the configuration is not JSON'),
  CONFIG_UNREADABLE: define('configuration', true, 400, 'the configuration file cannot be read'),
  CONFIG_INVALID: define('configuration', false, 400, 'the configuration is not valid'),
  KEYS_UNREADABLE: define('configuration', true, 400, 'the ticket key file cannot be read'),
  KEYS_UNWRITABLE: define(
    'configuration',
    true,
    400,
    'the ticket key file cannot be written; the one that was there is unharmed',
  ),
  KEYS_INVALID: define('configuration', false, 400, 'the ticket key file is not valid'),
  KEYS_TOO_SOON: define('configuration', true, 409, 'the ticket keys were rotated less than 60 s ago'),
  APPLY_FAILED: define('configuration', true, 500, 'the new configuration could not be put into effect'),
  MEMORY_TOO_SMALL: define(
    'configuration',
    false,
    500,
    'the engine has not the memory, or the descriptors, for one connection',
  ),
  ADDRESS_IN_USE: define('configuration', true, 500, 'another process listens on the address'),
  // the accept path
  PROXY_HEADER_TIMEOUT: define('downstream', true, 0, 'no complete PROXY protocol header came in time'),
  PROXY_HEADER_MALFORMED: define(
    'downstream',
    false,
    0,
    'a listed proxy did not begin with a PROXY protocol header',
  ),
  HELLO_TIMEOUT: define('downstream', true, 0, 'no complete ClientHello came in time'),
  HELLO_TOO_LARGE: define('downstream', false, 0, 'the ClientHello is larger than 32 kB'),
  HELLO_MALFORMED: define('downstream', false, 0, 'the ClientHello is malformed'),
  HELLO_NOT_TLS: define('downstream', false, 0, 'the client does not speak TLS'),
  PLAIN_HTTP_ON_TLS_PORT: define(
    'downstream',
    false,
    400,
    'a plain HTTP request was sent to a port for HTTPS',
  ),
  TOO_MANY_TICKETS: define('downstream', false, 0, 'the ClientHello holds more than 16 PSK identities'),
  PERSISTENT_SERVER_DOWN: define('upstream', true, 0, 'the persistent server is down and its profile aborts'),
  HANDSHAKE_FAILED: define('downstream', true, 0, 'the TLS handshake failed'),
  HANDSHAKE_TIMEOUT: define('downstream', true, 0, 'the TLS handshake took too long'),
  CLIENT_CERTIFICATE_MISSING: define(
    'downstream',
    false,
    0,
    'the client has shown no certificate, and one is required',
  ),
  CLIENT_CERTIFICATE_REFUSED: define('downstream', false, 0, 'the certificate of the client was refused'),
  CLIENT_GONE: define('downstream', true, 0, 'the client closed the connection'),
  SELF_TEST_FAILED: define(
    'internal',
    false,
    0,
    'this Node does not order TLS ticket events as Limpet needs',
  ),
  // requests
  REQUEST_MALFORMED: define('downstream', false, 400, 'the request is malformed'),
  REQUEST_HEAD_TOO_LARGE: define('downstream', false, 431, 'the request head is too large'),
  REQUEST_BODY_TOO_LARGE: define('downstream', false, 413, 'the request body is too large'),
  REQUEST_TIMEOUT: define('downstream', true, 408, 'the request did not arrive in time'),
  METHOD_NOT_SUPPORTED: define('downstream', false, 501, 'the method is not supported'),
  UPGRADE_NOT_SUPPORTED: define('downstream', false, 501, 'this protocol upgrade is not supported'),
  TRANSFER_CODING_NOT_SUPPORTED: define('downstream', false, 501, 'the transfer coding is not supported'),
  VERSION_NOT_SUPPORTED: define('downstream', false, 505, 'the HTTP version is not supported'),
  EXPECTATION_FAILED: define('downstream', false, 417, 'the expectation cannot be met'),
  NO_SERVER_AVAILABLE: define('upstream', true, 503, 'no server is available'),
  SERVER_AT_LIMIT: define('upstream', true, 503, 'every server is at its connection limit'),
  REQUEST_QUEUE_FULL: define('upstream', true, 503, 'as many requests wait for a server as may'),
  REQUEST_QUEUE_TIMEOUT: define('upstream', true, 503, 'no server had a place for the request in time'),
  SERVER_DISABLED: define('upstream', true, 503, 'the server was disabled while the request was under way'),
  SERVER_UNREACHABLE: define('upstream', true, 502, 'the server cannot be reached'),
  SERVER_HANDSHAKE_FAILED: define('upstream', true, 502, 'the TLS handshake with the server failed'),
  SERVER_CERTIFICATE_INVALID: define('upstream', true, 502, 'the certificate of the server does not verify'),
  SERVER_STREAM_RESET: define(
    'upstream',
    true,
    502,
    'the server reset the stream before its answer was complete',
  ),
  PERSISTENT_SERVER_UNREACHABLE: define('upstream', true, 503, 'the persistent server cannot be reached'),
  TUNNEL_IDLE: define('downstream', true, 408, 'the tunnel was silent for too long'),
  HOST_MISDIRECTED: define(
    'downstream',
    false,
    421,
    'the host belongs to another virtual service than this connection',
  ),
  SERVER_CONNECTION_LOST: define(
    'upstream',
    true,
    502,
    'the server closed the connection before it answered',
  ),
  RESPONSE_MALFORMED: define('upstream', false, 502, 'the server sent a malformed response'),
  RESPONSE_TIMEOUT: define('upstream', true, 504, 'the server did not answer in time'),
  RESOURCES_SHORT: define(
    'internal',
    true,
    503,
    'the engine is short of file descriptors, local ports or memory',
  ),
  // the Controller
  STORE_LOCKED: define('configuration', true, 503, 'another Controller has the store open'),
  STORE_UNREADABLE: define('configuration', false, 500, 'the store cannot be read'),
  STORE_FULL: define(
    'configuration',
    true,
    507,
    'there is no room for the store; what was stored is unharmed',
  ),
  STORE_FAILED: define('internal', true, 500, 'the store could not be written; what was stored is unharmed'),
  STORE_CONFLICT: define('downstream', true, 412, 'the objects have changed in the meantime'),
  BACKUP_UNREADABLE: define('configuration', false, 400, 'the backup cannot be used'),
  BACKUP_UNWRITABLE: define('configuration', true, 500, 'the backup could not be written'),
  SECRET_UNREADABLE: define('internal', false, 500, 'a sealed secret cannot be opened'),
  MASTER_KEY_INVALID: define('configuration', false, 500, 'the master key cannot be used'),
  MASTER_KEY_WRONG: define(
    'configuration',
    false,
    500,
    'the master key is not the one that the secrets of the store are sealed with',
  ),
  // the API of the Controller
  JSON_MALFORMED: define('downstream', false, 400, 'the body is not JSON that the API takes'),
  PATCH_INVALID: define('downstream', false, 400, 'the patch cannot be applied'),
  QUERY_INVALID: define('downstream', false, 400, 'the query is not valid'),
  VERSION_INVALID: define('downstream', false, 400, 'Invalid version'),
  FIELD_TOO_NEW: define('downstream', false, 400, 'a field is newer than the version of the request'),
  OBJECT_NOT_FOUND: define('downstream', false, 404, 'the object is not there'),
  OBJECT_REFERRED: define('downstream', false, 403, 'others refer to the object'),
  SYSTEM_OBJECT: define('downstream', false, 403, 'Cannot delete system default object'),
  NAME_TAKEN: define('downstream', false, 409, 'the name is taken'),
  CONCURRENT_UPDATE: define('downstream', true, 412, 'Concurrent Update Error'),
  LOGIN_REQUIRED: define('downstream', false, 401, 'the request needs a session, a token or a password'),
  LOGIN_FAILED: define('downstream', false, 401, 'wrong name or password'),
  LOGIN_BUSY: define('internal', true, 503, 'more logins are checked than can be'),
  CSRF_INVALID: define('downstream', false, 401, 'CSRF token missing or incorrect.'),
  FORBIDDEN: define('downstream', false, 403, 'the user may not do this'),
  METHOD_NOT_ALLOWED: define('downstream', false, 405, 'the method is not allowed here'),
  MEDIA_TYPE_NOT_SUPPORTED: define('downstream', false, 415, 'the body must be JSON'),
  ACTION_NOT_SERVED: define('downstream', false, 501, 'the action is not served'),
  INTERNAL: define('internal', true, 500, 'an internal error'),
  // the engine link
  LINK_MALFORMED: define('internal', true, 0, 'a message of the engine link is malformed'),
  LINK_BASE_UNKNOWN: define(
    'internal',
    true,
    0,
    'the changes are for another snapshot than the one that is here',
  ),
  ENROLMENT_REFUSED: define('configuration', false, 403, 'the engine was not enrolled'),
  CONTROLLER_UNREACHABLE: define('configuration', true, 503, 'the Controller cannot be reached'),
  CONTROLLER_NOT_TRUSTED: define(
    'configuration',
    false,
    0,
    'whoever answers for the Controller is not the one that the token is from',
  ),
  ENGINE_REVOKED: define('configuration', false, 403, 'the Controller has revoked this engine'),
  STATE_UNREADABLE: define('configuration', false, 500, 'the state folder of the engine cannot be used'),
  CHANGES_WAITING: define('internal', true, 503, 'too many changes wait for their turn'),
});

export type ErrorCode = keyof typeof errorCatalogue;

/** One thing that is wrong with a configuration, and where. */
export interface ConfigProblem {
  /** Avi type, as `Pool`. */
  readonly objectType: string;
  /** The object's name, or `#index` where it has none; '' where no one object is meant. */
  readonly objectName: string;
  /** Path of the field, as `servers[0].ip.addr`; '' for the object as a whole. */
  readonly field: string;
  readonly message: string;
}

/** The only error class of the project. `code` names an entry of {@link errorCatalogue}. */
export class LimpetError extends Error {
  readonly code: ErrorCode;
  /** What of this case, without the catalogue's sentence. */
  readonly detail: string;
  readonly problems: readonly ConfigProblem[];

  constructor(
    code: ErrorCode,
    detail?: string,
    options?: { cause?: unknown; problems?: readonly ConfigProblem[] },
  ) {
    const { message } = errorCatalogue[code];
    super(
      detail === undefined ? message : `${message}: ${detail}`,
      options?.cause === undefined ? undefined : { cause: options.cause },
    );
    this.name = 'LimpetError';
    this.code = code;
    this.detail = detail ?? '';
    this.problems = options?.problems ?? [];
  }

  get source(): ErrorSource {
    return errorCatalogue[this.code].source;
  }

  get status(): number {
    return errorCatalogue[this.code].status;
  }

  get retry(): boolean {
    return errorCatalogue[this.code].retry;
  }
}

/** One line for a person: `Pool "web", servers[0].port: …`. */
export function describeProblem(problem: ConfigProblem): string {
  const where = problem.field === '' ? '' : `, ${problem.field}`;
  const name = problem.objectName === '' ? '' : ` "${problem.objectName}"`;
  return `${problem.objectType}${name}${where}: ${problem.message}`;
}
