// The snapshot: the frozen configuration that an engine is given, compiled from API objects and free of secrets.

import type { HostPattern } from './host-pattern.ts';
import type { IpPrefix } from './ip-prefix.ts';

/** An address:port. IPv6 addresses are without brackets. */
export interface Address {
  readonly ip: string;
  readonly port: number;
}

/**
 * The whole configuration of one engine. It is plain JSON, deeply frozen, and holds no secret: a private key is
 * named by the SHA-256 of its PEM text and travels beside it in {@link CompiledConfig}.
 */
export interface Snapshot {
  /** SHA-256 (hex) over the hashes of everything below (contentHash of each part): the same objects give the same hash. */
  readonly hash: string;
  readonly virtualServices: readonly VirtualServiceSnapshot[];
  readonly pools: readonly PoolSnapshot[];
}

/** A snapshot with the secrets that it names. */
export interface CompiledConfig {
  readonly snapshot: Snapshot;
  /** Private keys in PEM, by the SHA-256 (hex) of the PEM text. */
  readonly secrets: ReadonlyMap<string, string>;
}

export interface VirtualServiceSnapshot {
  readonly uuid: string;
  readonly name: string;
  /** Empty for a child: it is reached through those of its parent. */
  readonly listeners: readonly ListenerSnapshot[];
  /** How listeners are shared, by the host that a client asks for; absent where it has them alone. */
  readonly hosting?: HostingSnapshot;
  /** Absent where no service of the virtual service terminates TLS. */
  readonly tls?: TlsSnapshot;
  readonly http: HttpSnapshot;
  readonly poolUuid: string;
}

export interface ListenerSnapshot {
  readonly address: Address;
  readonly terminatesTls: boolean;
  /** Connections from here begin with a PROXY protocol header; absent: none do. */
  readonly proxySources?: readonly IpPrefix[];
}

/**
 * Avi VS_TYPE_VH_PARENT and _CHILD. The names stand at the parent alone: a thousand children that each knew all of them would make a million.
 */
export type HostingSnapshot =
  | { readonly kind: 'parent'; readonly hosts: readonly HostSnapshot[] }
  | { readonly kind: 'child'; readonly parentUuid: string };

/** A name of a child. */
export interface HostSnapshot {
  readonly pattern: HostPattern;
  readonly virtualServiceUuid: string;
}

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

/** What an SSLProfile says of TLS, whichever side of it the engine is. */
export interface TlsParameters {
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
  /** OpenSSL cipher string for TLS 1.2 and cipher suites for TLS 1.3, joined by ':', as tls.createSecureContext takes it. */
  readonly ciphers: string;
  readonly honorCipherOrder: boolean;
  /** OpenSSL group list, or absent for what Node offers (post-quantum hybrid included). */
  readonly groups?: string;
  /** OpenSSL signature algorithm list, or absent for what Node offers. */
  readonly signatureAlgorithms?: string;
  /** Avi SSLProfile.ssl_session_timeout, 1 to 604800. */
  readonly sessionTimeoutS: number;
  /** Avi SSLProfile.enable_ssl_session_reuse. */
  readonly sessionReuse: boolean;
}

/** TLS that a virtual service terminates. */
export interface TlsSnapshot extends TlsParameters {
  /** Offer h2 by ALPN (Avi Service.enable_http2, of any service). */
  readonly http2: boolean;
  /** Present where clients are asked for a certificate (Avi ssl_client_certificate_mode). */
  readonly clientCertificates?: ClientCertificatesSnapshot;
  /** EC before RSA, as Avi prefers, else in the order of the references; at least one. The first of each key type is shown where no name fits. */
  readonly certificates: readonly CertificateSnapshot[];
}

export interface CertificateSnapshot {
  readonly name: string;
  /** Leaf first, then the chain, PEM. */
  readonly chainPem: string;
  /** SHA-256 (hex) of the leaf's DER. */
  readonly fingerprint: string;
  readonly keyType: 'ec' | 'rsa';
  /** Where the private key is found in {@link CompiledConfig.secrets}. */
  readonly keyHash: string;
  /** DNS names of the leaf's subjectAltName (or its common name where it has none), lower case, wildcards as `*.x`. */
  readonly dnsNames: readonly string[];
  /** Seconds since 1970. */
  readonly notAfterS: number;
}

