// Reads every import of the sources and holds them to ARCHITECTURE.md: who may import whom, and no cycle.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, it } from 'node:test';

const root = resolve(import.meta.dirname, '..');

/** The engine's folders: each imports only from those above it. The same order as in ARCHITECTURE.md. */
const engineFolders = [
  'lifecycle',
  'telemetry',
  'channel',
  'listener',
  'supervisor',
  'proxy-protocol',
  'client-hello',
  'session-ticket',
  'persistence',
  'load-balancing',
  'health-monitor',
  'pool',
  'tls',
  'http',
  'virtual-service',
  'snapshot',
  'source',
  'engine',
];

/** The Controller's, likewise. */
const controllerFolders = [
  'lifecycle',
  'store',
  'config',
  'ticket-keys',
  'engines',
  'telemetry',
  'users',
  'api',
];

/** By package: its folders, and the heading in ARCHITECTURE.md below which they stand. */
const foldersOf: Readonly<Record<string, { readonly folders: readonly string[]; readonly heading: string }>> =
  {
    'service-engine': { folders: engineFolders, heading: '## The Service Engine, folder by folder' },
    controller: { folders: controllerFolders, heading: '## The Controller, folder by folder' },
  };

const packagesOf: Readonly<Record<string, readonly string[]>> = {
  model: ['zod'],
  'service-engine': ['@limpet/model', 'pino', 'sonic-boom'],
  cli: [
    '@limpet/model',
    '@limpet/controller',
    '@limpet/controller/state',
    '@limpet/service-engine',
    '@limpet/service-engine/supervisor',
    'commander',
  ],
  controller: [
    '@limpet/model',
    // For a thread that needs no schemas, and starts sooner without them.
    '@limpet/model/errors',
    'fastify',
    '@peculiar/x509',
    'reflect-metadata',
    'pino',
  ],
  testkit: ['@peculiar/x509', 'reflect-metadata', 'playwright-core'],
};

interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const sources: readonly SourceFile[] = globSync('packages/*/src/**/*.ts', { cwd: root })
  .filter((path) => !isTest(path))
  .map((path) => {
    const text = readFileSync(join(root, path), 'utf8');
    const imports = [
      ...text.matchAll(/^\s*(?:import|export)\s[^;]*?from\s+'([^']+)'|^\s*import\s+'([^']+)'/gms),
    ];
    return { path, text, imports: imports.map((match) => (match[1] ?? match[2]) as string) };
  });

function isTest(path: string): boolean {
  return /\.test\.ts$|\/(test|fake)-[^/]*\.ts$|[.-]conformance\.ts$|\/fuzz-[^/]*\.ts$/.test(path);
}

function packageOf(path: string): string {
  return path.split('/')[1] as string;
}

function targetOf(file: SourceFile, specifier: string): string {
  return relative(root, resolve(root, dirname(file.path), specifier));
}

describe('the architecture', () => {
  it('is read from more than a hundred imports', () => {
    assert.ok(sources.flatMap(({ imports }) => imports).length > 100);
  });

  it('lets a package use only node, its own files and the packages named for it', () => {
    for (const file of sources) {
      for (const specifier of file.imports) {
        if (specifier.startsWith('node:')) continue;
        if (specifier.startsWith('.')) {
          assert.equal(
            packageOf(targetOf(file, specifier)),
            packageOf(file.path),
            `${file.path} reaches into ${specifier}`,
          );
        } else {
          assert.ok(
            packagesOf[packageOf(file.path)]?.includes(specifier),
            `${file.path} imports ${specifier}`,
          );
        }
      }
    }
  });

  for (const [name, { folders, heading }] of Object.entries(foldersOf)) {
    it(`lets a folder of ${name} import only from folders above it`, () => {
      const folderOf = (path: string): string | undefined =>
        new RegExp(`^packages/${name}/src/([^/]+)/.+`).exec(path)?.[1];
      for (const file of sources) {
        const from = folderOf(file.path);
        if (from === undefined) continue;
        assert.ok(folders.includes(from), `${from} is not in the list of folders`);
        for (const specifier of file.imports.filter((one) => one.startsWith('.'))) {
          // Types of JSON values: words, which every folder may use.
          if (targetOf(file, specifier) === 'packages/controller/src/json.ts') continue;
          const to = folderOf(targetOf(file, specifier));
          assert.ok(to !== undefined, `${file.path} imports ${specifier}, which is an entry point`);
          assert.ok(
            folders.indexOf(to) <= folders.indexOf(from),
            `${file.path} (${from}) imports from ${to}`,
          );
        }
      }
    });

    it(`says the same of ${name} in ARCHITECTURE.md`, () => {
      const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
      const start = text.indexOf(heading);
      assert.ok(start >= 0, `there is no "${heading}"`);
      const table = text.slice(start + heading.length).split(/^## /m)[0] as string;
      const listed = [...table.matchAll(/^\| `([a-z-]+)\/` +\|/gm)].map((match) => match[1]);
      assert.deepEqual(listed, folders);
    });
  }

  it('has no cycle of imports', () => {
    const graph = new Map(
      sources.map((file) => [
        file.path,
        file.imports.filter((name) => name.startsWith('.')).map((name) => targetOf(file, name)),
      ]),
    );
    const done = new Set<string>();
    const visit = (path: string, trail: readonly string[]): void => {
      assert.ok(!trail.includes(path), `a cycle: ${[...trail.slice(trail.indexOf(path)), path].join(' → ')}`);
      if (done.has(path)) return;
      for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
      done.add(path);
    };
    for (const path of graph.keys()) visit(path, []);
  });

  it('keeps clocks, timers and chance in lifecycle/', () => {
    for (const { path, text } of sources) {
      if (foldersOf[packageOf(path)] === undefined || path.includes('/lifecycle/')) continue;
      assert.doesNotMatch(text, /\bDate\.now\(|(?<!\.)\bset(?:Timeout|Interval)\(|Math\.random\(/, path);
    }
  });

  it('reads process only where a process is composed', () => {
    for (const { path, text } of sources) {
      if (foldersOf[packageOf(path)] === undefined) continue;
      if (/src\/(main|worker|supervisor-main)\.ts$/.test(path)) continue;
      const code = text.replace(/\/\/.*$|\/\*[\s\S]*?\*\//gm, '');
      assert.doesNotMatch(code, /\bprocess\./, path);
    }
  });

  it('opens every file with a sentence that says what it owns', () => {
    for (const { path, text } of sources) assert.match(text, /^(#!.*\n)?\/\/ \S.+/, path);
  });
});
