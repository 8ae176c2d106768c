// A request whose server has failed, or that finds none: asked for once more, at the same server or at another, or its client told that it is not.

import type { ErrorCode, FailAction } from '@limpet/model';
import type { ServerRuntime } from '../pool/server-runtime.ts';
import type { ClientAnswer } from './client-answer.ts';
import type { UpstreamFailure } from './exchange.ts';
import { failAnswerTo } from './fail-answer.ts';
import type { RequestPlace } from './request-place.ts';
import type { RequestRecord } from './request-record.ts';
import {
  ATTEMPTS_MAX,
  afterServerFailure,
  isUnharmed,
  type Resendable,
  SAME_SERVER_RETRIES_MAX,
} from './retry.ts';

/** The request, as far as recovery asks of it. */
export interface Recoverable extends Resendable {
  /** What the profile says is that the client's connection ends. */
  onReset(error: ErrorCode): void;
}

export class RequestRecovery {
  readonly #place: RequestPlace;
  readonly #record: RequestRecord;
  readonly #answer: ClientAnswer;
  readonly #request: Recoverable;
  #lastFailure: UpstreamFailure | undefined;
  #sameServerRetries = 0;

  constructor(place: RequestPlace, record: RequestRecord, answer: ClientAnswer, request: Recoverable) {
    this.#place = place;
    this.#record = record;
    this.#answer = answer;
    this.#request = request;
  }

  /** Whether the same server is to be asked again; counted. */
  asksAgain(failure: UpstreamFailure): boolean {
    return isUnharmed(failure, this.#request) && this.#sameServerRetries++ < SAME_SERVER_RETRIES_MAX;
  }

  /** The server has failed before it answered. */
  goOn(failure: UpstreamFailure, server: ServerRuntime): void {
    const { recovery, cookie } = this.#place;
    this.#place.giveBack();
    this.#lastFailure = failure;
    switch (afterServerFailure(failure, recovery, this.#request, this.#record.serversTried)) {
      case 'reset':
        this.#record.note('ADF_PERSISTENCE_FAILURE_SERVER_DOWN');
        this.#request.onReset('PERSISTENT_SERVER_UNREACHABLE');
        return;
      case 'refuse-bound':
        this.#record.note('ADF_PERSISTENCE_FAILURE_SERVER_DOWN');
        this.#answer.refuse('PERSISTENT_SERVER_UNREACHABLE', false, failure.detail);
        return;
      case 'other-server':
        if (recovery === 'immediate') this.#record.note('ADF_PERSISTENCE_FAILURE_SERVER_DOWN');
        this.#place.findAnother(server);
        return;
      case 'refuse':
        this.#answer.refuse(failure.error, recovery === 'immediate' && cookie === undefined, failure.detail);
    }
  }

  /**
   * The server is disabled, and its time was over before it answered.
   *
   * @param isSafe whether another may be asked.
   * @param isBound whether the client's connection belongs to the server.
   */
  goOnAfterDrain(isSafe: boolean, isBound: boolean): void {
    this.#place.giveBack();
    // The configuration that is read now does not lead to this server any more.
    if (isSafe && this.#record.serversTried < ATTEMPTS_MAX) this.#place.findAnother();
    else this.#answer.refuse('SERVER_DISABLED', isBound, '');
  }

  endWithoutServer(error: ErrorCode, failAction: FailAction): void {
    const answer = failAnswerTo(this.#answer.exchange.head, failAction);
    if (answer === undefined) {
      // Every server was tried: what the last one failed with says more than that there is none left.
      const failure = this.#lastFailure;
      this.#answer.refuse(failure?.error ?? error, false, failure?.detail ?? '');
    } else {
      this.#answer.sendInstead(answer, false, error);
    }
  }
}
