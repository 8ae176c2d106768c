// Certificates that come to their end: said 30, 7 and 1 days before, and when they are there, while time is left to renew them.

import type { CertificateSnapshot, Snapshot } from '@limpet/model';
import type { Clock } from '../lifecycle/clock.ts';
import type { Deadline, Deadlines } from '../lifecycle/deadlines.ts';

/** Days of validity left at which a warning is due; Avi's ssl_certificate_expiry_warning_days. 0: it has expired. */
const WARNING_DAYS = [30, 7, 1, 0];
const DAY_S = 86_400;
const LOOK_INTERVAL_MS = 3_600_000;

export interface ExpiringCertificate {
  readonly certificate: CertificateSnapshot;
  readonly virtualService: string;
  /** Whole days left; 0 or less: expired. */
  readonly daysLeft: number;
}

/** When the first certificate of a virtual service expires, in seconds since 1970; undefined where it has none. */
export function firstExpiryS(certificates: readonly CertificateSnapshot[]): number | undefined {
  if (certificates.length === 0) return undefined;
  return Math.min(...certificates.map(({ notAfterS }) => notAfterS));
}

/** Looks at every configuration and then every hour; each certificate is told of once a stage. */
export class CertificateExpiry {
  readonly #clock: Clock;
  readonly #onExpiring: (expiring: ExpiringCertificate) => void;
  readonly #deadline: Deadline;
  #snapshot: Snapshot | undefined;
  /** The last stage that was told, by virtual service and fingerprint. */
  #told = new Map<string, number>();

  constructor(clock: Clock, deadlines: Deadlines, onExpiring: (expiring: ExpiringCertificate) => void) {
    this.#clock = clock;
    this.#onExpiring = onExpiring;
    this.#deadline = deadlines.start(LOOK_INTERVAL_MS, () => this.#look());
  }

  apply(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    this.#look();
  }

  stop(): void {
    this.#deadline.cancel();
  }

  #look(): void {
    this.#deadline.restart();
    const nowS = Math.floor(this.#clock.unixMs() / 1000);
    const told = new Map<string, number>();
    for (const { uuid, name, tls } of this.#snapshot?.virtualServices ?? []) {
      for (const certificate of tls?.certificates ?? []) {
        const leftS = certificate.notAfterS - nowS;
        const stage = WARNING_DAYS.findLast((days) => leftS <= days * DAY_S);
        if (stage === undefined) continue;
        const key = `${uuid} ${certificate.fingerprint}`;
        told.set(key, stage);
        if (this.#told.get(key) === stage) continue;
        this.#onExpiring({ certificate, virtualService: name, daysLeft: Math.floor(leftS / DAY_S) });
      }
    }
    this.#told = told;
  }
}
