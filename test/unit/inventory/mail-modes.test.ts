import assert from 'node:assert/strict'
import { test } from 'node:test'
import { maddyConf } from '../../../files/etc/maddy/maddy.conf.ts'
import { aliasLines, leavingAliases, mailLogins, Server, systemLogin } from '../../../src/inventory/inventory.ts'
import { referencePlaybooks, referenceServer } from '../../support/reference.ts'

type Mode = Server['mail']['mode']

/** An inventory with two domains, in which `a.example` has what `change` says. */
const server = (mode: Mode, ...domains: readonly Record<string, unknown>[]) => withMail({ mode }, ...domains)
const withMail = (mail: Record<string, unknown>, ...domains: readonly Record<string, unknown>[]) =>
  Server.safeParse({
    version: 1,
    hostname: 'a.example',
    address: '192.0.2.1',
    admin: { user: 'alice' },
    dns: { provider: 'ovh' },
    mail: { hostname: 'mx1.a.example', primary: 'a.example', ...mail },
    domains,
  })

const ok = (result: ReturnType<typeof server>): Server => (result.success ? result.data : assert.fail(result.error.message))
const faults = (result: ReturnType<typeof server>) => result.error?.issues.map(({ message }) => message) ?? []
const a = { name: 'a.example', accounts: [{ address: 'dave' }] }
const b = { name: 'b.example' }

for (const [mode, name, mailboxes] of [
  ['separate', 'dave@a.example', ['dave@a.example']],
  ['same_credentials', 'dave', ['dave@a.example', 'dave@b.example']],
  ['same_mailbox', 'dave', ['dave']],
] as const)
  test(`logins: ${mode}`, () => {
    const { domains } = ok(server(mode, a, b))
    const all = mailLogins(mode, domains).map(({ password, ...rest }) => ({ ...rest, password: password.name }))
    assert.deepEqual(all, [{ name, address: 'dave@a.example', mailboxes, password: 'mail/dave@a.example' }])
  })

test('modes: outside separate an account stands in one domain and has an address in all of them', () => {
  const twice = [a, { ...b, accounts: [{ address: 'dave' }] }]
  assert.deepEqual(faults(server('separate', ...twice)), [])
  for (const mode of ['same_credentials', 'same_mailbox'] as const) {
    assert.deepEqual(faults(server(mode, ...twice)), ['dave@b.example is an account already'])
    const alias = [a, { ...b, aliases: [{ address: 'dave', to: 'carol@example.net' }] }]
    assert.deepEqual(faults(server(mode, ...alias)), ['dave@b.example is an account already'])
    assert.deepEqual(faults(server(mode, a, { ...b, catch_all: 'dave', aliases: [{ address: 'info', to: 'dave' }] })), [])
    assert.deepEqual(faults(server(mode, a, { ...b, catch_all: 'erin' })), ['erin@b.example is not an account of b.example'])
  }
  assert.match(faults(server('separate', a, { ...b, catch_all: 'dave' })).join(), /is not an account of b\.example/)
})

test('modes: a postmaster that is an account has an address in every domain, and no alias takes it', () => {
  const { domains } = ok(server('same_mailbox', { ...a, accounts: [{ address: 'postmaster' }] }, b))
  const lines = aliasLines(domains, 'same_mailbox').map(({ from, to }) => `${from}: ${to.join(', ')}`)
  assert.deepEqual(lines, ['abuse@a.example: postmaster@a.example', 'abuse@b.example: postmaster@b.example'])
})

test('maddy.conf: a domain signs with its own selector, and one line is enough while all have the same', () => {
  const signing = (...selectors: readonly (readonly [string, string])[]) =>
    maddyConf({
      ...{ hostname: 'mx1.a.example', primaryDomain: 'a.example', domains: ['a.example', 'b.example', 'c.example'] },
      ...{ mode: 'separate', certificate: '/c', catchAll: [], rspamd: false, ldap: false, maxRecipients: 1 },
      system: { address: 's@a.example', to: 'postmaster@a.example' },
      selectors: new Map(selectors),
    })
      .split('\n')
      .filter((line) => /^ *dkim ./.test(line))
      .map((line) => line.trim())
  assert.deepEqual(signing(), ['dkim $(primary_domain) $(local_domains) default'])
  assert.deepEqual(signing(['a.example', 's1'], ['b.example', 's1'], ['c.example', 's1']), [
    'dkim $(primary_domain) $(local_domains) s1',
  ])
  assert.deepEqual(signing(['b.example', 's1']), ['dkim a.example c.example default', 'dkim b.example s1'])
})

