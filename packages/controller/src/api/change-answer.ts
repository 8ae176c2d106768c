// What a change is answered with: what it passed over in headers, and for a dry run what it would do.

import type { ChangeOutcome } from '../config/configuration.ts';
import type { JsonObject } from '../json.ts';
import { compareBodies } from './compare-bodies.ts';

/** Fields that are stored and have no effect here. */
export const WITHOUT_EFFECT_HEADER = 'limpet-fields-without-effect';
/** Fields that Avi does not have, and that are not stored. */
export const UNKNOWN_FIELDS_HEADER = 'limpet-unknown-fields';

/** A header that is longer is cut by what stands between. */
const HEADER_MAX = 2000;

/** Collects what a request gave and nothing comes of. */
export class PassedOver {
  readonly #unknown = new Set<string>();
  readonly #withoutEffect = new Set<string>();

  add(fields: { readonly unknown: readonly string[]; readonly withoutEffect: readonly string[] }): void {
    for (const field of fields.unknown) this.#unknown.add(field);
    for (const field of fields.withoutEffect) this.#withoutEffect.add(field);
  }

  get isEmpty(): boolean {
    return this.#unknown.size === 0 && this.#withoutEffect.size === 0;
  }

  headers(): Readonly<Record<string, string>> {
    return {
      ...(this.#withoutEffect.size === 0 ? {} : { [WITHOUT_EFFECT_HEADER]: headerText(this.#withoutEffect) }),
      ...(this.#unknown.size === 0 ? {} : { [UNKNOWN_FIELDS_HEADER]: headerText(this.#unknown) }),
    };
  }

  details(): JsonObject {
    return { without_effect: [...this.#withoutEffect], unknown: [...this.#unknown] };
  }
}

/** Names of unknown fields are a client's own: nothing of them may end the header. */
function headerText(fields: ReadonlySet<string>): string {
  const names = [...fields].map((field) => field.replaceAll(/[^A-Za-z0-9._[\]-]/g, '?').slice(0, 255));
  let text = '';
  for (const [index, name] of names.entries()) {
    const more = `, and ${names.length - index} more`;
    if (text.length + name.length + more.length > HEADER_MAX) return text + more;
    text += index === 0 ? name : `, ${name}`;
  }
  return text;
}

/** What a change would do. */
export function describeOutcome(outcome: ChangeOutcome): JsonObject {
  return {
    dry_run: true,
    revision: outcome.view.revision,
    changed: outcome.changed.map(({ before, after }) => {
      const object = after ?? before;
      return {
        change: before === undefined ? 'create' : after === undefined ? 'delete' : 'update',
        type: object?.type,
        uuid: object?.uuid,
        name: object?.name,
        fields: compareBodies(before?.body ?? {}, after?.body ?? {}).map((difference) => ({ ...difference })),
      };
    }),
    engines: outcome.engines.map((engine) => ({ ...engine })),
    notices: outcome.notices.map((notice) => ({ ...notice })),
  };
}
