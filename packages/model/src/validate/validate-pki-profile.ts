// Checks of a PKI profile: that its certificates can be read and are those of authorities, and that its revocation lists are theirs.

import { X509Certificate } from 'node:crypto';
import { pemBlocks } from '../certificate.ts';
import { readCertificateIdentity } from '../certificate-identity.ts';
import type { AviObject } from '../objects/schemas.ts';
import { isSignedBy, readRevocationList } from '../revocation-list.ts';
import type { ReportAt } from './report.ts';

export function validatePkiProfile(profile: AviObject<'PKIProfile'>, at: ReportAt): void {
  if (profile.ca_certs.length === 0)
    at('ca_certs', 'is empty; give at least one certificate of an authority');
  const authorities: X509Certificate[] = [];
  profile.ca_certs.forEach(({ certificate }, index) => {
    const field = `ca_certs[${index}].certificate`;
    const blocks = pemBlocks(certificate, 'CERTIFICATE');
    if (blocks.length === 0) at(field, 'is no PEM certificate');
    for (const [position, block] of blocks.entries()) {
      const authority = readAuthority(block);
      if (authority === undefined) at(field, `certificate ${position + 1} in it cannot be read`);
      else if (!authority.ca)
        at(field, `certificate ${position + 1} in it is not that of an authority (basicConstraints CA)`);
      else authorities.push(authority);
    }
  });
  profile.crls.forEach(({ body }, index) => {
    const field = `crls[${index}].body`;
    const blocks = pemBlocks(body, 'X509 CRL');
    if (blocks.length === 0) at(field, 'is no PEM revocation list');
    for (const [position, block] of blocks.entries()) {
      const message = problemOfList(block, authorities);
      if (message !== undefined) at(field, `list ${position + 1} in it ${message}`);
    }
  });
}

/** A list that nobody vouches for could name anybody, or nobody. */
function problemOfList(pem: string, authorities: readonly X509Certificate[]): string | undefined {
  const read = readRevocationList(pem);
  if (read.kind === 'problem') return read.message;
  const { list } = read;
  const issuers = authorities.filter(({ raw }) => readCertificateIdentity(raw)?.subject === list.issuer);
  if (issuers.length === 0) return 'is of an authority that is not among ca_certs; add its certificate';
  if (!issuers.some(({ publicKey }) => isSignedBy(list, publicKey)))
    return 'does not bear the signature of its authority';
  return undefined;
}

function readAuthority(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}
