// File references: {"file": "path"} in place of a certificate, a key or a revocation list in a standalone configuration.

import { type ConfigProblem, LimpetError } from './errors.ts';

/** What can be a file, by type. Of a nested object that holds one text, the object itself can be the reference, too. */
const FILES: Readonly<Record<string, readonly (readonly string[])[]>> = {
  SSLKeyAndCertificate: [['certificate', 'certificate'], ['key']],
  PKIProfile: [
    ['ca_certs[]', 'certificate'],
    ['crls[]', 'body'],
  ],
};

type Fields = Readonly<Record<string, unknown>>;
type Read = (path: string, field: string) => string;

/**
 * A copy of the input with the text of each file in the place of its reference. Only certificates, keys and revocation lists can be files.
 *
 * @throws LimpetError CONFIG_INVALID with every file that `readFile` throws at.
 */
export function resolveFileReferences(input: unknown, readFile: (path: string) => string): unknown {
  if (!isObject(input)) return input;
  const problems: ConfigProblem[] = [];
  const resolved: Record<string, unknown> = { ...input };
  for (const [objectType, fields] of Object.entries(FILES)) {
    const list = input[objectType];
    if (!Array.isArray(list)) continue;
    resolved[objectType] = list.map((raw: unknown, index) => {
      if (!isObject(raw)) return raw;
      const objectName = typeof raw.name === 'string' ? raw.name : `#${index}`;
      const read: Read = (path, field) => {
        try {
          return readFile(path);
        } catch (error) {
          const code = (error as { code?: unknown }).code;
          const reason = typeof code === 'string' ? code : 'error';
          problems.push({ objectType, objectName, field, message: `${path} cannot be read (${reason})` });
          return '';
        }
      };
      return fields.reduce<Fields>((object, path) => resolveAt(object, path, '', read), raw);
    });
  }
  if (problems.length > 0) throw new LimpetError('CONFIG_INVALID', 'a file cannot be read', { problems });
  return resolved;
}

/** The object with what stands at the path resolved; as it is where there is nothing of that kind. */
function resolveAt(
  object: Fields,
  [step = '', ...rest]: readonly string[],
  prefix: string,
  read: Read,
): Fields {
  const isList = step.endsWith('[]');
  const name = isList ? step.slice(0, -2) : step;
  if (!Object.hasOwn(object, name)) return object;
  const resolve = (value: unknown, field: string): unknown => {
    const path = filePath(value);
    const [inner] = rest;
    if (path !== undefined) return inner === undefined ? read(path, field) : { [inner]: read(path, field) };
    return inner !== undefined && isObject(value) ? resolveAt(value, rest, `${field}.`, read) : value;
  };
  const value = object[name];
  const field = prefix + name;
  const replaced =
    isList && Array.isArray(value)
      ? value.map((item: unknown, index) => resolve(item, `${field}[${index}]`))
      : resolve(value, field);
  return { ...object, [name]: replaced };
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function filePath(value: unknown): string | undefined {
  if (!isObject(value)) return undefined;
  return typeof value.file === 'string' ? value.file : undefined;
}
