// Checks of a health monitor.

import type { AviObject, ObjectSet } from '../objects/schemas.ts';
import type { Report } from './report.ts';
import { validateServerName, validateTlsClient } from './validate-server-tls.ts';

const SUPPORTED_MONITORS = ['HEALTH_MONITOR_TCP', 'HEALTH_MONITOR_HTTP', 'HEALTH_MONITOR_HTTPS'];

export function validateHealthMonitor(
  monitor: AviObject<'HealthMonitor'>,
  objects: ObjectSet,
  report: Report,
): void {
  const { name, type, receive_timeout, send_interval } = monitor;
  if (!SUPPORTED_MONITORS.includes(type)) {
    report(
      'HealthMonitor',
      name,
      'type',
      `${type} is not supported yet; use ${SUPPORTED_MONITORS.join(' or ')}`,
    );
  }
  if (receive_timeout >= send_interval) {
    report('HealthMonitor', name, 'receive_timeout', `must be less than send_interval (${send_interval} s)`);
  }
  const { maintenance_response, tcp_response } = monitor.tcp_monitor;
  if (type === 'HEALTH_MONITOR_TCP' && maintenance_response !== undefined && tcp_response === undefined) {
    report(
      'HealthMonitor',
      name,
      'tcp_monitor.maintenance_response',
      'needs tcp_response: without one the monitor does not wait for an answer',
    );
  }
  const field = type === 'HEALTH_MONITOR_HTTPS' ? 'https_monitor' : 'http_monitor';
  const { http_request, ssl_attributes } = monitor[field];
  if (type.startsWith('HEALTH_MONITOR_HTTP') && !/^[A-Z]+ \S+ HTTP\/1\.[01](\r?\n|$)/.test(http_request)) {
    report(
      'HealthMonitor',
      name,
      `${field}.http_request`,
      'must begin with a request line such as "GET / HTTP/1.0"',
    );
  }
  if (type !== 'HEALTH_MONITOR_HTTPS' || ssl_attributes === undefined) return;
  const at = (attribute: string, message: string): void =>
    report('HealthMonitor', name, `https_monitor.ssl_attributes.${attribute}`, message);
  validateTlsClient(ssl_attributes, objects, at);
  validateServerName(ssl_attributes.server_name, at);
}
