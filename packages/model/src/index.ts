// The public surface of the model.

export { canonicalJson, deepFreeze, sha256Hex } from './canonical-json.ts';
export { type CertificateFacts, certificateFacts } from './certificate-facts.ts';
export { type CertificateIdentity, readCertificateIdentity } from './certificate-identity.ts';
export { type CompiledParts, type EnginesOf, selectCompiled } from './compile/compile-objects.ts';
export { DerReader, derTag } from './der.ts';
export { type EngineReport, type ReportedServer, readEngineReport } from './engine-link/engine-report.ts';
export * from './engine-link/enrolment-token.ts';
export { encodeFrame, FrameReader } from './engine-link/frames.ts';
export {
  LinkConnection,
  type LinkListener,
  type LinkTimer,
  type LinkTimers,
} from './engine-link/link-connection.ts';
export * from './engine-link/link-limits.ts';
export * from './engine-link/link-messages.ts';
export {
  applySnapshotChanges,
  checkedSnapshot,
  type SnapshotChanges,
  secretHashes,
  snapshotChanges,
} from './engine-link/snapshot-changes.ts';
export * from './errors.ts';
export { resolveFileReferences } from './file-references.ts';
export { type HostPattern, matchesHost } from './host-pattern.ts';
export type { IpPrefix } from './ip-prefix.ts';
export {
  type CheckedConfig,
  type CheckOptions,
  checkConfig,
  compileChecked,
  type LoadedConfig,
  type LoadOptions,
  loadConfig,
} from './load-config.ts';
export * from './log-fields.ts';
export * from './metrics.ts';
export type { ApiType } from './objects/api-type.ts';
export { apiTypeByName, apiTypeByPath, apiTypes } from './objects/api-types.ts';
export { controllerNestedTypes, controllerSchemas } from './objects/controller-schemas.ts';
export {
  ADMIN_TENANT,
  type DefaultObject,
  defaultObjects,
  defaultUuid,
  isDefaultObject,
} from './objects/default-objects.ts';
export { fieldsWithoutEffect } from './objects/fields-without-effect.ts';
export { type JsonSchema, jsonSchemaOf } from './objects/json-schema.ts';
export {
  fieldsSetWithoutEffect,
  type KnownBody,
  withDefaults,
  withoutDefaults,
  withoutUnknownFields,
} from './objects/object-fields.ts';
export {
  type AviObject,
  nestedTypes,
  type ObjectSet,
  type ObjectType,
  objectSchemas,
} from './objects/schemas.ts';
export { bodyProblems, frozenInput } from './parse-objects.ts';
export { newestRevocationLists, type RevocationList } from './revocation-list.ts';
export { signatureAlgorithms } from './signature-algorithms.ts';
export * from './snapshot.ts';
export { parseRingKeys, serializeRingKeys } from './ticket-keys/ring-file.ts';
export {
  createRingKeys,
  DEFAULT_ROTATE_PERIOD_S,
  DEFAULT_TICKET_LIFETIME_S,
  type RandomBytes,
  RING_KEY_BYTES,
  RING_KEYS_MAX,
  type RingKey,
  type RingKeys,
  renewNextKey,
  replaceRingKeys,
  retimeRingKeys,
  ringKeysNeeded,
  rotateKnownRingKeys,
  rotateRingKeys,
  wipeRingKeys,
} from './ticket-keys/ring-keys.ts';
