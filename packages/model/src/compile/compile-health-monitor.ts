// Compiling a health monitor.

import type { AviObject } from '../objects/schemas.ts';
import type { HealthMonitorSnapshot } from '../snapshot.ts';
import { compileMonitorTls, type TlsObjects } from './compile-server-tls.ts';

const STATUS_RANGES: Readonly<Record<string, readonly [number, number]>> = {
  HTTP_ANY: [100, 599],
  HTTP_1XX: [100, 199],
  HTTP_2XX: [200, 299],
  HTTP_3XX: [300, 399],
  HTTP_4XX: [400, 499],
  HTTP_5XX: [500, 599],
};

export function compileHealthMonitor(
  monitor: AviObject<'HealthMonitor'>,
  pool: AviObject<'Pool'>,
  from: TlsObjects,
): HealthMonitorSnapshot {
  const base = {
    name: monitor.name,
    sendIntervalMs: monitor.send_interval * 1000,
    receiveTimeoutMs: monitor.receive_timeout * 1000,
    successfulChecks: monitor.successful_checks,
    failedChecks: monitor.failed_checks,
    ...(monitor.monitor_port ? { port: monitor.monitor_port } : {}),
  };
  if (monitor.type === 'HEALTH_MONITOR_TCP') {
    const { tcp_request, tcp_response, maintenance_response } = monitor.tcp_monitor;
    return {
      ...base,
      kind: 'tcp',
      ...(tcp_request === undefined ? {} : { request: tcp_request }),
      ...(tcp_response === undefined ? {} : { response: tcp_response }),
      ...(maintenance_response === undefined ? {} : { maintenanceResponse: maintenance_response }),
    };
  }
  const secure = monitor.type === 'HEALTH_MONITOR_HTTPS';
  const http = secure ? monitor.https_monitor : monitor.http_monitor;
  return {
    ...base,
    kind: 'http',
    request: http.http_request.replace(/\r?\n/g, '\r\n').replace(/(\r\n)+$/, ''),
    exact: http.exact_http_request,
    statusRanges: http.http_response_code.map((code) => STATUS_RANGES[code] as readonly [number, number]),
    ...(http.http_request_body === undefined ? {} : { body: http.http_request_body }),
    ...(http.http_response === undefined ? {} : { response: http.http_response }),
    ...(http.maintenance_code.length === 0 ? {} : { maintenanceCodes: http.maintenance_code }),
    ...(http.maintenance_response === undefined ? {} : { maintenanceResponse: http.maintenance_response }),
    ...(secure ? { tls: compileMonitorTls(http.ssl_attributes, pool, from) } : {}),
  };
}
