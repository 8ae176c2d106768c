// The report of an engine's runtime, as its `/runtime` has it and the link carries it: what a reader does not know of passes, what is not as it should be is no report.

import { z } from 'zod';

const monitor = z.object({
  name: z.string(),
  state: z.string(),
  recent_response_time_ms: z.number().optional(),
  failure_code: z.string().optional(),
  reason: z.string().optional(),
});

const server = z.object({
  name: z.string(),
  ip: z.string(),
  port: z.number(),
  enabled: z.boolean(),
  oper_status: z.string(),
  maintenance: z.boolean().optional(),
  share: z.number(),
  connections: z.number(),
  active_requests: z.number(),
  health_monitors: z.array(monitor),
});

const report = z.object({
  state: z.string(),
  config: z.object({ version: z.number(), hash: z.string(), complete: z.boolean() }),
  connections: z.looseObject({ limit: z.number() }),
  virtual_services: z.array(
    z.object({ uuid: z.string(), name: z.string(), open_connections: z.number().optional() }),
  ),
  pools: z.array(z.object({ uuid: z.string(), name: z.string(), servers: z.array(server) })),
});

export type EngineReport = z.output<typeof report>;
export type ReportedServer = z.output<typeof server>;

/** @returns undefined for what is no report: an engine of another version, or one that is broken, is not heard rather than believed. */
export function readEngineReport(body: unknown): EngineReport | undefined {
  return report.safeParse(body).data;
}
