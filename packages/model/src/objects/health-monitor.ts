// HealthMonitor: an active probe of servers.

import { z } from 'zod';
import { count, countOrZero, identity, ref, text } from './fields.ts';

export const healthMonitorTcp = z.looseObject({
  tcp_request: text.optional(),
  tcp_response: text.min(1).optional(),
  maintenance_response: text.min(1).optional(),
});

export const healthMonitorSslAttributes = z.looseObject({
  ssl_profile_ref: ref,
  pki_profile_ref: ref.optional(),
  ssl_key_and_certificate_ref: ref.optional(),
  server_name: z.string().max(255).optional(),
});

export const healthMonitorHttp = z.looseObject({
  http_request: z.string().min(1).max(8192).default('GET / HTTP/1.0'),
  http_request_body: text.optional(),
  http_response: text.min(1).optional(),
  http_response_code: z
    .array(z.enum(['HTTP_ANY', 'HTTP_1XX', 'HTTP_2XX', 'HTTP_3XX', 'HTTP_4XX', 'HTTP_5XX']))
    .min(1)
    .default(['HTTP_2XX']),
  maintenance_code: z.array(count(101, 599)).max(4).default([]),
  maintenance_response: text.min(1).optional(),
  exact_http_request: z.boolean().default(false),
  ssl_attributes: healthMonitorSslAttributes.optional(),
});

export const healthMonitor = z.looseObject({
  ...identity,
  description: text.optional(),
  type: z.enum([
    'HEALTH_MONITOR_PING',
    'HEALTH_MONITOR_TCP',
    'HEALTH_MONITOR_HTTP',
    'HEALTH_MONITOR_HTTPS',
    'HEALTH_MONITOR_EXTERNAL',
    'HEALTH_MONITOR_UDP',
    'HEALTH_MONITOR_DNS',
    'HEALTH_MONITOR_GSLB',
    'HEALTH_MONITOR_SIP',
    'HEALTH_MONITOR_RADIUS',
    'HEALTH_MONITOR_SMTP',
    'HEALTH_MONITOR_SMTPS',
    'HEALTH_MONITOR_POP3',
    'HEALTH_MONITOR_POP3S',
    'HEALTH_MONITOR_IMAP',
    'HEALTH_MONITOR_IMAPS',
    'HEALTH_MONITOR_FTP',
    'HEALTH_MONITOR_FTPS',
    'HEALTH_MONITOR_LDAP',
    'HEALTH_MONITOR_LDAPS',
    'HEALTH_MONITOR_SCTP',
  ]),
  send_interval: count(1, 3600).default(10),
  receive_timeout: count(1, 2400).default(4),
  successful_checks: count(1, 50).default(2),
  failed_checks: count(1, 50).default(2),
  monitor_port: countOrZero(1, 65_535).optional(),
  tcp_monitor: healthMonitorTcp.prefault({}),
  http_monitor: healthMonitorHttp.prefault({}),
  https_monitor: healthMonitorHttp.prefault({}),
});