/** The authorities that a peer's certificate must come from, from Avi PKIProfile. */
export interface PkiSnapshot {
  readonly name: string;
  /** Roots and intermediates, PEM, one certificate each; at least one. */
  readonly authorities: readonly string[];
  /** PEM, one list each; empty where crl_check is off. */
  readonly revocationLists: readonly string[];
  /** validate_only_leaf_crl: an authority's certificate is not looked up in the lists. */
  readonly onlyLeafRevocation: boolean;
  /** ignore_peer_chain: intermediates that a peer sends are of no use, only the authorities above. */
  readonly ignorePeerChain: boolean;
}

/** The whole policy for certificates of clients; session tickets are bound to all of it. */
export interface ClientCertificatesSnapshot {
  /** SSL_CLIENT_CERTIFICATE_REQUIRE; false: a client without one is served, too. */
  readonly required: boolean;
  readonly pki: PkiSnapshot;
  /** Certificates of authorities that may stand above the client's, the root included. */
  readonly chainDepthMax: number;
  /** When the first of the revocation lists ends (nextUpdate), seconds since 1970; absent where none does. */
  readonly listsEndS?: number;
}

/** What a field that the engine adds says; see docs/client-certificates.md for how each is written. */
export type ClientCertificateVariable =
  | 'subject'
  | 'issuer'
  | 'serial'
  | 'fingerprint'
  | 'certificate'
  | 'escaped-certificate'
  | 'certificate-version'
  | 'signature-algorithm'
  | 'not-before'
  | 'not-after'
  | 'tls-version'
  | 'cipher'
  | 'server-name'
  | 'client-ip'
  | 'local-ip'
  | 'local-port'
  | 'request-id';

/** Fields about the client's certificate, present where one is asked for. */
export interface ClientCertificateFieldsSnapshot {
  readonly added: readonly { readonly name: string; readonly variable: ClientCertificateVariable }[];
  /** Lower case, hyphens for all but letters and digits: what a client sends under these names, or such as a server may take for them, goes no further. */
  readonly stripped: readonly string[];
}

/** TLS in which the engine is the client: of a pool to its servers, or of a health monitor. */
export interface TlsClientSnapshot extends TlsParameters {
  /** Whose certificates are trusted; absent: any is taken, so that the connection is encrypted and nothing is known of its other end. */
  readonly pki?: PkiSnapshot;
  /** Shown to a server that asks for one. */
  readonly certificate?: CertificateSnapshot;
}

/** A name that a pool gives its servers: one for all, or the host that the request is for. */
export type ServerNaming =
  | { readonly kind: 'none' }
  | { readonly kind: 'request-host' }
  | { readonly kind: 'names'; readonly names: readonly string[] };

/** TLS of a pool to its servers. */
export interface ServerTlsSnapshot {
  readonly client: TlsClientSnapshot;
  /** Sent as server name (SNI): none, the host, or the one name. */
  readonly serverName: ServerNaming;
  /** host_check_enabled: the certificate must be for the host, or for one of these names. */
  readonly verifiedNames: ServerNaming;
}

