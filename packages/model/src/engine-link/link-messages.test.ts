import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LimpetError } from '../errors.ts';
import {
  type ControllerToEngine,
  type EngineToController,
  parseControllerMessage,
  parseEngineMessage,
} from './link-messages.ts';

const HASH = 'a'.repeat(64);

describe('the messages of the engine link', () => {
  const fromController: readonly ControllerToEngine[] = [
    { kind: 'welcome', engineUuid: 'serviceengine-1', engineName: 'e1' },
    { kind: 'snapshot', revision: 3, snapshot: { hash: HASH, virtualServices: [], pools: [] }, secrets: {} },
    {
      kind: 'changes',
      revision: 4,
      changes: {
        base: HASH,
        hash: HASH,
        virtualServices: { put: [], gone: ['a'] },
        pools: { put: [], gone: [] },
      },
      secrets: { [HASH]: 'pem' },
    },
    { kind: 'rings', rings: [{ virtualServiceUuid: 'v', generation: 2, text: '{}' }] },
    { kind: 'destroy-keys', rings: [] },
    { kind: 'certificate', certificatePem: 'pem' },
    { kind: 'refused', code: 'ENGINE_REVOKED', reason: 'r' },
    { kind: 'heartbeat' },
  ];
  const fromEngine: readonly EngineToController[] = [
    { kind: 'hello', engineVersion: '1', nodeVersion: '24', snapshotFormat: 1, secretHashes: [], rings: [] },
    { kind: 'ack', revision: 1, hash: HASH },
    {
      ...{ kind: 'nack', revision: 1, hash: HASH, code: 'APPLY_FAILED', reason: 'r', full: false },
      problems: [{ objectType: 'Pool', objectName: 'p', field: 'f', message: 'm' }],
    },
    { kind: 'rings-ack', rings: [{ virtualServiceUuid: 'v', generation: 2 }] },
    { kind: 'rings-nack', rings: [], reason: 'r' },
    { kind: 'certificate-request', requestPem: 'pem' },
    { kind: 'report', topic: 'metrics', atMs: 1, body: { a: 1 }, dropped: 0 },
    { kind: 'heartbeat' },
  ];
  for (const message of fromController)
    it(`to an engine are read as they were sent: ${message.kind}`, () =>
      assert.deepEqual(parseControllerMessage(JSON.parse(JSON.stringify(message))), message));
  for (const message of fromEngine)
    it(`to the Controller are read as they were sent: ${message.kind}`, () =>
      assert.deepEqual(parseEngineMessage(JSON.parse(JSON.stringify(message))), message));

  it('are refused where a field is wrong, by its name and never its value', () => {
    const wrong = {
      kind: 'rings',
      rings: [{ virtualServiceUuid: 'v', generation: 'key material', text: '' }],
    };
    assert.throws(
      () => parseControllerMessage(wrong),
      (error: unknown) =>
        error instanceof LimpetError &&
        error.message.includes('rings.0.generation') &&
        !error.message.includes('material'),
    );
  });

  it('that are anything else are refused, and nothing else is thrown', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        for (const parse of [parseControllerMessage, parseEngineMessage])
          assert.throws(() => parse(value), { code: 'LINK_MALFORMED' });
      }),
    );
  });
});