test('maddy.conf: nobody of another domain is anybody here, whatever the mode', () => {
  const conf = (mode: Mode) =>
    maddyConf({
      ...{ hostname: 'mx1.a.example', primaryDomain: 'a.example', domains: ['a.example', 'b.example'], mode },
      ...{
        certificate: '/c',
        selectors: new Map(),
        catchAll: [{ domain: 'b.example', to: 'dave@b.example' }],
        rspamd: false,
        ldap: false,
        maxRecipients: 1,
        system: { address: 's@a.example', to: 'postmaster@a.example' },
      },
    })
  assert.doesNotMatch(conf('separate'), /auth_map|storage_map|delivery_map/)
  assert.match(conf('same_credentials'), /^auth_map regexp "\(\[\^@\]\+\)@\(a\[\.\]example\|b\[\.\]example\)" "\$1"$/m)
  // Else an alias that leaves for dave@elsewhere.example would end in dave’s own mailbox.
  assert.match(conf('same_mailbox'), /table\.chain local_accounts \{\n {4}step regexp .*@\(a\[\.\]example/)
  assert.match(conf('same_mailbox'), /destination_in &local_accounts \{/)
})

test('aliases: one that leaves the server is told as a note of the file', () => {
  const domain = {
    ...a,
    aliases: [
      { address: 'info', to: ['dave', 'carol@example.net'] },
      { address: 'in', to: 'dave' },
    ],
  }
  const { domains } = ok(server('separate', domain, b))
  assert.deepEqual(leavingAliases(domains), [{ from: 'info@a.example', to: ['carol@example.net'] }])
  const all = referencePlaybooks({ ...referenceServer(), domains }).flatMap(({ steps }) =>
    steps.flatMap(({ resources }) => resources),
  )
  const { kind, desired } = all.find(({ id }) => id === 'file:/etc/maddy/aliases')!
  assert.deepEqual(kind.notes?.(desired, undefined), [
    'info@a.example goes on to carol@example.net, where it may be refused: the sender’s SPF does not name us',
  ])
})

test('the host’s own mail: an account that only sends, whose name nobody else has', () => {
  for (const [mode, name] of [
    ['separate', 'system@a.example'],
    ['same_credentials', 'system'],
    ['same_mailbox', 'system'],
  ] as const) {
    const { name: found, address, mailboxes } = systemLogin(ok(server(mode, a, b)).mail)
    assert.deepEqual([found, address, mailboxes], [name, 'system@a.example', []])
    const mine = [{ ...a, accounts: [{ address: 'dave' }, { address: 'system' }] }, b]
    assert.deepEqual(faults(server(mode, ...mine)), ['system@a.example is the account of the host’s own mail already'])
    const alias = [{ ...a, aliases: [{ address: 'system', to: 'dave' }] }, b]
    assert.deepEqual(faults(server(mode, ...alias)), ['system@a.example is the account of the host’s own mail already'])
  }
  const elsewhere = [a, { ...b, accounts: [{ address: 'system' }] }]
  assert.deepEqual(faults(server('separate', ...elsewhere)), [])
  for (const mode of ['same_credentials', 'same_mailbox'] as const)
    assert.deepEqual(faults(server(mode, ...elsewhere)), ['system@b.example is the account of the host’s own mail already'])
})

test('ldap: who is in the directory is not ours to know, so what points to an address here may be somebody of it', () => {
  const pointing = { ...a, aliases: [{ address: 'info', to: ['lea', 'dave'] }] }
  assert.deepEqual(faults(directory({}, pointing)), [])
  assert.match(faults(server('separate', pointing)).join(), /lea@a\.example does not exist/)
})

for (const [title, change, fault] of [
  ['another mode', { mode: 'same_mailbox' }, /needs the mode separate, not same_mailbox/],
  ['clear text to elsewhere', { url: 'ldap://192.0.2.9' }, /in clear: ldaps:\/\/, or starttls: true/],
  ['TLS twice', { url: 'ldaps://d.example', starttls: true }, /under TLS from its first byte/],
  ['a domain that is not ours', { users: 'uid', domain: 'd.example' }, /d\.example is not one of the domains/],
  ['a domain besides whole addresses', { domain: 'a.example' }, /the directory says the whole address/],
  ['another protocol', { url: 'http://127.0.0.1' }, /is not a valid ldap:\/\/ or ldaps:\/\//],
] as const)
  test(`ldap: ${title} is refused`, () => assert.match(faults(directory(change, a)).join(), fault))

test('ldap: clear text stays on this host, or goes under TLS', () => {
  for (const change of [{ url: 'ldap://[::1]:3890' }, { url: 'ldaps://d.example' }, { url: 'ldap://d.example', starttls: true }])
    assert.deepEqual(faults(directory(change, a)), [])
})

function directory({ mode = 'separate', ...change }: Record<string, unknown>, domain: Record<string, unknown>) {
  const given = { url: 'ldap://127.0.0.1:3890', base: 'dc=a', bind: { dn: 'uid=maddy,dc=a' }, ...change }
  return withMail({ mode, ldap: given }, domain)
}
