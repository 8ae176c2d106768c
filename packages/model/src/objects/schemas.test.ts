// Tests of defaults and enums: they are Avi's, as its schemas (swagger 30.2.1) have them.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { controllerNestedTypes, controllerSchemas } from './controller-schemas.ts';
import { fieldsWithoutEffect } from './fields-without-effect.ts';
import { nestedTypes, objectSchemas } from './schemas.ts';

const named = { name: 'a' };
const ip = { addr: '10.0.0.1', type: 'V4' };

describe('the defaults', () => {
  it('of an ApplicationPersistenceProfile are those of Avi', () => {
    assert.deepEqual(objectSchemas.ApplicationPersistenceProfile.parse(named), {
      ...named,
      persistence_type: 'PERSISTENCE_TYPE_CLIENT_IP_ADDRESS',
      server_hm_down_recovery: 'HM_DOWN_PICK_NEW_SERVER',
    });
  });

  it('of an HttpCookiePersistenceProfile are those of Avi', () => {
    const parsed = objectSchemas.ApplicationPersistenceProfile.parse({
      ...named,
      http_cookie_persistence_profile: {},
    });
    assert.deepEqual(parsed.http_cookie_persistence_profile, {
      timeout: 0,
      always_send_cookie: false,
      http_only: false,
      is_persistent_cookie: false,
    });
  });

  it('of an ApplicationProfile are those of Avi', () => {
    const type = 'APPLICATION_PROFILE_TYPE_HTTP';
    assert.deepEqual(objectSchemas.ApplicationProfile.parse({ ...named, type }), {
      ...named,
      type,
      http_profile: {
        connection_multiplexing_enabled: true,
        xff_enabled: true,
        xff_alternate_name: 'X-Forwarded-For',
        xff_update: 'REPLACE_XFF_HEADERS',
        x_forwarded_proto_enabled: false,
        limpet_forwarded_enabled: false,
        client_header_timeout: 10_000,
        client_body_timeout: 30_000,
        keepalive_timeout: 30_000,
        post_accept_timeout: 30_000,
        max_keepalive_requests: 100,
        client_max_header_size: 12,
        client_max_request_size: 48,
        client_max_body_size: 0,
        max_header_count: 256,
        max_response_headers_size: 48,
        allow_dots_in_header_name: false,
        pass_through_x_accel_headers: false,
        secure_cookie_enabled: false,
        httponly_enabled: false,
        server_side_redirect_to_https: false,
        keepalive_header: false,
        use_app_keepalive_timeout: false,
        enable_fire_and_forget: false,
        disable_sni_hostname_check: false,
        reset_conn_http_on_ssl_port: false,
        http2_profile: {
          http2_initial_window_size: 64,
          max_http2_concurrent_streams_per_connection: 128,
          max_http2_requests_per_connection: 1000,
        },
        respond_with_100_continue: true,
        websockets_enabled: true,
        http_to_https: false,
        hsts_enabled: false,
        hsts_max_age: 365,
        hsts_subdomains_enabled: true,
        ssl_client_certificate_mode: 'SSL_CLIENT_CERTIFICATE_NONE',
      },
    });
    const withAction = { type, http_profile: { ssl_client_certificate_action: {} } };
    assert.deepEqual(
      objectSchemas.ApplicationProfile.parse({ ...named, ...withAction }).http_profile
        .ssl_client_certificate_action,
      { close_connection: false, headers: [] },
    );
  });

  it('of a PKIProfile are those of Avi, and our cap on the length of chains', () => {
    assert.deepEqual(objectSchemas.PKIProfile.parse(named), {
      ...named,
      ca_certs: [],
      crls: [],
      crl_check: true,
      ignore_peer_chain: false,
      validate_only_leaf_crl: true,
      limpet_chain_depth_max: 5,
    });
  });

  it('of a HealthMonitor are those of Avi', () => {
    const type = 'HEALTH_MONITOR_HTTP';
    assert.deepEqual(objectSchemas.HealthMonitor.parse({ ...named, type }), {
      ...named,
      type,
      send_interval: 10,
      receive_timeout: 4,
      successful_checks: 2,
      failed_checks: 2,
      tcp_monitor: {},
      http_monitor: {
        http_request: 'GET / HTTP/1.0',
        http_response_code: ['HTTP_2XX'],
        exact_http_request: false,
        maintenance_code: [],
      },
      https_monitor: {
        http_request: 'GET / HTTP/1.0',
        http_response_code: ['HTTP_2XX'],
        exact_http_request: false,
        maintenance_code: [],
      },
    });
  });

  it('of an SSLProfile are those of Avi, and of its versions those that are offered', () => {
    assert.deepEqual(objectSchemas.SSLProfile.parse(named), {
      ...named,
      type: 'SSL_PROFILE_TYPE_APPLICATION',
      accepted_versions: [{ type: 'SSL_VERSION_TLS1_2' }, { type: 'SSL_VERSION_TLS1_3' }],
      accepted_ciphers: 'AES:3DES:RC4',
      ciphersuites: 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256',
      ec_named_curve: 'auto',
      signature_algorithm: 'auto',
      prefer_client_cipher_ordering: false,
      enable_ssl_session_reuse: true,
      ssl_session_timeout: 86_400,
    });
  });

  it('of a Pool and its servers are those of Avi', () => {
    assert.deepEqual(objectSchemas.Pool.parse({ ...named, servers: [{ ip }] }), {
      ...named,
      enabled: true,
      servers: [{ ip, enabled: true, ratio: 1, rewrite_host_header: false }],
      default_server_port: 80,
      lb_algorithm: 'LB_ALGORITHM_LEAST_CONNECTIONS',
      lb_algorithm_hash: 'LB_ALGORITHM_CONSISTENT_HASH_SOURCE_IP_ADDRESS',
      connection_ramp_duration: 10,
      health_monitor_refs: [],
      min_health_monitors_up: 0,
      min_servers_up: 0,
      inline_health_monitor: true,
      max_concurrent_connections_per_server: 0,
      conn_pool_properties: {
        upstream_connpool_conn_idle_tmo: 60_000,
        upstream_connpool_conn_life_tmo: 600_000,
        upstream_connpool_conn_max_reuse: 0,
        upstream_connpool_server_max_cache: 0,
      },
      server_timeout: 0,
      request_queue_enabled: false,
      request_queue_depth: 128,
      graceful_disable_timeout: 1,
      server_disable_type: 'DISALLOW_NEW_CONNECTION',
      sni_enabled: true,
      host_check_enabled: false,
      domain_name: [],
      rewrite_host_header_to_server_name: false,
      rewrite_host_header_to_sni: false,
      append_port: 'NON_DEFAULT_80_443',
      enable_http2: false,
    });
  });

  it('of a VirtualService, its services and vips are those of Avi', () => {
    const input = { ...named, services: [{ port: 443 }], vip: [{ vip_id: '1', ip_address: ip }] };
    assert.deepEqual(objectSchemas.VirtualService.parse(input), {
      ...named,
      enabled: true,
      type: 'VS_TYPE_NORMAL',
      services: [{ port: 443, enable_ssl: false, enable_http2: false, limpet_proxy_protocol_sources: [] }],
      vip: [{ vip_id: '1', ip_address: ip, enabled: true }],
      ssl_key_and_certificate_refs: [],
      vh_domain_name: [],
      vh_type: 'VS_TYPE_VH_SNI',
    });
  });
});

