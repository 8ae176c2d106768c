// Checks of a PKI profile: that its certificates can be read, and are those of authorities.

import { X509Certificate } from 'node:crypto';
import { pemBlocks } from '../certificate.ts';
import type { AviObject } from '../objects/schemas.ts';
import type { ReportAt } from './report.ts';

export function validatePkiProfile(profile: AviObject<'PKIProfile'>, at: ReportAt): void {
  if (profile.ca_certs.length === 0)
    at('ca_certs', 'is empty; give at least one certificate of an authority');
  profile.ca_certs.forEach(({ certificate }, index) => {
    const field = `ca_certs[${index}].certificate`;
    const blocks = pemBlocks(certificate, 'CERTIFICATE');
    if (blocks.length === 0) at(field, 'is no PEM certificate');
    for (const [position, block] of blocks.entries()) {
      const authority = readAuthority(block);
      if (authority === undefined) at(field, `certificate ${position + 1} in it cannot be read`);
      else if (!authority.ca)
        at(field, `certificate ${position + 1} in it is not that of an authority (basicConstraints CA)`);
    }
  });
  profile.crls.forEach(({ body }, index) => {
    if (pemBlocks(body, 'X509 CRL').length === 0) at(`crls[${index}].body`, 'is no PEM revocation list');
  });
}

function readAuthority(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}
