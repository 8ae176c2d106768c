// Rolling back: the edits that make the objects of one view those of an earlier one.

import { isDefaultObject } from '@limpet/model';
import type { ObjectEdit } from './configuration.ts';
import type { ImmutableView } from './immutable-view.ts';
import { isSameObject } from './same-object.ts';

/** Who may log in and which engines there are is no matter of the configuration that they use. */
const STAYING: ReadonlySet<string> = new Set(['User', 'ServiceEngine']);

export function rollBackEdits(present: ImmutableView, target: ImmutableView): readonly ObjectEdit[] {
  const puts = [...target.all()].flatMap((object): ObjectEdit[] => {
    if (STAYING.has(object.type)) return [];
    const now = present.get(object.type, object.uuid);
    if (now !== undefined && isSameObject(now, object)) return [];
    const { lastModifiedUs: _, ...rest } = object;
    return [{ kind: 'put', object: rest }];
  });
  const deletes = [...present.all()].flatMap(({ type, uuid }): ObjectEdit[] =>
    STAYING.has(type) || isDefaultObject(type, uuid) || target.get(type, uuid) !== undefined
      ? []
      : [{ kind: 'delete', type, uuid }],
  );
  return [...puts, ...deletes];
}
