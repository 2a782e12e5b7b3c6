import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { diffLines } from 'diff'
import { ProvisionError } from '../../../src/errors.ts'
import {
  addAccount,
  addAlias,
  addDomain,
  type Edit,
  removeAccount,
  removeAlias,
  removeDomain,
} from '../../../src/inventory/edit/edit.ts'
import { set } from '../../../src/inventory/edit/lists.ts'
import { readYaml, validate } from '../../../src/inventory/yaml.ts'

const shipped = (name: string): string => readFileSync(new URL(`../../../inventory/${name}`, import.meta.url), 'utf8')

const text = `# Ours.
version: 1
hostname: example.org   # as the PTR says
address: 192.0.2.10
admin: { user: alice }
dns: { provider: manual }
mail: { hostname: mx1.example.org, primary: example.org }

domains:
  # The family.
  - name: example.org
    accounts:
      - address: alice   # since 2012
      # bob left, and came back
      - address: bob
    aliases:
      - { address: info, to: alice }   # printed on the van
    # Its web is old.

  # The choir.
  - name: example.net
    accounts: [{ address: carol }]

# All by rsync.
sites:
  - domain: example.net
`

/** What a change takes out of a text and puts in, line by line. */
const changed = (before: string, after: string): readonly string[] =>
  diffLines(before, after).flatMap(({ added, removed, value }) =>
    added || removed
      ? value
          .replace(/\n$/, '')
          .split('\n')
          .map((line) => (added ? '+' : '-') + line)
      : [],
  )

const changes: Record<string, readonly [Edit, readonly string[]]> = {
  'a domain comes after the others, with a blank line': [
    addDomain({ name: 'example.com' }, { site: false }),
    ['+  - name: example.com', '+'],
  ],
  'a domain with all that it may say, and its site': [
    addDomain(
      {
        name: 'example.com',
        accounts: [{ address: 'dave' }],
        catch_all: 'dave',
        dmarc: { policy: 'reject' },
      } as { readonly name: string },
      { site: true },
    ),
    [
      '+  - name: example.com',
      '+    accounts:',
      '+      - address: dave',
      '+    catch_all: dave',
      '+    dmarc:',
      '+      policy: reject',
      '+',
      '+  - domain: example.com',
    ],
  ],
  'a domain goes with its comment and its site': [
    removeDomain('example.net'),
    [
      '-',
      '-  # The choir.',
      '-  - name: example.net',
      '-    accounts: [{ address: carol }]',
      '-',
      '-# All by rsync.',
      '-sites:',
      '-  - domain: example.net',
    ],
  ],
  'an account': [addAccount('eve@example.org'), ['+      - address: eve']],
  'an account in a list in brackets': [
    addAccount('eve@example.net'),
    ['-    accounts: [{ address: carol }]', '+    accounts: [{ address: carol }, { address: eve }]'],
  ],
  'an account goes with the comment above it': [
    removeAccount('bob@example.org'),
    ['-      # bob left, and came back', '-      - address: bob'],
  ],
  'the only account of a domain': [removeAccount('carol@example.net'), ['-    accounts: [{ address: carol }]']],
  'an alias is written as those before it': [
    addAlias('shop@example.org', ['alice@example.org', 'x@example.com']),
    ['+      - { address: shop, to: [alice, x@example.com] }'],
  ],
  'the first alias of a domain': [
    addAlias('info@example.net', ['carol']),
    ['+    aliases:', '+      - { address: info, to: carol }'],
  ],
  'the only alias goes': [
    removeAlias('info@example.org'),
    ['-    aliases:', '-      - { address: info, to: alice }   # printed on the van'],
  ],
}

for (const [name, [edit, lines]] of Object.entries(changes)) {
  test(`edit: ${name}; nothing else moves`, () => {
    const { text: after, server } = edit('x.yml', text)
    assert.deepEqual(changed(text, after), lines)
    assert.deepEqual(JSON.stringify(validate('x.yml', readYaml('x.yml', after))), JSON.stringify(server))
  })
}

