// The small interface that codecs talk to: bytes in, bytes out, pause, resume, close; over TLS or TCP alike.

/** What the owner of a channel is told. Each call is synchronous; one that throws ends the channel. */
export interface ChannelListener {
  /**
   * Bytes that arrived. The buffer is only valid during the call: what is kept, or written to another channel, must be
   * copied first, unless {@link Channel.ownsReadBuffer} says that each chunk is memory of its own.
   */
  onData(chunk: Buffer): void;
  /** The peer will send no more (FIN, close_notify). */
  onEnd(): void;
  /** A write returned false before, and its bytes have now left. */
  onDrain(): void;
  /** The channel is gone, for whatever reason; the last call. */
  onClose(error: Error | undefined): void;
}

export interface Channel {
  listener: ChannelListener;
  /** False: chunks given to onData are reused after the call. */
  readonly ownsReadBuffer: boolean;
  /** Queues bytes (a string is latin1) and returns false when the peer is slower than we are: wait for onDrain. */
  write(data: Buffer | string): boolean;
  /** Stops reading; at most what the kernel already handed over still arrives. */
  pause(): void;
  resume(): void;
  /** Sends what was written, then closes in order. */
  end(): void;
  /** Closes at once; what was not sent is lost. */
  destroy(): void;
  /** As destroy, with a TCP reset so that the peer does not take what it got for complete. Only onClose follows. */
  reset(): void;
}
