// File references: {"file": "path"} in place of a certificate or a key in a standalone configuration.

import { type ConfigProblem, LimpetError } from './errors.ts';

/**
 * A copy of the input with the text of each file in the place of its reference. Only certificates and keys can be files.
 *
 * @throws LimpetError CONFIG_INVALID with every file that `readFile` throws at.
 */
export function resolveFileReferences(input: unknown, readFile: (path: string) => string): unknown {
  if (typeof input !== 'object' || input === null) return input;
  const list = (input as Record<string, unknown>).SSLKeyAndCertificate;
  if (!Array.isArray(list)) return input;
  const problems: ConfigProblem[] = [];
  const resolved = list.map((raw: unknown, index) => {
    if (typeof raw !== 'object' || raw === null) return raw;
    const object = raw as Record<string, unknown>;
    const objectName = typeof object.name === 'string' ? object.name : `#${index}`;
    const read = (value: unknown, field: string): unknown => {
      const path = filePath(value);
      if (path === undefined) return value;
      try {
        return readFile(path);
      } catch (error) {
        const code = (error as { code?: unknown }).code;
        const reason = typeof code === 'string' ? code : 'error';
        problems.push({
          objectType: 'SSLKeyAndCertificate',
          objectName,
          field,
          message: `${path} cannot be read (${reason})`,
        });
        return '';
      }
    };
    const { certificate } = object;
    const inner =
      typeof certificate === 'object' && certificate !== null && !('file' in certificate)
        ? {
            ...certificate,
            certificate: read(
              (certificate as Record<string, unknown>).certificate,
              'certificate.certificate',
            ),
          }
        : filePath(certificate) === undefined
          ? certificate
          : { certificate: read(certificate, 'certificate') };
    return { ...object, certificate: inner, ...('key' in object ? { key: read(object.key, 'key') } : {}) };
  });
  if (problems.length > 0) throw new LimpetError('CONFIG_INVALID', 'a file cannot be read', { problems });
  return { ...input, SSLKeyAndCertificate: resolved };
}

function filePath(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { file } = value as Record<string, unknown>;
  return typeof file === 'string' ? file : undefined;
}
