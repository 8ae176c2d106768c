// The limits of a request head, as the profile has them.

import type { HttpSnapshot } from '@limpet/model';
import type { HeadLimits } from './http1/field-lines.ts';

export function headLimitsOf(http: HttpSnapshot): HeadLimits {
  return {
    headLimitBytes: http.headLimitBytes,
    fieldLineLimitBytes: http.fieldLineLimitBytes,
    fieldCountLimit: http.fieldCountLimit,
    dropsDottedNames: !http.dotsInNames,
  };
}
