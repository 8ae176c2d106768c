import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hostPatternWeight, matchesHost, parseHostPattern } from '../host-pattern.ts';
import { configurationWith, load, problemsOf, whereOf } from '../test-configuration.ts';

const child = {
  name: 'child',
  type: 'VS_TYPE_VH_CHILD',
  vh_parent_vs_ref: 'demo',
  vh_domain_name: ['a.test'],
  pool_ref: 'demo-pool',
  application_profile_ref: 'demo-http',
  ssl_key_and_certificate_refs: ['demo-certificate'],
};

/** A parent with this child, and further edits. */
function hostingWith(changes: object = {}, edits: Readonly<Record<string, unknown>> = {}) {
  return configurationWith({
    'VirtualService[0].type': 'VS_TYPE_VH_PARENT',
    'VirtualService[1]': { ...child, ...changes },
    ...edits,
  });
}

describe('virtual hosting', () => {
  it('gives a child the services, versions and ciphers of its parent, and keeps its own certificate and pool', () => {
    const { virtualServices } = load(hostingWith({}, { 'SSLProfile[0].ssl_session_timeout': 1234 })).compiled
      .snapshot;
    const parent = virtualServices.find(({ name }) => name === 'demo');
    const made = virtualServices.find(({ name }) => name === 'child');
    assert.deepEqual(made?.listeners, []);
    assert.equal(made?.tls?.sessionTimeoutS, 1234);
    assert.equal(made?.tls?.http2, parent?.tls?.http2);
    assert.deepEqual(made?.hosting, { kind: 'child', parentUuid: parent?.uuid });
    assert.deepEqual(parent?.hosting, {
      kind: 'parent',
      hosts: [{ pattern: { kind: 'exact', host: 'a.test' }, virtualServiceUuid: made?.uuid }],
    });
  });

  it('orders the names of all children by how much they say', () => {
    const names = ['*.b.test', 'www.a.b.*', 'x.b.test', '.long.b.test'];
    const { virtualServices } = load(hostingWith({ vh_domain_name: names })).compiled.snapshot;
    const hosting = virtualServices.find(({ name }) => name === 'demo')?.hosting;
    assert.ok(hosting?.kind === 'parent');
    assert.deepEqual(
      hosting.hosts.map(({ pattern }) => Object.values(pattern)[1]),
      ['x.b.test', '.long.b.test', 'www.a.b.', '.b.test'],
    );
  });

  it('notices a profile of a child, which has no effect', () => {
    const { notices } = load(hostingWith({ ssl_profile_ref: 'System-Standard' }));
    assert.ok(notices.some((notice) => whereOf(notice) === 'VirtualService "child", ssl_profile_ref'));
  });

  for (const [what, changes, edits, field, message] of [
    ['without a parent', { vh_parent_vs_ref: undefined }, {}, 'vh_parent_vs_ref', /is missing/],
    [
      'of a parent that is not there',
      { vh_parent_vs_ref: 'gone' },
      {},
      'vh_parent_vs_ref',
      /there is no Virt/,
    ],
    [
      'of one that is no parent',
      {},
      { 'VirtualService[0].type': 'VS_TYPE_NORMAL' },
      'vh_parent_vs_ref',
      /make it/,
    ],
    ['of a disabled parent', {}, { 'VirtualService[0].enabled': false }, 'vh_parent_vs_ref', /is disabled/],
    ['without a name', { vh_domain_name: [] }, {}, 'vh_domain_name', /is empty/],
    [
      'with a name that is none',
      { vh_domain_name: ['a.test', 'a b'] },
      {},
      'vh_domain_name[1]',
      /no host name/,
    ],
    [
      'with a name twice',
      { vh_domain_name: ['*.a.test', '.A.test'] },
      {},
      'vh_domain_name[1]',
      /belongs to "child"/,
    ],
    ['with services', { services: [{ port: 1 }] }, {}, 'services', /take them out/],
    ['with an address', { vsvip_ref: 'demo-vip' }, {}, 'vsvip_ref', /take it out/],
    ['chosen otherwise than by SNI', { vh_type: 'VS_TYPE_VH_ENHANCED' }, {}, 'vh_type', /not supported yet/],
    [
      'without a certificate',
      { ssl_key_and_certificate_refs: [] },
      {},
      'ssl_key_and_certificate_refs',
      /is empty/,
    ],
  ] as const) {
    it(`refuses a child ${what}`, () => {
      const found = problemsOf(hostingWith(changes, edits)).filter(
        ({ objectName }) => objectName === 'child',
      );
      assert.ok(
        found.some((problem) => problem.field === field && message.test(problem.message)),
        JSON.stringify(found),
      );
    });
  }

  it('refuses a name that an earlier child has', () => {
    const input = hostingWith(
      {},
      { 'VirtualService[2]': { ...child, name: 'twin', vh_domain_name: ['A.TEST'] } },
    );
    const found = problemsOf(input);
    assert.deepEqual(found.map(whereOf), ['VirtualService "twin", vh_domain_name[0]']);
    assert.match(found[0]?.message ?? '', /belongs to "child"/);
  });

  it('refuses fields of children elsewhere, and a parent that children could not be told apart on', () => {
    const alone = configurationWith({ 'VirtualService[0].vh_domain_name': ['a.test'] });
    assert.deepEqual(problemsOf(alone).map(whereOf), ['VirtualService "demo", vh_domain_name']);
    const plain = configurationWith({
      'VirtualService[0].type': 'VS_TYPE_VH_PARENT',
      'VirtualService[0].services': [{ port: 80 }],
      'Pool[0].application_persistence_profile_ref': undefined,
    });
    assert.deepEqual(problemsOf(plain).map(whereOf), ['VirtualService "demo", services']);
  });
});

describe('a host pattern', () => {
  for (const [text, matching, others] of [
    ['a.test', ['a.test'], ['x.a.test', 'xa.test', '']],
    ['*.a.test', ['x.a.test', 'y.x.a.test'], ['a.test', '.a.test', 'xa.test']],
    ['.a.test', ['x.a.test'], ['a.test']],
    ['www.a.*', ['www.a.test', 'www.a.b.test'], ['www.a.', 'www.a', 'x.www.a.test']],
  ] as const) {
    it(`${text} covers ${matching.join(' and ')}`, () => {
      const pattern = parseHostPattern(text);
      assert.ok(pattern !== undefined);
      for (const host of matching) assert.ok(matchesHost(pattern, host), host);
      for (const host of others) assert.ok(!matchesHost(pattern, host), host);
    });
  }

  for (const text of [
    '',
    '*',
    '.',
    '*.',
    'a..b',
    '-a.test',
    'a.test:443',
    '*.a.*',
    'a.*.b',
    'a b',
    'ä.test',
    'a/b',
  ]) {
    it(`"${text}" is none`, () => assert.equal(parseHostPattern(text), undefined));
  }

  it('that is a whole name says more than any part', () => {
    const weight = (text: string) => hostPatternWeight(parseHostPattern(text) ?? assert.fail(text));
    assert.ok(weight('a.b') > weight(`*.${'x'.repeat(60)}.${'y'.repeat(60)}.test`));
    assert.ok(weight('*.x.a.test') > weight('*.a.test'));
  });
});
