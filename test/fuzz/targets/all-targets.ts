// Everything that is fuzzed.

import type { FuzzTarget } from '../fuzz-target.ts';
import { chunkedBodyTarget } from './chunked-body.ts';
import { clientHelloTarget } from './client-hello.ts';
import { http1RequestsTarget } from './http1-requests.ts';
import { http1ResponseHeadTarget } from './http1-response-head.ts';
import { http2RequestHeadTarget } from './http2-request-head.ts';
import { persistenceCookieTarget } from './persistence-cookie.ts';
import { proxyHeaderTarget } from './proxy-header.ts';
import { sessionTicketTarget } from './session-ticket.ts';

export const fuzzTargets: readonly FuzzTarget[] = [
  clientHelloTarget,
  http1RequestsTarget,
  http1ResponseHeadTarget,
  chunkedBodyTarget,
  http2RequestHeadTarget,
  proxyHeaderTarget,
  sessionTicketTarget,
  persistenceCookieTarget,
];
