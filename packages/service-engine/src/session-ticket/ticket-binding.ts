// The binding to Node's TLS: the only file that knows the undocumented ticket-key callback and how a sealing finds its connection.

import type { Socket } from 'node:net';
import type { TLSSocket, Server as TlsServer } from 'node:tls';
import type { Clock } from '../lifecycle/clock.ts';
import type { RandomSource } from '../lifecycle/random.ts';
import type { KeyRing } from './key-ring.ts';
import type { ResumptionCode } from './resumption.ts';
import { BLOCK_BYTES, encodeServerMapping } from './server-mapping.ts';
import type { TicketKey } from './ticket-key.ts';

/** What crosses from the opening of a connection's ticket to the sealing of its new ones. */
export interface TicketPlan {
  /** The presented ticket that OpenSSL may open, and the answer that it gets; absent: none may resume. */
  readonly resume?: { readonly keyName: string; readonly code: ResumptionCode; readonly key: TicketKey };
  readonly affinityKey: number;
  /** When the chain of tickets began (the last full handshake), if this connection resumes it. */
  readonly chainStartS?: number;
  /** Issue time that new tickets keep (an entry that has to expire); absent: now. */
  readonly keptIssuedAtS?: number;
  /** TLS 1.3 without psk_dhe_ke gets no ticket (RFC 8446 §4.2.9): then no sealing will follow `secureConnection`. */
  readonly expectsTls13Tickets: boolean;
}

/** Told of each ticket that is sealed; `renewed` on a resumed connection. */
export type SealObserver = (renewed: boolean) => void;

export interface TicketBindingOptions {
  /** The server that tickets of this context name. */
  readonly serverId: number;
  /** Read at each sealing, so that a rotation takes effect at once. */
  readonly ring: () => KeyRing;
  /** False: no ticket is issued and none resumes (enable_ssl_session_reuse). */
  readonly sessionReuse: boolean;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly onSeal: SealObserver;
}

/** Node's private surface, as far as it is used here. Present in Node 20 to 26; checked by the start-up self-test. */
interface TicketKeyContext {
  enableTicketKeyCallback(): void;
  onticketkeycallback: (name: Buffer, iv: Buffer, enc: boolean | number) => TicketKeyAnswer;
}
type TicketKeyAnswer = readonly [code: number, hmacKey: Buffer, aesKey: Buffer, name: Buffer, iv: Buffer];
type PrivateTlsServer = TlsServer & { readonly _sharedCreds: { readonly context: TicketKeyContext } };
type PrivateTlsSocket = TLSSocket & { readonly _parent?: Socket };

interface Sealing {
  readonly binding: TicketBinding;
  readonly plan: TicketPlan;
  readonly resumed: boolean;
  remaining: number;
  withheld: boolean;
}

// The callback is not told its connection. In TLS 1.3 `secureConnection` fires synchronously just before the tickets of that
// connection are sealed, so it is noted here; one thread runs one handshake step at a time.
let sealing: Sealing | undefined;

const EMPTY_BLOCK = Buffer.alloc(BLOCK_BYTES);
// Node aborts the process when an answer lacks keys, name or IV, whatever its code.
const REFUSE: TicketKeyAnswer = [0, EMPTY_BLOCK, EMPTY_BLOCK, EMPTY_BLOCK, EMPTY_BLOCK];

/** The raw socket that a TLSSocket made by `server.emit('connection', socket)` reads from. */
export function rawSocketOf(socket: TLSSocket): Socket | undefined {
  return (socket as PrivateTlsSocket)._parent;
}

/**
 * Makes one un-listened tls.Server (one server of a pool, one certificate, one policy) seal its server's id into every ticket
 * and resume exactly the tickets that were planned. Must be made before any other listener of `secureConnection`.
 */
export class TicketBinding {
  readonly #options: TicketBindingOptions;
  readonly #plans = new Map<Socket, TicketPlan>();
  readonly #resumable = new Map<string, { plan: TicketPlan; users: number }>();
  readonly #block = Buffer.alloc(BLOCK_BYTES);

  constructor(server: TlsServer, options: TicketBindingOptions) {
    this.#options = options;
    const { context } = (server as PrivateTlsServer)._sharedCreds;
    context.enableTicketKeyCallback();
    context.onticketkeycallback = (name, _iv, enc) => {
      // A throw here would be an uncaught exception on sealing and alert 80 for the client on opening.
      try {
        return enc ? this.#seal() : this.#open(name);
      } catch {
        return REFUSE;
      }
    };
    server.prependListener('secureConnection', (socket) => {
      try {
        this.#onSecure(socket);
      } catch (error) {
        // Who serves the connection will not be told of it any more.
        socket.destroy();
        throw error;
      }
    });
  }

