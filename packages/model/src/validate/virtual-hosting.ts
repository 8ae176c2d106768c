// Virtual hosting: children that are reached through their parent's address, told apart by the host that a client asks for.

import type { ConfigProblem } from '../errors.ts';
import { parseHostPattern } from '../host-pattern.ts';
import type { AviObject, ObjectSet } from '../objects/schemas.ts';
import { findReferenced } from '../references.ts';

type VirtualService = AviObject<'VirtualService'>;

/** The virtual service whose address and services it is reached by: its parent, or itself. */
export function listeningOf(virtualService: VirtualService, objects: ObjectSet): VirtualService {
  const { type, vh_parent_vs_ref } = virtualService;
  if (type !== 'VS_TYPE_VH_CHILD' || vh_parent_vs_ref === undefined) return virtualService;
  return findReferenced(objects.VirtualService, vh_parent_vs_ref) ?? virtualService;
}

/** What is wrong with parents and children, each with field and way out. */
export function validateVirtualHosting(objects: ObjectSet): readonly ConfigProblem[] {
  const names: NamesTaken = new Map();
  return objects.VirtualService.filter(({ enabled }) => enabled).flatMap((virtualService) => {
    const found = problemsOf(virtualService, objects, names);
    return found.map(([field, message]) => ({
      objectType: 'VirtualService',
      objectName: virtualService.name,
      field,
      message,
    }));
  });
}

/** By the virtual service that a child is reached by: the names that were met so far, and which child has each. */
type NamesTaken = Map<VirtualService, Map<string, string>>;

type Found = readonly [field: string, message: string];

function problemsOf(virtualService: VirtualService, objects: ObjectSet, names: NamesTaken): readonly Found[] {
  const { type, vh_type, vh_parent_vs_ref, vh_domain_name } = virtualService;
  if (type !== 'VS_TYPE_NORMAL' && vh_type !== 'VS_TYPE_VH_SNI')
    return [['vh_type', `${vh_type} is not supported yet; use VS_TYPE_VH_SNI`]];
  if (type === 'VS_TYPE_VH_CHILD') return problemsOfChild(virtualService, objects, names);
  const found: Found[] = [];
  if (vh_parent_vs_ref !== undefined)
    found.push(['vh_parent_vs_ref', `is for children; make the type VS_TYPE_VH_CHILD, or take it out`]);
  if (vh_domain_name.length > 0)
    found.push(['vh_domain_name', `is for children; make the type VS_TYPE_VH_CHILD, or take it out`]);
  if (type === 'VS_TYPE_VH_PARENT' && !virtualService.services.some(({ enable_ssl }) => enable_ssl))
    found.push(['services', 'a parent needs a service with enable_ssl: children are told apart by SNI']);
  return found;
}

function problemsOfChild(child: VirtualService, objects: ObjectSet, names: NamesTaken): readonly Found[] {
  const { vh_parent_vs_ref, vh_domain_name } = child;
  const found: Found[] = [];
  const parent =
    vh_parent_vs_ref === undefined ? undefined : findReferenced(objects.VirtualService, vh_parent_vs_ref);
  if (vh_parent_vs_ref === undefined) found.push(['vh_parent_vs_ref', 'is missing; a child needs a parent']);
  else if (parent === undefined)
    found.push(['vh_parent_vs_ref', `there is no VirtualService "${vh_parent_vs_ref}"`]);
  else if (parent.type !== 'VS_TYPE_VH_PARENT')
    found.push(['vh_parent_vs_ref', `"${parent.name}" is of ${parent.type}; make it VS_TYPE_VH_PARENT`]);
  else if (!parent.enabled)
    found.push(['vh_parent_vs_ref', `"${parent.name}" is disabled; disable the child, too`]);
  if (child.services.length > 0)
    found.push(['services', 'a child is reached by the services of its parent; take them out']);
  if (child.vsvip_ref !== undefined || child.vip.length > 0)
    found.push(['vsvip_ref', 'a child is reached by the addresses of its parent; take it out']);
  if (vh_domain_name.length === 0) found.push(['vh_domain_name', 'is empty; a child needs a name']);
  const owner = listeningOf(child, objects);
  const taken = names.get(owner) ?? new Map<string, string>();
  names.set(owner, taken);
  vh_domain_name.forEach((name, index) => {
    const field = `vh_domain_name[${index}]`;
    if (parseHostPattern(name) === undefined)
      found.push([
        field,
        `"${name}" is no host name; give one such as www.a.example, *.a.example or www.a.*`,
      ]);
    const twin = taken.get(canonical(name));
    if (twin === undefined) taken.set(canonical(name), child.name);
    else found.push([field, `"${name}" belongs to "${twin}", too`]);
  });
  return found;
}

/** `.a.example` and `*.a.example` are one. */
function canonical(name: string): string {
  return name.toLowerCase().replace(/^\*?\./, '*.');
}