const refused: Record<string, readonly [Edit, RegExp]> = {
  'a domain that is there': [addDomain({ name: 'example.net' }, { site: false }), /^example\.net is declared twice$/],
  'an account that is there': [addAccount('bob@example.org'), /^bob@example\.org is an account already$/],
  'an account that is an alias': [addAccount('info@example.org'), /^info@example\.org is an account already$/],
  'an account of no domain of ours': [
    addAccount('bob@example.com'),
    /^there is no such domain in the inventory; there are: example/,
  ],
  'an account without its domain': [addAccount('bob'), /^is not a whole address$/],
  'an account in capitals': [addAccount('Bob@example.org'), /^“Bob” is not a valid mailbox name: letters/],
  'an account that an alias points to': [
    removeAccount('alice@example.org'),
    /^alice@example\.org does not exist: there is no account or alias of that name/,
  ],
  'an account that is not there': [
    removeAccount('zoe@example.org'),
    /^there is no such account in the inventory; there are: alice@/,
  ],
  'an alias to nobody': [addAlias('shop@example.org', ['zoe']), /^zoe@example\.org does not exist/],
  'an alias of an alias': [addAlias('shop@example.org', ['info']), /^info@example\.org is an alias itself/],
  'an alias that is not there': [removeAlias('info@example.net'), /^there is no such alias in the inventory; there is none$/],
  'the primary domain goes': [removeDomain('example.org'), /^is the primary domain: mail\.primary names it$/],
  'a domain that is not there goes': [removeDomain('example.com'), /^there is no such domain/],
}

for (const [name, [edit, message]] of Object.entries(refused)) {
  test(`edit: refused: ${name}`, () => {
    assert.throws(
      () => edit('x.yml', text),
      (error: unknown) => error instanceof ProvisionError && message.test(error.message),
    )
  })
}

test('edit: a file with CRLF keeps it, and one without a last newline gets one', () => {
  const { text: after } = addDomain({ name: 'example.com' }, { site: true })('x.yml', text.trimEnd().replaceAll('\n', '\r\n'))
  assert.ok(after.endsWith('  - domain: example.net\r\n  - domain: example.com\r\n'), after)
  assert.equal(after.replaceAll('\r\n', '').includes('\n'), false)
})

test('edit: what stands for something elsewhere in the file is left to a person', () => {
  const shared = text
    .replace('accounts: [{ address: carol }]', 'accounts: &them [{ address: carol }]')
    .replace('sites:', 'sites: # x')
  const odd = shared.replace('  - name: example.net', '  - ? name\n    : example.net')
  for (const one of [shared, odd])
    try {
      assert.match(addAccount('eve@example.net')('x.yml', one).text, /eve/)
    } catch (error) {
      assert.ok(error instanceof ProvisionError)
      assert.match(error.message, /laid out in a way that only a person can edit/)
    }
})

test('edit: what is added to the inventories that come with us and removed again leaves no trace', () => {
  for (const [before, domain] of [
    [shipped('xoyize.xyz.yml'), 'xoyize.xyz'],
    [shipped('xoyize.xyz.yml').replaceAll(/\n\n+/g, '\n'), 'xoyize.xyz'],
    [shipped('example.yml'), 'example.org'],
  ] as const) {
    const there = (edits: readonly Edit[]) => edits.reduce((now, edit) => edit('x.yml', now).text, before)
    const added = [
      addDomain({ name: 'new.example' }, { site: true }),
      addAccount('first@new.example'),
      addAccount(`second@${domain}`),
      addAlias('x@new.example', ['first']),
      addAlias(`y@${domain}`, ['first@new.example']),
    ]
    assert.deepEqual(
      changed(before, there(added)).filter((line) => line.startsWith('-')),
      [],
    )
    const gone = [
      removeAlias(`y@${domain}`),
      removeAlias('x@new.example'),
      removeAccount(`second@${domain}`),
      removeAccount('first@new.example'),
      removeDomain('new.example'),
    ]
    assert.equal(there([...added, ...gone]), before)
  }
})

for (const [what, before, after] of [
  ['a whole section', 'a: 1\n', 'a: 1\n\nartifacts:\n  maddy:\n    version: 0.10.1\n'],
  [
    'beside what is there',
    'artifacts:\n  maddy:\n    source: build # here\nb: 2\n',
    'artifacts:\n  maddy:\n    source: build # here\n    version: 0.10.1\nb: 2\n',
  ],
  ['in braces', 'artifacts:\n  maddy: { source: build }\n', 'artifacts:\n  maddy: { source: build, version: 0.10.1 }\n'],
  [
    'in place of another, whose comment stays',
    'artifacts:\n  maddy:\n    version: 0.9.5 # as tried\n\nb: 3\n',
    'artifacts:\n  maddy:\n    version: 0.10.1 # as tried\n\nb: 3\n',
  ],
] as const) {
  test(`a version is pinned: ${what}`, () => {
    assert.equal(set('x.yml', before, ['artifacts', 'maddy', 'version'], '0.10.1'), after)
  })
}

test('a version is not pinned where its place is something else', () => {
  assert.throws(() => set('x.yml', 'artifacts: [maddy]\n', ['artifacts', 'maddy', 'version'], '1.0.0'), ProvisionError)
})
