// The ClientHello: what of it the accept path and the first-connection rule need, parsed.

/** All lists are without GREASE values (RFC 8701). Buffers are views on the bytes that were parsed. */
export interface ClientHello {
  /** Host of server_name, lower case; undefined where there is none or it is no host name. */
  readonly serverName: string | undefined;
  readonly cipherSuites: readonly number[];
  readonly supportedGroups: readonly number[];
  readonly signatureAlgorithms: readonly number[];
  /** Of supported_versions; empty where the extension is absent. */
  readonly supportedVersions: readonly number[];
  readonly alpnProtocols: readonly string[];
  readonly offersTls13: boolean;
  /** psk_key_exchange_modes holds psk_dhe_ke: without it TLS 1.3 issues and takes no tickets. */
  readonly offersPskDheKe: boolean;
  /** Extension 35, the ticket of TLS 1.2; of length 0 where the client only asks for one. */
  readonly sessionTicket: Buffer | undefined;
  /** Extension 41, the tickets of TLS 1.3. */
  readonly pskIdentities: readonly Buffer[];
}

export const TLS13 = 0x0304;

/** RFC 8701 §2: 0x0a0a, 0x1a1a, … 0xfafa. */
export function isGrease(value: number): boolean {
  return (value & 0x0f0f) === 0x0a0a && value >> 8 === (value & 0xff);
}
