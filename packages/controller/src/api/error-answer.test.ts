import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ErrorCode, errorCatalogue, LimpetError } from '@limpet/model';
import { errorAnswer } from './error-answer.ts';

const problem = {
  objectType: 'Pool',
  objectName: 'web',
  field: 'servers[0].port',
  message: 'must be a number',
};

describe('an error in an answer', () => {
  it('names object and field, and the object once more for clients that look for it', () => {
    const { status, body } = errorAnswer(
      new LimpetError('CONFIG_INVALID', undefined, { problems: [problem] }),
    );
    assert.deepEqual(
      [status, body],
      [
        400,
        { error: 'Pool "web", servers[0].port: must be a number', obj_name: 'web', code: 'CONFIG_INVALID' },
      ],
    );
  });

  it('names fifty problems at most', () => {
    const problems = Array.from({ length: 60 }, () => problem);
    const { body } = errorAnswer(new LimpetError('CONFIG_INVALID', undefined, { problems }));
    assert.match((body as { error: string }).error, /; and 10 more$/);
  });

  it("is Avi's sentence alone where clients look for it", () => {
    const sentence = (code: ErrorCode, detail: string) =>
      (errorAnswer(new LimpetError(code, detail)).body as { error: string }).error;
    assert.equal(sentence('OBJECT_NOT_FOUND', 'Pool object not found!'), 'Pool object not found!');
    assert.equal(errorAnswer(new LimpetError('CSRF_INVALID')).body, 'CSRF token missing or incorrect.');
    assert.deepEqual(
      errorAnswer(new LimpetError('METHOD_NOT_ALLOWED', "Method 'DELETE' not allowed.")).body,
      {
        detail: "Method 'DELETE' not allowed.",
      },
    );
  });

  it('says nothing of a defect', () => {
    const { status, body } = errorAnswer(new Error('-----BEGIN PRIVATE KEY-----'));
    assert.equal(status, 500);
    assert.doesNotMatch(JSON.stringify(body), /BEGIN/);
  });

  it('has a status for every code', () => {
    for (const code of Object.keys(errorCatalogue) as ErrorCode[])
      assert.ok(errorAnswer(new LimpetError(code)).status >= 400, code);
  });
});
