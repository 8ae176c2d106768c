// A client of the compatibility matrix: a real program that comes back again and again, with what it keeps of its TLS sessions.

export type TlsVersion = 'TLSv1.3' | 'TLSv1.2';

export interface Visits {
  /** Of the spreader: this client gets to the engines in turn. */
  readonly port: number;
  readonly version: TlsVersion;
  /** How often the client comes back. */
  readonly reconnects: number;
  /** A certificate to trust, of localhost. */
  readonly certificateFile: string;
  /** For whatever it keeps. */
  readonly folder: string;
  /** Ends the connections that the client would keep. */
  cutConnections(): void;
}

export interface ReconnectingClient {
  readonly name: string;
  /** How it was made to come back. */
  readonly how: string;
  /** Every other time: the program keeps the ticket of a full handshake for one more connection, and none that comes on that. */
  readonly showsTicket: 'each time' | 'every other time';
  /** Version of the program. */
  program(): Promise<string>;
  /** Visits `/visit/0`, `/visit/1`, … over a connection each; the server of each answer. */
  visit(visits: Visits): Promise<readonly string[]>;
}

/** Connections that a client makes in all. */
export function visitCount(client: ReconnectingClient, reconnects: number): number {
  return client.showsTicket === 'each time' ? reconnects + 1 : 2 * reconnects;
}
