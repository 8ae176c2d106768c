// How a check says what is wrong.

import type { ObjectType } from '../objects/schemas.ts';

/** @param message what is wrong and the way out, as it reads after the field's name. */
export type Report = (objectType: ObjectType, objectName: string, field: string, message: string) => void;

/** The same for one object. */
export type ReportAt = (field: string, message: string) => void;
