// The answer to a request when every pool is down, or every server at its limit: the page or the redirect that the operator has prepared (Pool.fail_action).

import type { FailAction } from '@limpet/model';
import { createFailResponse, createRedirect, type OwnResponse, UNCACHED } from './error-response.ts';
import type { RequestHead } from './message.ts';

/** Undefined: nothing was prepared, so it is an error as any other. */
export function failAnswerTo({ method, target }: RequestHead, action: FailAction): OwnResponse | undefined {
  switch (action.kind) {
    case 'respond':
      return createFailResponse(action.status, action.contentType, action.body, method);
    case 'redirect':
      // Not to be kept, whatever its status allows: the pool will be up again.
      return createRedirect(action.status, locationOf(action, target), method, UNCACHED);
    default:
      return undefined;
  }
}

/** What the action does not say is taken from the request. */
function locationOf(
  { protocol, host, path, query }: FailAction & { kind: 'redirect' },
  target: string,
): string {
  // OPTIONS * names no path.
  const asked = target.startsWith('/') ? target : '/';
  const mark = asked.indexOf('?');
  const askedPath = mark < 0 ? asked : asked.slice(0, mark);
  const askedQuery = mark < 0 ? '' : asked.slice(mark + 1);
  const wantedQuery = query ?? askedQuery;
  return `${protocol}://${host}${path ?? askedPath}${wantedQuery === '' ? '' : `?${wantedQuery}`}`;
}
