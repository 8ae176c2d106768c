import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createFakeClock } from '../lifecycle/fake-clock.ts';
import { openAccessLog } from './access-log.ts';

describe('an access log', () => {
  let root: string;
  before(() => {
    root = mkdtempSync(join(tmpdir(), 'limpet-log-'));
  });
  after(() => rmSync(root, { recursive: true, force: true }));

  it('that cannot be opened anew goes on in its former file, tries again, and closes that once', async () => {
    const [folder, moved] = [join(root, 'log'), join(root, 'moved')];
    mkdirSync(folder);
    const clock = createFakeClock();
    let dropped = 0;
    const log = openAccessLog(join(folder, 'access.log'), clock.deadlines, () => dropped++);
    log.write({ request_id: 'first' });
    await until(() => textOf(join(folder, 'access.log')).includes('first'));
    renameSync(folder, moved);
    // Where a folder should be, so that the file cannot be opened.
    writeFileSync(folder, '');
    log.reopen();
    await until(() => clock.deadlines.size > 0);
    log.write({ request_id: 'second' });
    await until(() => textOf(join(moved, 'access.log')).includes('second'));
    rmSync(folder);
    clock.advance(1100);
    await until(() => textOf(join(folder, 'access.log')) !== ABSENT);
    log.write({ request_id: 'third' });
    await log.close();
    assert.match(textOf(join(folder, 'access.log')), /third/);
    assert.doesNotMatch(textOf(join(moved, 'access.log')), /third/);
    // To close the former file twice is an error of the stream.
    assert.equal(dropped, 0);
    clock.deadlines.stop();
  });
});

const ABSENT = 'there is no such file';

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ABSENT;
  }
}

/** Looks again and again until it holds, for some seconds. */
async function until(holds: () => boolean): Promise<void> {
  for (let looks = 0; !holds(); looks++) {
    if (looks > 1500) throw new Error(`it never came to that: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
