// What the API is given to work with.

import type { Configuration } from '../config/configuration.ts';
import type { JsonObject } from '../json.ts';
import type { Clock } from '../lifecycle/clock.ts';
import type { RandomSource } from '../lifecycle/random.ts';
import type { RuntimeSource } from '../telemetry/runtime-source.ts';
import type { Authenticator } from '../users/authenticator.ts';
import type { Handler, PublicHandler } from './api-call.ts';
import type { ObjectActions } from './object-actions.ts';

/** Reached without a login, as what an engine asks that has no identity yet. */
export interface PublicEndpoint {
  readonly method: 'GET' | 'POST';
  /** As `/api/engine-link`. */
  readonly path: string;
  readonly handle: PublicHandler;
}

/** For users. */
export interface KnownEndpoint {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly handle: Handler;
}

export interface ApiServices {
  readonly configuration: Configuration;
  readonly authenticator: Authenticator;
  readonly runtime: RuntimeSource;
  readonly actions: ObjectActions;
  readonly publicEndpoints: readonly PublicEndpoint[];
  readonly knownEndpoints: readonly KnownEndpoint[];
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Of Limpet, as `0.1.0`. */
  readonly productVersion: string;
  /** Keeps an event for whoever asks later. Never throws. */
  recordEvent(eventId: string, details: JsonObject): void;
}
