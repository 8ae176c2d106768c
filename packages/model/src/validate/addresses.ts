// The addresses of virtual services, and checks of them.

import { isIP } from 'node:net';
import { canonicalIp } from '../ip-address.ts';
import type { AviObject, ObjectSet } from '../objects/schemas.ts';
import { findReferenced } from '../references.ts';
import { describeAddress } from '../snapshot.ts';
import type { Report, ReportAt } from './report.ts';

export function validateVips(
  virtualService: AviObject<'VirtualService'>,
  objects: ObjectSet,
  at: ReportAt,
): void {
  const { vsvip_ref } = virtualService;
  const vsVip = vsvip_ref === undefined ? undefined : findReferenced(objects.VsVip, vsvip_ref);
  if (vsvip_ref !== undefined && vsVip === undefined) {
    at('vsvip_ref', `there is no VsVip "${vsvip_ref}"`);
    return;
  }
  const vips = vipsOf(virtualService, objects);
  if (vips.length === 0) at('vsvip_ref', 'no address: give a VsVip with an enabled vip');
  for (const { ip_address, ip6_address, vip_id } of vips) {
    const addresses = [ip_address, ip6_address].filter((address) => address !== undefined);
    if (addresses.length === 0) at('vsvip_ref', `vip "${vip_id}" has neither ip_address nor ip6_address`);
    for (const { addr, type } of addresses) {
      if (type === 'DNS') at('vsvip_ref', `vip "${vip_id}" has a name by DNS; give an address`);
      else if (isIP(addr) === 0 || isIP(addr) !== (type === 'V4' ? 4 : 6))
        at('vsvip_ref', `"${addr}" of vip "${vip_id}" is no ${type} address`);
    }
  }
}

/** The enabled vips of a virtual service, its own and those of its VsVip. */
export function vipsOf(
  virtualService: AviObject<'VirtualService'>,
  objects: ObjectSet,
): AviObject<'VsVip'>['vip'] {
  const { vsvip_ref, vip } = virtualService;
  const shared = vsvip_ref === undefined ? [] : (findReferenced(objects.VsVip, vsvip_ref)?.vip ?? []);
  return [...vip, ...shared].filter(({ enabled }) => enabled);
}

/** @param engineGroupOf by the uuid of a virtual service: who has another group is on other engines. */
export function reportSharedAddresses(
  objects: ObjectSet,
  engineGroupOf: (virtualServiceUuid: string) => string,
  report: Report,
): void {
  const taken = new Map<string, string>();
  for (const virtualService of objects.VirtualService) {
    if (!virtualService.enabled) continue;
    const group = engineGroupOf(virtualService.uuid);
    for (const { ip_address, ip6_address } of vipsOf(virtualService, objects)) {
      for (const address of [ip_address, ip6_address]) {
        virtualService.services.forEach(({ port }, index) => {
          // Port 0 asks for any free port.
          if (address === undefined || port === 0 || isIP(address.addr) === 0) return;
          const text = describeAddress({ ip: canonicalIp(address.addr), port });
          const key = `${group} ${text}`;
          const owner = taken.get(key);
          if (owner !== undefined) {
            report(
              'VirtualService',
              virtualService.name,
              `services[${index}].port`,
              `${text} belongs to virtual service "${owner}"; give it another port or address`,
            );
          }
          taken.set(key, virtualService.name);
        });
      }
    }
  }
}
