import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deepFreeze } from '@limpet/model';
import type { JsonValue } from '../json.ts';
import { applyJsonPatch } from './json-patch.ts';

const document = deepFreeze({ name: 'web', servers: [{ port: 1 }, { port: 2 }], 'a/b': { 'm~n': 1 } });

// After the cases of RFC 6902, appendix A.
const rows: readonly (readonly [title: string, patch: readonly unknown[], wanted: JsonValue])[] = [
  ['adds a member', [{ op: 'add', path: '/x', value: { y: 1 } }], { ...document, x: { y: 1 } }],
  ['adds over a member', [{ op: 'add', path: '/name', value: 'b' }], { ...document, name: 'b' }],
  [
    'adds into a list, before what is there',
    [{ op: 'add', path: '/servers/1', value: 'x' }],
    { ...document, servers: [{ port: 1 }, 'x', { port: 2 }] },
  ],
  [
    'adds at the end of a list',
    [{ op: 'add', path: '/servers/-', value: 'x' }],
    { ...document, servers: [{ port: 1 }, { port: 2 }, 'x'] },
  ],
  [
    'replaces deep inside',
    [{ op: 'replace', path: '/servers/1/port', value: 9 }],
    { ...document, servers: [{ port: 1 }, { port: 9 }] },
  ],
  [
    'replaces an element in its place',
    [{ op: 'replace', path: '/servers/0', value: 0 }],
    { ...document, servers: [0, { port: 2 }] },
  ],
  ['removes an element', [{ op: 'remove', path: '/servers/0' }], { ...document, servers: [{ port: 2 }] }],
  [
    'unescapes ~1 and ~0',
    [{ op: 'replace', path: '/a~1b/m~0n', value: 2 }],
    { ...document, 'a/b': { 'm~n': 2 } },
  ],
  [
    'moves an element',
    [{ op: 'move', from: '/servers/0', path: '/servers/1' }],
    { ...document, servers: [{ port: 2 }, { port: 1 }] },
  ],
  ['copies', [{ op: 'copy', from: '/name', path: '/x' }], { ...document, x: 'web' }],
  [
    'tests without regard to the order of fields',
    [{ op: 'test', path: '/servers', value: [{ port: 1 }, { port: 2 }] }],
    document,
  ],
  [
    'applies one operation after the other',
    [
      { op: 'add', path: '/x', value: [] },
      { op: 'add', path: '/x/-', value: 1 },
      { op: 'test', path: '/x/0', value: 1 },
    ],
    { ...document, x: [1] },
  ],
  [
    'ignores members that it does not know',
    [{ op: 'remove', path: '/name', why: 1 }],
    { servers: document.servers, 'a/b': document['a/b'] },
  ],
];

const refused: readonly (readonly [title: string, patch: unknown])[] = [
  ['no list', { op: 'add' }],
  ['an unknown op', [{ op: 'spam', path: '/x' }]],
  ['a path that is no pointer', [{ op: 'add', path: 'x', value: 1 }]],
  ['a bad escape', [{ op: 'add', path: '/a~2', value: 1 }]],
  ['no value', [{ op: 'add', path: '/x' }]],
  ['a place beyond the end of a list', [{ op: 'add', path: '/servers/3', value: 1 }]],
  ['a leading zero', [{ op: 'remove', path: '/servers/01' }]],
  ['what is not there', [{ op: 'remove', path: '/gone' }]],
  ['a parent that is not there', [{ op: 'add', path: '/gone/x', value: 1 }]],
  ['what is inherited', [{ op: 'remove', path: '/constructor' }]],
  ['a test that fails', [{ op: 'test', path: '/name', value: 'x' }]],
  ['a move into itself', [{ op: 'move', from: '/servers', path: '/servers/0' }]],
  ['__proto__', [{ op: 'add', path: '/__proto__', value: { admin: true } }]],
];

describe('a JSON patch', () => {
  for (const [title, patch, wanted] of rows) {
    it(title, () => assert.deepEqual(applyJsonPatch(document, patch), wanted));
  }
  for (const [title, patch] of refused) {
    it(`is refused with ${title}`, () =>
      assert.throws(
        () => applyJsonPatch(document, patch),
        (error: { code?: string }) => error.code === 'PATCH_INVALID' || error.code === 'JSON_MALFORMED',
      ));
  }

  it('is refused when its copies of the whole would take all memory', () => {
    const patch = Array.from({ length: 40 }, (_, index) => ({ op: 'copy', from: '', path: `/x${index}` }));
    assert.throws(
      () => applyJsonPatch(document, patch),
      (error: Error) => /json_patch\[\d+\]: the patch copies more than/.test(error.message),
    );
  });

  it('is refused when it nests deeper than a body may', () => {
    const value = JSON.parse(`${'{"x":'.repeat(20)}{}${'}'.repeat(20)}`);
    const patch = ['/x', `/x${'/x'.repeat(20)}`].map((path) => ({ op: 'add', path, value }));
    assert.throws(() => applyJsonPatch(document, patch), { code: 'JSON_MALFORMED' });
    const deep = [{ op: 'add', path: '/x'.repeat(40), value: 1 }];
    assert.throws(() => applyJsonPatch(document, deep), { code: 'PATCH_INVALID' });
  });
});