describe('the defaults of a Controller', () => {
  it('are those of Avi', () => {
    assert.deepEqual(controllerSchemas.ServiceEngineGroup.parse(named), {
      ...named,
      algo: 'PLACEMENT_ALGO_PACKED',
      ha_mode: 'HA_MODE_SHARED',
      min_scaleout_per_vs: 1,
      max_scaleout_per_vs: 4,
      max_vs_per_se: 10,
    });
    assert.deepEqual(controllerSchemas.ServiceEngine.parse(named), {
      ...named,
      enable_state: 'SE_STATE_ENABLED',
    });
    assert.deepEqual(controllerSchemas.ControllerProperties.parse({}), {
      api_idle_timeout: 15,
      dead_se_detection_timer: 360,
      secure_channel_se_token_timeout: 60,
      vs_key_rotate_period: 360,
    });
    assert.deepEqual(controllerSchemas.SystemConfiguration.parse({}).portal_configuration, {
      allow_basic_authentication: false,
      api_force_timeout: 24,
      minimum_password_length: 8,
      password_strength_check: false,
      use_uuid_from_input: false,
    });
    assert.deepEqual(controllerSchemas.Cloud.parse(named), { ...named, vtype: 'CLOUD_NONE' });
    assert.deepEqual(controllerSchemas.Tenant.parse(named), { ...named, local: true });
  });
});

describe('the fields without effect', () => {
  it('belong to types that there are, and are none of the fields with an effect', () => {
    const schemas = { ...objectSchemas, ...controllerSchemas };
    const nested = Object.values({ ...nestedTypes, ...controllerNestedTypes }).flatMap((types) =>
      Object.values(types),
    );
    const types = new Set<string>([...Object.keys(schemas), ...nested]);
    for (const [type, fields] of Object.entries(fieldsWithoutEffect)) {
      assert.ok(types.has(type), type);
      const schema = (schemas as Record<string, { readonly shape: object }>)[type];
      for (const field of Object.keys(fields)) {
        assert.ok(schema === undefined || !Object.hasOwn(schema.shape, field), `${type}.${field}`);
      }
    }
  });
});