/** What concerns the HTTP proxy, from Avi HTTPApplicationProfile. A time or size of 0 means no limit where Avi says so. */
export interface HttpSnapshot {
  readonly connectionMultiplexing: boolean;
  readonly forwardedFor: {
    readonly enabled: boolean;
    readonly headerName: string;
    readonly update: 'replace' | 'append' | 'add';
  };
  readonly forwardedProto: boolean;
  /** limpet_forwarded_enabled: the server gets Forwarded (RFC 7239), the client's own treated as {@link forwardedFor} says. */
  readonly forwarded: boolean;
  /** client_header_timeout: a whole request head must arrive within it. */
  readonly headTimeoutMs: number;
  /** client_body_timeout: between two reads of a request body; 0 is none. */
  readonly bodyTimeoutMs: number;
  /** keepalive_timeout: idle time between requests. */
  readonly keepAliveTimeoutMs: number;
  /** post_accept_timeout: from accept to the first byte of a request. */
  readonly firstByteTimeoutMs: number;
  /** max_keepalive_requests; 0 is unlimited. */
  readonly keepAliveRequests: number;
  /** client_max_header_size: one field line. */
  readonly fieldLineLimitBytes: number;
  /** client_max_request_size: the whole head. */
  readonly headLimitBytes: number;
  /** client_max_body_size; 0 is unlimited. */
  readonly bodyLimitBytes: number;
  /** max_header_count, of a request and of a response. */
  readonly fieldCountLimit: number;
  /** max_response_headers_size. */
  readonly responseHeadLimitBytes: number;
  /** allow_dots_in_header_name: else such fields of a request go no further. */
  readonly dotsInNames: boolean;
  /** pass_through_x_accel_headers: else such fields of a response are the server's word to a proxy of its own. */
  readonly accelFields: boolean;
  /** Attributes that every cookie of a server gets: secure_cookie_enabled (over TLS), httponly_enabled. */
  readonly cookieAttributes: { readonly secure: boolean; readonly httpOnly: boolean };
  /** server_side_redirect_to_https: a server's redirect to http, at the host that was asked, is one to https. */
  readonly redirectsToHttps: boolean;
  /** keepalive_header, use_app_keepalive_timeout: which timeout the client is told, if any. */
  readonly keepAliveField: 'none' | 'own' | 'server';
  /** enable_fire_and_forget: a request that has come whole goes on without its client. */
  readonly fireAndForget: boolean;
  /** False by disable_sni_hostname_check: no 421 for a host of another virtual service. */
  readonly hostCheck: boolean;
  /** reset_conn_http_on_ssl_port: plain HTTP where TLS is expected gets no answer. */
  readonly resetsPlainHttp: boolean;
  readonly http2: {
    readonly initialWindowBytes: number;
    readonly streamsMax: number;
    /** 0 is unlimited. */
    readonly requestsMax: number;
  };
  /** respond_with_100_continue: the engine answers 100 itself, else the server is asked. */
  readonly respondWith100Continue: boolean;
  /** websockets_enabled: a request may go on as WebSocket. */
  readonly webSockets: boolean;
  /** What servers are told about the certificate of a client. */
  readonly clientCertificateFields?: ClientCertificateFieldsSnapshot;
  /** http_to_https: requests that come without TLS are sent to this port; absent: they are served. */
  readonly redirectToHttpsPort?: number;
  /** Value of Strict-Transport-Security for answers over TLS (RFC 6797), from hsts_*; absent: none is added. */
  readonly strictTransportSecurity?: string;
}

export type LbAlgorithm =
  | 'round-robin'
  | 'least-connections'
  | 'fastest-response'
  | 'random-of-two'
  | 'consistent-hash';

/** server_hm_down_recovery: HM_DOWN_PICK_NEW_SERVER, HM_DOWN_CONTINUE_PERSISTENT_SERVER, HM_DOWN_ABORT_CONNECTION. */
export type Recovery = 'immediate' | 'never' | 'abort';

export type PersistenceSnapshot =
  | { readonly kind: 'none' }
  | { readonly kind: 'tls'; readonly profileName: string; readonly recovery: Recovery }
  | {
      readonly kind: 'http-cookie';
      readonly profileName: string;
      readonly recovery: Recovery;
      readonly cookie: PersistenceCookieSnapshot;
    };

/** The cookie that carries a client's server, from Avi HttpCookiePersistenceProfile. */
export interface PersistenceCookieSnapshot {
  /** cookie_name, or one that is made of the profile's uuid, so that every engine makes the same. */
  readonly name: string;
  /** timeout: an older entry has expired; 0: none does. */
  readonly timeoutS: number;
  /** always_send_cookie: to every request that comes without one, not once a connection. */
  readonly alwaysSend: boolean;
  readonly httpOnly: boolean;
  /** is_persistent_cookie: the client keeps it for the timeout, beyond its session. */
  readonly persistent: boolean;
}

/** Pool.fail_action: what happens to clients while the pool is down. */
export type FailAction =
  /** None is configured: 503 with Retry-After, and the connection stays. */
  | { readonly kind: 'unavailable' }
  /** FAIL_ACTION_CLOSE_CONN: connections are reset, new ones before their handshake. */
  | { readonly kind: 'close' }
  | {
      readonly kind: 'respond';
      readonly status: 200 | 503;
      readonly contentType: string;
      readonly body: string;
    }
  | {
      readonly kind: 'redirect';
      readonly status: 301 | 302 | 307;
      readonly protocol: 'http' | 'https';
      readonly host: string;
      /** Absent: that of the request. */
      readonly path?: string;
      readonly query?: string;
    }
  /** A pool of the snapshot; following them comes to an end. */
  | { readonly kind: 'backup'; readonly poolUuid: string };

