// The one-time token of an enrolment: one string to copy, which tells the Controller that it is meant, and the engine which Controller.

import { createHash } from 'node:crypto';
import { LimpetError } from '../errors.ts';

const PREFIX = 'limpet-enrol';
export const TOKEN_SECRET_BYTES = 32;

export interface EnrolmentToken {
  readonly secret: Buffer;
  /** Of the Controller's authority, SHA-256 in base64url. */
  readonly caFingerprint: string;
}

/** As `limpet-enrol.<secret>.<fingerprint>`. It is a secret. */
export function formatEnrolmentToken({ secret, caFingerprint }: EnrolmentToken): string {
  return `${PREFIX}.${secret.toString('base64url')}.${caFingerprint}`;
}

/** @throws LimpetError ENROLMENT_REFUSED. */
export function parseEnrolmentToken(text: string): EnrolmentToken {
  const [prefix, secret = '', caFingerprint = '', ...rest] = text.trim().split('.');
  const bytes = Buffer.from(secret, 'base64url');
  if (
    prefix !== PREFIX ||
    rest.length > 0 ||
    bytes.length !== TOKEN_SECRET_BYTES ||
    !/^[\w-]{43}$/.test(caFingerprint)
  )
    throw new LimpetError('ENROLMENT_REFUSED', 'that is no enrolment token, or not the whole of it');
  return { secret: bytes, caFingerprint };
}

/** What is kept of a token: 32 random bytes need no slow hash. */
export function enrolmentTokenHash({ secret }: EnrolmentToken): string {
  return createHash('sha256').update('limpet enrolment token').update(secret).digest('hex');
}

/** The name that the Controller's end of the link has in its certificate, wherever it is reached. */
export const CONTROLLER_NAME = 'controller.limpet.internal';
