import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeApi } from './openapi.ts';

describe('the description of the API', () => {
  it('is made once, since anybody may ask for it', () => {
    assert.equal(describeApi(), describeApi());
  });
});
