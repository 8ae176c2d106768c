// What the API tells without a login: which version it is, and whether it is up.

import type { JsonObject } from '../json.ts';
import { type ApiAnswer, type ApiCall, ok } from './api-call.ts';
import type { ApiServices } from './api-services.ts';
import { CONTROLLER_VERSION, OLDEST_VERSION } from './api-version.ts';

/** Clients read `Version` and `build`; that of Limpet itself is the product's. */
export function versionDetails(productVersion: string): JsonObject {
  return {
    Version: CONTROLLER_VERSION,
    build: 1,
    Tag: `limpet-${productVersion}`,
    ProductName: 'Limpet',
    Product: 'controller',
    Date: '',
    min_version: OLDEST_VERSION,
  };
}

export class PublicRoutes {
  readonly #services: ApiServices;
  readonly #startedAt: string;

  constructor(services: ApiServices) {
    this.#services = services;
    this.#startedAt = new Date(services.clock.unixMs()).toISOString().slice(0, 19).replace('T', ' ');
  }

  initialData(): ApiAnswer {
    return ok({
      version: versionDetails(this.#services.productVersion),
      setup_failed: false,
      banner: '',
      welcome_workflow_complete: true,
      session_cookie_name: 'avi-sessionid',
    });
  }

  clusterRuntime(call: ApiCall): ApiAnswer {
    return ok({
      node_info: {
        cluster_uuid: this.#services.configuration.view.list('Cluster')[0]?.uuid ?? '',
        version: `${CONTROLLER_VERSION}(1)`,
      },
      node_states: [
        {
          name: new URL(call.origin).hostname,
          role: 'CLUSTER_LEADER',
          state: 'CLUSTER_ACTIVE',
          up_since: this.#startedAt,
        },
      ],
      cluster_state: { state: 'CLUSTER_UP_NO_HA', progress: 100, up_since: this.#startedAt },
    });
  }

  clusterStatus(call: ApiCall): ApiAnswer {
    return this.clusterRuntime(call);
  }

  clusterVersion(): ApiAnswer {
    return ok(versionDetails(this.#services.productVersion));
  }
}
