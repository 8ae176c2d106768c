// The engine protocol: everything that a Controller and an engine say to each other, with the schemas that each message is checked by.

import { z } from 'zod';
import { LimpetError } from '../errors.ts';
import type { Snapshot } from '../snapshot.ts';
import type { SnapshotChanges } from './snapshot-changes.ts';

/** Another number: an engine cannot have the snapshots of this Controller. It counts up whenever the compiled form changes. */
export const SNAPSHOT_FORMAT = 1;

/** Why an engine is not let in; nothing but time or an operator changes it. */
const linkRefusals = [
  'ENGINE_REVOKED',
  'SNAPSHOT_FORMAT',
  /** Another process has connected as this engine: its successor, mostly. */
  'ENGINE_REPLACED',
] as const;
export type LinkRefusal = (typeof linkRefusals)[number];

/** A ring of ticket keys, on its way to an engine. It is a secret. */
export interface RingMessage {
  readonly virtualServiceUuid: string;
  /** RingKeys.rotations: counts up with each rotation, and with each ring that takes the place of another. */
  readonly generation: number;
  /** As a ring file has it. */
  readonly text: string;
}

/** Which keys an engine holds. */
export interface RingGeneration {
  readonly virtualServiceUuid: string;
  readonly generation: number;
}

export type ControllerToEngine =
  /** The answer to `hello`. */
  | { readonly kind: 'welcome'; readonly engineUuid: string; readonly engineName: string }
  /** All of it. Secrets: private keys (PEM) that the snapshot names and the engine does not hold, by hash. */
  | {
      readonly kind: 'snapshot';
      readonly revision: number;
      readonly snapshot: Snapshot;
      readonly secrets: Readonly<Record<string, string>>;
    }
  /** What changes in the snapshot that the engine has acknowledged. */
  | {
      readonly kind: 'changes';
      readonly revision: number;
      readonly changes: SnapshotChanges;
      readonly secrets: Readonly<Record<string, string>>;
    }
  /** Come before the snapshot that has their virtual services. */
  | { readonly kind: 'rings'; readonly rings: readonly RingMessage[] }
  /** The keys that the engine holds for these virtual services may be known to somebody: they are wiped at once, and these take their place. */
  | { readonly kind: 'destroy-keys'; readonly rings: readonly RingMessage[] }
  | { readonly kind: 'certificate'; readonly certificatePem: string }
  /** Instead of a welcome; then the connection ends. */
  | { readonly kind: 'refused'; readonly code: LinkRefusal; readonly reason: string }
  | { readonly kind: 'heartbeat' };

/** What an engine says of a configuration. */
export interface EngineProblem {
  readonly objectType: string;
  readonly objectName: string;
  readonly field: string;
  readonly message: string;
}

export type ReportTopic = 'runtime' | 'metrics' | 'events';

export type EngineToController =
  /** First. */
  | {
      readonly kind: 'hello';
      readonly engineVersion: string;
      readonly nodeVersion: string;
      readonly snapshotFormat: number;
      /** Of the configuration in effect, or in the cache; absent: none. */
      readonly snapshotHash?: string | undefined;
      /** Hashes of the private keys that it holds. */
      readonly secretHashes: readonly string[];
      readonly rings: readonly RingGeneration[];
    }
  | { readonly kind: 'ack'; readonly revision: number; readonly hash: string }
  /** The configuration before it stays in effect. `full`: what is asked for is the whole of it, since the changes do not fit what is here. */
  | {
      readonly kind: 'nack';
      readonly revision: number;
      readonly hash: string;
      readonly code: string;
      readonly reason: string;
      readonly problems: readonly EngineProblem[];
      readonly full: boolean;
    }
  /** Every worker has them. */
  | { readonly kind: 'rings-ack'; readonly rings: readonly RingGeneration[] }
  | { readonly kind: 'rings-nack'; readonly rings: readonly RingGeneration[]; readonly reason: string }
  /** A certificate for the same identity, before the one that is used expires. */
  | { readonly kind: 'certificate-request'; readonly requestPem: string }
  | {
      readonly kind: 'report';
      readonly topic: ReportTopic;
      readonly atMs: number;
      readonly body: unknown;
      /** Reports that were dropped since the engine started. */
      readonly dropped: number;
    }
  | { readonly kind: 'heartbeat' };

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const uuid = z.string().min(1).max(255);
const count = z.int().min(0);
const ring = z.object({ virtualServiceUuid: uuid, generation: count, text: z.string().max(65_536) });
const rings = z.array(ring).max(4096);
const generations = z.array(z.object({ virtualServiceUuid: uuid, generation: count })).max(4096);
// What is in a part is checked by its hash: it is what this Controller's compiler made.
const part = z.looseObject({ uuid });
const parts = z.array(part).max(65_536);
const secrets = z.record(hash, z.string().max(65_536));
const changedParts = z.object({ put: parts, gone: z.array(uuid).max(65_536) });

const fromController = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('welcome'), engineUuid: uuid, engineName: z.string().max(255) }),
  z.object({
    kind: z.literal('snapshot'),
    revision: count,
    snapshot: z.object({ hash, virtualServices: parts, pools: parts }),
    secrets,
  }),
  z.object({
    kind: z.literal('changes'),
    revision: count,
    changes: z.object({ base: hash, hash, virtualServices: changedParts, pools: changedParts }),
    secrets,
  }),
  z.object({ kind: z.literal('rings'), rings }),
  z.object({ kind: z.literal('destroy-keys'), rings }),
  z.object({ kind: z.literal('certificate'), certificatePem: z.string().max(65_536) }),
  z.object({
    kind: z.literal('refused'),
    code: z.enum(linkRefusals),
    reason: z.string().max(4096),
  }),
  z.object({ kind: z.literal('heartbeat') }),
]);

const word = z.string().max(255);
const sentence = z.string().max(4096);

const fromEngine = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('hello'),
    engineVersion: word,
    nodeVersion: word,
    snapshotFormat: count,
    snapshotHash: hash.optional(),
    secretHashes: z.array(hash).max(8192),
    rings: generations,
  }),
  z.object({ kind: z.literal('ack'), revision: count, hash }),
  z.object({
    kind: z.literal('nack'),
    revision: count,
    hash,
    code: word,
    reason: sentence,
    problems: z
      .array(z.object({ objectType: word, objectName: sentence, field: sentence, message: sentence }))
      .max(100),
    full: z.boolean(),
  }),
  z.object({ kind: z.literal('rings-ack'), rings: generations }),
  z.object({ kind: z.literal('rings-nack'), rings: generations, reason: sentence }),
  z.object({ kind: z.literal('certificate-request'), requestPem: z.string().max(16_384) }),
  z.object({
    kind: z.literal('report'),
    topic: z.enum(['runtime', 'metrics', 'events']),
    atMs: z.number(),
    body: z.unknown(),
    dropped: count,
  }),
  z.object({ kind: z.literal('heartbeat') }),
]);

/** @throws LimpetError LINK_MALFORMED that names the field, never its value. */
export function parseControllerMessage(message: unknown): ControllerToEngine {
  return parse(fromController, message) as unknown as ControllerToEngine;
}

/** @throws LimpetError LINK_MALFORMED that names the field, never its value. */
export function parseEngineMessage(message: unknown): EngineToController {
  return parse(fromEngine, message) as EngineToController;
}

function parse<T>(schema: z.ZodType<T>, message: unknown): T {
  const parsed = schema.safeParse(message);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new LimpetError('LINK_MALFORMED', `${issue?.path.join('.') || 'kind'} is not as the protocol has it`);
}
