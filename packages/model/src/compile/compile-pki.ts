// Compiling a PKI profile: each certificate and each revocation list by itself.

import { pemBlocks } from '../certificate.ts';
import type { AviObject } from '../objects/schemas.ts';
import type { PkiSnapshot } from '../snapshot.ts';

export function compilePki(profile: AviObject<'PKIProfile'>): PkiSnapshot {
  return {
    name: profile.name,
    authorities: profile.ca_certs.flatMap(({ certificate }) => pemBlocks(certificate, 'CERTIFICATE')),
    revocationLists: profile.crl_check ? profile.crls.flatMap(({ body }) => pemBlocks(body, 'X509 CRL')) : [],
    onlyLeafRevocation: profile.validate_only_leaf_crl,
    ignorePeerChain: profile.ignore_peer_chain,
  };
}
