// Tests of the error class and of the lines that an operator reads.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeProblem, type ErrorCode, errorCatalogue, LimpetError } from './errors.ts';

describe('an error', () => {
  it('takes source, status, retry and message from the catalogue', () => {
    const error = new LimpetError('NO_SERVER_AVAILABLE');
    assert.deepEqual(
      [error.source, error.status, error.retry, error.message],
      ['upstream', 503, true, 'no server is available'],
    );
  });

  it('adds its detail to the message, and keeps cause and problems', () => {
    const cause = new Error('EACCES');
    const problem = { objectType: 'Pool', objectName: 'web', field: 'servers', message: 'is empty' };
    const error = new LimpetError('CONFIG_INVALID', '1 problem', { cause, problems: [problem] });
    assert.equal(error.message, 'the configuration is not valid: 1 problem');
    assert.equal(error.cause, cause);
    assert.deepEqual(error.problems, [problem]);
  });
});

describe('the catalogue of errors', () => {
  for (const code of Object.keys(errorCatalogue) as ErrorCode[]) {
    it(`has a status that an HTTP answer can have, or none: ${code}`, () => {
      const { status, message, source } = errorCatalogue[code];
      assert.ok(status === 0 || (status >= 400 && status <= 599));
      assert.ok(message.length > 0);
      // The fault of a client is never answered as the fault of a server, nor the other way round.
      if (source === 'downstream' && status >= 500) assert.ok([501, 505].includes(status));
      if (source === 'upstream') assert.ok(status === 0 || status >= 500);
    });
  }
});

describe('the line that describes a problem', () => {
  const problem = { objectType: 'Pool', objectName: 'web', field: 'servers[0].port', message: 'must be 0' };

  it('names type, object, field and what is wrong', () => {
    assert.equal(describeProblem(problem), 'Pool "web", servers[0].port: must be 0');
  });

  it('names no field where the object as a whole is wrong', () => {
    assert.equal(describeProblem({ ...problem, field: '' }), 'Pool "web": must be 0');
  });
});
