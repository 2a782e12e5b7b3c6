import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Ldap, ldap } from '../../files/usr/local/sbin/provision-ldap.ts'

let dir: string

before(() => {
  dir = mkdtempSync(join(tmpdir(), 'ldap-test-'))
})
after(() => rmSync(dir, { recursive: true, force: true }))

const what: Ldap = {
  ...{ url: 'ldap://127.0.0.1:3890', starttls: false, base: 'dc=b,dc=example', bind: 'uid=maddy,dc=b,dc=example', users: 'mail' },
  ...{
    domain: 'b.example',
    filter: "(cn=it's)",
    domains: ['b.example', 'c.example'],
    declared: ['a@b.example', 'postmaster@b.example'],
  },
}

/** One run of it, on a host whose directory answers so: what it asked, the addresses it knows, and how it ended. */
function run({
  change = {},
  args = [],
  input = '',
  search = ':',
  whoami = ':',
  known,
}: {
  change?: Partial<Ldap>
  args?: readonly string[]
  input?: string
  search?: string
  whoami?: string
  known?: string
}) {
  for (const path of ['asked', 'ldap-addresses', 'made']) rmSync(join(dir, path), { force: true })
  if (known !== undefined) writeFileSync(join(dir, 'ldap-addresses'), known)
  const programs = {
    ldapsearch: `printf 'search %s\\n' "$*" >> ${dir}/asked\n${search}`,
    // The password is what comes in, and in nobody's list of processes.
    ldapwhoami: `printf 'whoami %s with %s\\n' "$*" "$(cat)" >> ${dir}/asked\n${whoami}`,
    maddy: `printf '%s\\n' "$3" >> ${dir}/made`,
    sqlite3: `grep -qxF "$(printf %s "$5" | sed "s/.*'\\(.*\\)'/\\1/")" ${dir}/made 2>/dev/null && echo 1`,
    provision: ldap({ ...what, ...change }),
  }
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(dir, name), text.startsWith('#!') ? text : `#!/bin/sh\n${text}\n`)
    chmodSync(join(dir, name), 0o755)
  }
  const env = { PROVISION_PATH: `${dir}:/usr/bin:/bin`, PROVISION_MADDY: dir }
  const { status, stdout, stderr } = spawnSync('dash', [join(dir, 'provision'), ...args], { env, input, encoding: 'utf8' })
  const text = (name: string) => (existsSync(join(dir, name)) ? readFileSync(join(dir, name), 'utf8') : '')
  return { code: status, stdout, stderr, asked: text('asked'), addresses: text('ldap-addresses'), made: text('made') }
}

const found = "printf 'dn: uid=lea,dc=b,dc=example\\n\\n'"

test('ldap: who proves the password logs in, with a mailbox; the password is in no argv', () => {
  const { code, asked, addresses, made } = run({ input: 'lea@b.example\na "b" $c \\ d\n', search: found })
  assert.equal(code, 0)
  assert.match(asked, /-b dc=b,dc=example -s sub \(&\(cn=it's\)\(mail=lea@b\.example\)\) 1\.1\n/)
  assert.match(asked, /-D uid=lea,dc=b,dc=example -y \/dev\/stdin with a "b" \$c \\ d\n$/)
  assert.deepEqual([addresses, made], ['lea@b.example\n', 'lea@b.example\n'])
})

test('ldap: a name in another alphabet is bound as it is', () => {
  const dn = Buffer.from('uid=léa,dc=b').toString('base64')
  assert.match(run({ input: 'lea@b.example\nx\n', search: `echo 'dn:: ${dn}'` }).asked, /-D uid=léa,dc=b -y/)
})

test('ldap: by uid, in its own domain only', () => {
  const change = { users: 'uid', domain: 'c.example' } as const
  assert.match(run({ change, input: 'lea@c.example\nx\n', search: found }).asked, /\(uid=lea\)/)
  assert.deepEqual(run({ change, input: 'lea@b.example\nx\n', search: found }).asked, '')
})

for (const [title, input] of [
  ['a declared account', 'a@b.example\nx\n'],
  ['an alias', 'postmaster@b.example\nx\n'],
  ['another domain', 'a@d.example\nx\n'],
  ['a name without a domain', 'lea\nx\n'],
  ['a filter', 'l*)(uid=*@b.example\nx\n'],
  ['an empty password', 'lea@b.example\n\n'],
  ['nothing at all', ''],
] as const)
  test(`ldap: ${title} is refused, and the directory is not asked`, () => {
    const { code, asked } = run({ input, search: found })
    assert.deepEqual([code, asked], [1, ''])
  })

for (const [title, search, whoami, expected] of [
  ['nobody is found', ':', ':', 1],
  ['two are found', `${found}; ${found}`, ':', 1],
  ['the directory does not answer', 'exit 255', ':', 2],
  ['the password is wrong', found, 'exit 49', 1],
  ['it goes away in between', found, 'exit 255', 2],
  ['it is too slow', found, 'exit 124', 2],
] as const)
  test(`ldap: ${title}: ${expected === 1 ? 'no' : 'could not ask'}`, () => {
    const { code, made } = run({ input: 'lea@b.example\nx\n', search, whoami })
    assert.deepEqual([code, made], [expected, ''])
  })

test('ldap: all who are in the directory and have an address here get a mailbox, in lower case', () => {
  const search = "printf 'mail: Noa@B.example\\nmail: lea@b.example\\nmail: a@b.example\\nmail: x@d.example\\nmail:: w6k=\\n'"
  const { code, addresses, made } = run({ args: ['sync'], search })
  assert.deepEqual([code, addresses, made], [0, 'lea@b.example\nnoa@b.example\n', 'lea@b.example\nnoa@b.example\n'])
  assert.equal(run({ args: ['check'], search }).stdout, '2\n')
})

test('ldap: an address that several have is told', () => {
  const { code, stderr } = run({ args: ['sync'], search: "printf 'mail: lea@b.example\\nmail: Lea@b.example\\n'" })
  assert.equal(code, 1)
  assert.equal(stderr, 'several have the address lea@b.example, and none of them can log in\n')
})

for (const [title, search, says] of [
  ['does not answer', 'echo gone >&2; exit 255', /^gone$/m],
  ['shows nobody', ':', /shows nobody: may uid=maddy,dc=b,dc=example read it/],
] as const)
  test(`ldap: a directory that ${title} leaves what it said before`, () => {
    const { code, stderr, addresses } = run({ args: ['sync'], search, known: 'lea@b.example\n' })
    assert.deepEqual([code, addresses], [1, 'lea@b.example\n'])
    assert.match(stderr, says)
  })
