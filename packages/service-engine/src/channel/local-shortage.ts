// Errors that say that this machine or process is short of something, and nothing about the peer.

const CODES = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL', 'EAGAIN']);

/** Whether a connection failed for want of a descriptor, a local port or memory: a server is not to be blamed for that. */
export function isLocalShortage(code: string | undefined): boolean {
  return code !== undefined && CODES.has(code);
}
