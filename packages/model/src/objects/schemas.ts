// The Avi objects that Limpet acts upon, by Avi's names; each has a file with its JSON fields, types, ranges and defaults as Avi's published schemas have them.

import type { z } from 'zod';
import { applicationPersistenceProfile } from './application-persistence-profile.ts';
import { applicationProfile } from './application-profile.ts';
import { healthMonitor } from './health-monitor.ts';
import { pkiProfile } from './pki-profile.ts';
import { pool } from './pool.ts';
import { sslKeyAndCertificate } from './ssl-key-and-certificate.ts';
import { sslProfile } from './ssl-profile.ts';
import { virtualService } from './virtual-service.ts';
import { vsVip } from './vs-vip.ts';

/** The types of objects that a configuration is made of, by Avi's names, in the order in which they refer to each other. */
export const objectSchemas = {
  ApplicationPersistenceProfile: applicationPersistenceProfile,
  ApplicationProfile: applicationProfile,
  HealthMonitor: healthMonitor,
  PKIProfile: pkiProfile,
  SSLKeyAndCertificate: sslKeyAndCertificate,
  SSLProfile: sslProfile,
  VsVip: vsVip,
  Pool: pool,
  VirtualService: virtualService,
} as const;

export type ObjectType = keyof typeof objectSchemas;

/** An object after parsing: defaults filled in, its uuid known. */
export type AviObject<T extends ObjectType> = z.output<(typeof objectSchemas)[T]> & { uuid: string };

/** All objects of a configuration. */
export type ObjectSet = { readonly [T in ObjectType]: readonly AviObject<T>[] };

/** Avi's name of the message type of each object and of what is nested in it, by the path below the object. */
export const nestedTypes: Readonly<Record<ObjectType, Readonly<Record<string, string>>>> = {
  ApplicationProfile: {
    http_profile: 'HTTPApplicationProfile',
    'http_profile.http2_profile': 'HTTP2ApplicationProfile',
    'http_profile.ssl_client_certificate_action': 'SSLClientCertificateAction',
    'http_profile.ssl_client_certificate_action.headers[]': 'SSLClientRequestHeader',
  },
  ApplicationPersistenceProfile: { http_cookie_persistence_profile: 'HttpCookiePersistenceProfile' },
  HealthMonitor: {
    tcp_monitor: 'HealthMonitorTcp',
    http_monitor: 'HealthMonitorHttp',
    'http_monitor.ssl_attributes': 'HealthMonitorSSLAttributes',
    https_monitor: 'HealthMonitorHttp',
    'https_monitor.ssl_attributes': 'HealthMonitorSSLAttributes',
  },
  PKIProfile: { 'ca_certs[]': 'SSLCertificate', 'crls[]': 'CRL' },
  SSLKeyAndCertificate: { certificate: 'SSLCertificate' },
  SSLProfile: { 'accepted_versions[]': 'SSLVersion' },
  VsVip: { 'vip[]': 'Vip', 'vip[].ip_address': 'IpAddr', 'vip[].ip6_address': 'IpAddr' },
  Pool: {
    'servers[]': 'Server',
    'servers[].ip': 'IpAddr',
    conn_pool_properties: 'ConnPoolProperties',
    fail_action: 'FailAction',
    'fail_action.local_rsp': 'FailActionHTTPLocalResponse',
    'fail_action.local_rsp.file': 'HTTPLocalFile',
    'fail_action.redirect': 'FailActionHTTPRedirect',
    'fail_action.backup_pool': 'FailActionBackupPool',
  },
  VirtualService: {
    'services[]': 'Service',
    'vip[]': 'Vip',
    'vip[].ip_address': 'IpAddr',
    'vip[].ip6_address': 'IpAddr',
  },
};