  /** Announces a connection whose raw socket is about to be given to the tls.Server. */
  expect(rawSocket: Socket, plan: TicketPlan): void {
    this.#plans.set(rawSocket, plan);
    const keyName = plan.resume?.keyName;
    if (keyName === undefined) return;
    const known = this.#resumable.get(keyName);
    // TLS 1.2 clients present one ticket on several connections at a time; each gets the answer of the latest decision.
    this.#resumable.set(keyName, { plan, users: (known?.users ?? 0) + 1 });
  }

  /** Ends what {@link expect} began: call once, when the handshake is over or the connection is gone. */
  forget(rawSocket: Socket): void {
    const plan = this.#plans.get(rawSocket);
    if (plan === undefined) return;
    this.#plans.delete(rawSocket);
    const keyName = plan.resume?.keyName;
    if (keyName === undefined) return;
    const known = this.#resumable.get(keyName);
    if (known === undefined) return;
    if (known.users === 1) this.#resumable.delete(keyName);
    else known.users--;
  }

  /** Handshakes under way that presented a ticket which may resume; for tests of leaks. */
  get pendingTickets(): number {
    return this.#resumable.size;
  }

  /**
   * For a connection that is refused in `secureConnection`: the TLS 1.3 tickets that are about to be sealed for it are not. In TLS 1.2 they
   * have been, before the certificate of the client could be judged; there it counts that every resumption is judged again.
   */
  withhold(): void {
    if (sealing?.binding === this) sealing.withheld = true;
  }

  #onSecure(socket: TLSSocket): void {
    const raw = rawSocketOf(socket);
    const plan = raw === undefined ? undefined : this.#plans.get(raw);
    if (plan === undefined || !plan.expectsTls13Tickets || socket.getProtocol() !== 'TLSv1.3') return;
    const resumed = socket.isSessionReused();
    // Resumed by no plan of its own: after a HelloRetryRequest the client has shown a ticket that it had not shown before, and that another of its
    // connections was opening. Nothing is known of its chain, so the chain ends here (R6).
    const withheld = resumed && plan.resume === undefined;
    const mine: Sealing = { binding: this, plan, resumed, remaining: resumed ? 1 : 2, withheld };
    sealing = mine;
    // Ticks and microtasks run inside the handshake, so only the next turn of the event loop is surely after the sealing.
    setImmediate(() => {
      if (sealing === mine) sealing = undefined;
    });
  }

  #open(name: Buffer): TicketKeyAnswer {
    const resume = this.#resumable.get(name.toString('latin1', 0, BLOCK_BYTES))?.plan.resume;
    // After a HelloRetryRequest this is called a second time for the same ticket, so nothing is counted here.
    if (resume === undefined || resume.code === 0 || !this.#options.sessionReuse) return REFUSE;
    if (resume.key.isDestroyed) return REFUSE;
    return [resume.code, resume.key.hmacKey, resume.key.aesKey, EMPTY_BLOCK, EMPTY_BLOCK];
  }

  #seal(): TicketKeyAnswer {
    const { serverId, ring, clock, random, sessionReuse, onSeal } = this.#options;
    if (!sessionReuse) return REFUSE;
    const nowS = Math.floor(clock.unixMs() / 1000);
    const current = sealing?.binding === this ? sealing : undefined;
    if (current !== undefined && --current.remaining === 0) sealing = undefined;
    if (current?.withheld === true) return REFUSE;
    const plan = current?.plan;
    const issuedAtS = plan?.keptIssuedAtS ?? nowS;
    const chainStartS = current?.resumed === true ? (plan?.chainStartS ?? nowS) : nowS;
    const block = this.#block;
    encodeServerMapping(
      {
        // In TLS 1.2 nothing precedes the sealing: the server is this context's, the affinity key a new one.
        tls13: current !== undefined,
        serverId,
        issuedAtS,
        chainAgeS: issuedAtS - chainStartS,
        affinityKey: plan?.affinityKey ?? random.bytes(2).readUInt16BE(0),
      },
      block,
    );
    const key = ring().current;
    const iv = random.bytes(BLOCK_BYTES);
    onSeal(current?.resumed === true);
    return [1, key.hmacKey, key.aesKey, key.sealBlock(block, iv), iv];
  }
}
