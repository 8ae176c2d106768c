import assert from 'node:assert/strict';
import { validateHeaderValue } from 'node:http';
import { describe, it } from 'node:test';
import { PassedOver, UNKNOWN_FIELDS_HEADER, WITHOUT_EFFECT_HEADER } from './change-answer.ts';

describe('the headers of what was passed over', () => {
  it('name the fields, each once', () => {
    const passed = new PassedOver();
    passed.add({ unknown: ['Pool.colour'], withoutEffect: ['Pool.a', 'Pool.b'] });
    passed.add({ unknown: [], withoutEffect: ['Pool.a'] });
    assert.deepEqual(passed.headers(), {
      [WITHOUT_EFFECT_HEADER]: 'Pool.a, Pool.b',
      [UNKNOWN_FIELDS_HEADER]: 'Pool.colour',
    });
    assert.deepEqual(new PassedOver().headers(), {});
  });

  it('hold whatever names a client has thought of, and no more than fits', () => {
    const passed = new PassedOver();
    const unknown = Array.from({ length: 5000 }, (_, index) => `Pool.x${index}\r\nSet-Cookie: a=b\u{1f41a}`);
    passed.add({ unknown, withoutEffect: [] });
    const text = passed.headers()[UNKNOWN_FIELDS_HEADER] as string;
    validateHeaderValue(UNKNOWN_FIELDS_HEADER, text);
    assert.ok(text.length < 2300);
    assert.match(text, /, and \d+ more$/);
  });
});
