// ControllerProperties: periods and timeouts of the Controller.

import { z } from 'zod';
import { count, countOrZero, singleton } from './fields.ts';

export const controllerProperties = z.looseObject({
  ...singleton,
  /** Minutes that a session may be idle; 0 is for ever. */
  api_idle_timeout: count(0, 1440).default(15),
  /** Seconds without a word from an engine, after which another of its group takes its virtual services. */
  dead_se_detection_timer: count(1, 86_400).default(360),
  /** Minutes that a token for enrolment is good for. */
  secure_channel_se_token_timeout: count(1, 10_080).default(60),
  /** Minutes between rotations of ticket keys; 0 is never. */
  vs_key_rotate_period: countOrZero(1, 1_051_200).default(360),
});
