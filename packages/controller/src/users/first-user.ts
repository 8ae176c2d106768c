// The first user: a Controller without one makes `admin`, with the password that it is given or one that it makes and shows once.

import type { Configuration } from '../config/configuration.ts';
import type { RandomSource } from '../lifecycle/random.ts';
import { hashPassword } from './password.ts';

const NAME = 'admin';
/** Of letters and digits that nobody takes for each other: 24 of them have 137 bits. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
const GENERATED_LENGTH = 24;

/**
 * @param given value of LIMPET_ADMIN_PASSWORD.
 * @returns the password where one was made, to be printed once; undefined where there are users already, or it was given.
 */
export async function makeFirstUser(
  configuration: Configuration,
  random: RandomSource,
  given: string | undefined,
): Promise<string | undefined> {
  if (configuration.view.list('User').length > 0) return undefined;
  const password = given === undefined || given === '' ? generatePassword(random) : given;
  const hash = await hashPassword(password, random);
  await configuration.change({
    actor: { user: 'system' },
    summary: 'make the first user',
    edit: (view) => {
      if (view.list('User').length > 0) return [];
      const body = {
        name: NAME,
        username: NAME,
        is_superuser: true,
        local: true,
        default_tenant_ref: '/api/tenant/admin',
        access: [{ all_tenants: true }],
      };
      const uuid = `user-${random.uuid()}`;
      const secrets = new Map([['password', hash]]);
      return [
        { kind: 'put', object: { type: 'User', uuid, tenantUuid: 'admin', name: NAME, body, secrets } },
      ];
    },
  });
  return password === given ? undefined : password;
}

function generatePassword(random: RandomSource): string {
  let password = '';
  while (password.length < GENERATED_LENGTH) {
    for (const byte of random.bytes(GENERATED_LENGTH)) {
      // Else the first letters would come more often.
      if (byte >= 256 - (256 % ALPHABET.length)) continue;
      password += ALPHABET[byte % ALPHABET.length];
      if (password.length === GENERATED_LENGTH) break;
    }
  }
  return password;
}
