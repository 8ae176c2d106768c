// What the benchmark asks of the load client, and what the client reports: the messages between the two processes.

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

export type LoadCommand =
  /** One request on one new connection: what was negotiated? */
  | { readonly kind: 'probe'; readonly port: number; readonly version: TlsVersion; readonly http2: boolean }
  /** Keep-alive requests, one at a time on each of a few connections, which stay open for the next block. */
  | {
      readonly kind: 'requests';
      readonly port: number;
      readonly connections: number;
      readonly durationMs: number;
    }
  /** Concurrent streams on one HTTP/2 connection, which stays open for the next block. */
  | { readonly kind: 'streams'; readonly port: number; readonly streams: number; readonly durationMs: number }
  /** Connections with a full handshake and one request each. */
  | {
      readonly kind: 'full-connections';
      readonly ports: readonly number[];
      readonly version: TlsVersion;
      readonly concurrency: number;
      readonly durationMs: number;
    }
  /**
   * Connections with one request each by clients that keep their ticket; every client takes the ports in turn. Clients
   * of one `clients` name live on from block to block.
   */
  | {
      readonly kind: 'resumed-connections';
      readonly clients: string;
      readonly ports: readonly number[];
      readonly version: TlsVersion;
      readonly concurrency: number;
      readonly durationMs: number;
    }
  /** Opens this many more connections, makes one request on each, and holds them open without another byte. */
  | { readonly kind: 'hold'; readonly port: number; readonly connections: number }
  /** Closes all held connections. */
  | { readonly kind: 'release' };

/** One block of load. */
export interface BlockReport {
  readonly operations: number;
  readonly errors: number;
  readonly firstError?: string;
  readonly wallMs: number;
  /** How many operations were on a resumed TLS session. */
  readonly resumed: number;
  /** How many of those were given a new ticket; a client that uses tickets once needs one each time. */
  readonly renewed: number;
  /** How many reached the server that the client's first connection reached. */
  readonly ownServer: number;
  /** How many clients have each server for their own. */
  readonly clientsPerServer?: Readonly<Record<string, number>>;
}

export interface Negotiated {
  readonly protocol: string;
  readonly cipher: string;
  readonly group: string;
  readonly alpn: string;
  readonly certificate: string;
}

export interface LoadRequest {
  readonly id: number;
  readonly command: LoadCommand;
}

export type LoadReply =
  | { readonly kind: 'block'; readonly id: number; readonly block: BlockReport }
  | { readonly kind: 'negotiated'; readonly id: number; readonly negotiated: Negotiated }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string };

/** The name in the certificate and in every Host field. */
export const SERVER_NAME = 'bench.example';
