// The secret box: secrets are sealed under the master key before they reach the store, each for one purpose.

/** AES-256-GCM under a key that HKDF makes of the master key; the purpose is authenticated, so that a sealed text cannot be moved elsewhere. */
export interface SecretBox {
  /** @param purpose as `SSLKeyAndCertificate/<uuid>/key`. */
  seal(purpose: string, secret: string): string;
  /** @throws LimpetError SECRET_UNREADABLE: another master key, another purpose, or damage. */
  open(purpose: string, sealed: string): string;
}
