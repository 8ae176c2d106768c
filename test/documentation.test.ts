import assert from 'node:assert/strict';
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { runCommand, startDemoServer } from '@limpet/testkit';

const root = resolve(import.meta.dirname, '..');
const pages = globSync(['*.md', '{docs,examples,benchmarks}/**/*.md'], { cwd: root }).sort();

describe('the documentation', () => {
  it('links only to files that are there, and to headings that they have', () => {
    const broken: string[] = [];
    for (const page of pages) {
      const text = readFileSync(join(root, page), 'utf8');
      for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        const [path = '', heading] = target.split('#');
        const file = path === '' ? join(root, page) : resolve(root, dirname(page), path);
        const good =
          existsSync(file) &&
          (heading === undefined || headings(readFileSync(file, 'utf8')).includes(heading));
        if (!good) broken.push(`${page}: ${target}`);
      }
    }
    assert.ok(pages.length > 10);
    assert.deepEqual(broken, []);
  });

  it('has commands in examples/two-engines that do what they say', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'limpet-example-'));
    const servers = await Promise.all([1, 2, 3].map((number) => startDemoServer({ name: `web-${number}` })));
    try {
      cpSync(join(root, 'examples/two-engines'), folder, { recursive: true });
      const ports = new Map([
        ...[8443, 8444].map((port) => [String(port), 0] as const),
        ...servers.map((server, index) => [String(9101 + index), server.port] as const),
      ]);
      for (const port of ['8443', '8444']) ports.set(port, await freePort());
      const moved = (text: string): string =>
        text.replaceAll(/\b(8443|8444|910[123])\b/g, (port) => String(ports.get(port)));
      const config = join(folder, 'config.json');
      writeFileSync(config, moved(readFileSync(config, 'utf8')));
      const [, script = ''] = /```sh\n(.*?)```/s.exec(readFileSync(join(folder, 'README.md'), 'utf8')) ?? [];
      // As in the repository, npx finds the command in node_modules/.bin.
      const path = `export PATH=${join(root, 'node_modules/.bin')}:$PATH; npx() { "$@"; }; set -e -m\n`;
      const { stdout, stderr } = await runCommand('bash', ['-c', `cd ${folder}; ${path}${moved(script)}`], {
        timeoutMs: 60_000,
      });
      const answers = [...stdout.matchAll(/x-demo-server: (web-\d)/gi)].map((match) => match[1]);
      assert.equal(answers.length, 4, `${stdout}\n${stderr}`);
      assert.equal(new Set(answers).size, 1, answers.join());
      assert.equal(stdout.match(/^valid: /gm)?.length, 2);
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

/** The anchors of a page, as GitHub makes them. */
function headings(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\- ]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function freePort(): Promise<number> {
  return new Promise((found) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => found(port));
    });
  });
}
