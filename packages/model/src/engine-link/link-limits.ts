// The limits of the engine link that both ends hold: sizes, queues, times.

/** By ALPN (RFC 7301): an end that speaks another version is told so by TLS itself. */
export const LINK_PROTOCOL = 'limpet-link/1';

/** What a Controller may send at once: the full snapshot of a thousand virtual services with ten thousand servers has 5 MB, with its keys 8. */
export const ENGINE_RECEIVES_MAX_BYTES = 134_217_728;
/** What an engine may send at once: the state of ten thousand servers has 5 MB, and more where each says why it is down. */
export const CONTROLLER_RECEIVES_MAX_BYTES = 33_554_432;
/** Before the other end has said who it is. */
export const HELLO_MAX_BYTES = 1_048_576;

/** Reports that wait on an engine for a Controller that reads slowly, or is gone; the oldest are dropped and counted. */
export const REPORTS_WAITING_MAX = 64;
/** Bytes that wait on either side for the other to read them; one that lets them stand longer than it may be silent is cut. */
export const WAITING_MAX_BYTES = 2 * ENGINE_RECEIVES_MAX_BYTES;

export const HEARTBEAT_EVERY_MS = 2000;
/** An end of which nothing was heard so long is dead; with the next look of the timer it is known within 10 s. */
export const SILENCE_MAX_MS = 8000;
/** From the connection to the hello. */
export const HELLO_TIMEOUT_MS = 10_000;