export interface PoolSnapshot {
  readonly uuid: string;
  readonly name: string;
  readonly enabled: boolean;
  readonly algorithm: LbAlgorithm;
  /** lb_algorithm_hash: what consistent hash goes by; absent for the other algorithms. */
  readonly hash?: 'address' | 'address-and-port';
  /** connection_ramp_duration: how long the share of a server that has come up grows; 0: it has its whole share at once. */
  readonly rampMs: number;
  readonly persistence: PersistenceSnapshot;
  /** In configuration order. Frozen: an index into it is valid for the life of the snapshot. */
  readonly servers: readonly ServerSnapshot[];
  /** max_concurrent_connections_per_server; 0 is no limit. */
  readonly connectionLimitPerServer: number;
  readonly healthMonitors: readonly HealthMonitorSnapshot[];
  /** min_health_monitors_up: how many of them have to find a server up; 0: all. */
  readonly minMonitorsUp: number;
  /** min_servers_up: with fewer the pool is down; 0 as 1. */
  readonly minServersUp: number;
  readonly failAction: FailAction;
  /** inline_health_monitor: a server to which requests fail often gets less. */
  readonly passiveHealth: boolean;
  /** Of pooled connections to servers (ConnPoolProperties); 0 is no limit. */
  readonly upstreamConnections: {
    readonly idleTimeoutMs: number;
    readonly lifeTimeoutMs: number;
    readonly maxReuse: number;
    readonly maxIdlePerServer: number;
  };
  /** server_timeout: from the request's end to the response's head and between reads; 0 in Avi means the default, which the compiler puts here. */
  readonly serverTimeoutMs: number;
  /** How long a connection to a server may take to open, its TLS handshake included. */
  readonly connectTimeoutMs: number;
  readonly gracefulDisable: GracefulDisableSnapshot;
  /** Where requests wait for a place at a server that is at its limit; absent: they do not. */
  readonly requestQueue?: {
    /** As many may wait on an engine. */
    readonly depth: number;
    readonly timeoutMs: number;
  };
  /** Absent: servers are spoken to in the clear. */
  readonly tls?: ServerTlsSnapshot;
  /** enable_http2: by ALPN over TLS, with prior knowledge without. */
  readonly http2: boolean;
}

/** What becomes of a server that the operator disables. */
export interface GracefulDisableSnapshot {
  /** How long what is under way at it may go on: 0 not at all; absent: as long as it takes. */
  readonly timeoutMs?: number;
  /** ALLOW_NEW_CONNECTION_IF_PERSISTENCE_PRESENT: meanwhile clients that belong to it still come to it. */
  readonly keepsPersisted: boolean;
}

export interface ServerSnapshot {
  /** First 48 bits of SHA-256 over pool uuid and address:port, 12 hex digits; what a session ticket names. */
  readonly id: string;
  /** What a person calls it: description or hostname, else ip:port. */
  readonly name: string;
  readonly address: Address;
  /** 1 to 20. */
  readonly ratio: number;
  /** What the operator wants (Server.enabled and Pool.enabled); health is observed elsewhere. */
  readonly enabled: boolean;
  /** Takes the place of the Host that a client sent (rewrite_host_header…). */
  readonly authority?: string;
}

interface MonitorBase {
  readonly name: string;
  readonly sendIntervalMs: number;
  readonly receiveTimeoutMs: number;
  readonly successfulChecks: number;
  readonly failedChecks: number;
  /** Probe this port instead of the server's; absent: the server's. */
  readonly port?: number;
}

/** TLS of an HTTPS monitor. */
export interface MonitorTlsSnapshot {
  readonly client: TlsClientSnapshot;
  /** Sent as server name (SNI). */
  readonly serverName?: string;
  /** The certificate must be for one of these; empty: for any name. */
  readonly verifiedNames: readonly string[];
}

export type HealthMonitorSnapshot =
  | (MonitorBase & {
      readonly kind: 'tcp';
      readonly request?: string;
      readonly response?: string;
      /** A keyword that says that the server is in maintenance. */
      readonly maintenanceResponse?: string;
    })
  | (MonitorBase & {
      readonly kind: 'http';
      /** Request line and any fields, as configured (Avi http_request), line ends CRLF, without the final empty line. */
      readonly request: string;
      readonly body?: string;
      /** Send `request` as it is, without adding Host, User-Agent, Accept. */
      readonly exact: boolean;
      /** Inclusive ranges of acceptable status codes; at least one. */
      readonly statusRanges: readonly (readonly [number, number])[];
      /** A keyword in the first 2048 bytes of head and body. */
      readonly response?: string;
      /** Status codes that say that the server is in maintenance, whatever statusRanges says. */
      readonly maintenanceCodes?: readonly number[];
      /** A keyword there that says so. */
      readonly maintenanceResponse?: string;
      /** Of an HTTPS monitor. */
      readonly tls?: MonitorTlsSnapshot;
    });

/** `ip:port`, with brackets around an IPv6 address: as it stands in a Host field or a log. */
export function describeAddress({ ip, port }: Address): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}
