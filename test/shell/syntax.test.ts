import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { referencePlaybooks, referenceServer } from '../support/reference.ts'
import { scriptFiles, scriptsOf } from '../support/scripts.ts'

const refused = (input: string): string => spawnSync('dash', ['-n'], { input, encoding: 'utf8' }).stderr

for (const provider of [{ provider: 'ovh' }, { provider: 'nsupdate', server: '192.0.2.53' }, { provider: 'manual' }]) {
  const steps = referencePlaybooks(referenceServer((raw) => Object.assign(raw, { dns: provider }))).flatMap((one) => one.steps)

  test(`every probe and every correction is sh that dash takes, with dns by ${provider.provider}`, () => {
    for (const step of steps) for (const { text } of scriptsOf(step)) assert.equal(refused(text), '', step.id)
  })
}

for (const source of ['debian', 'sury'])
  test(`every probe and every correction is sh that dash takes, with databases and PHP from ${source}`, () => {
    const steps = referencePlaybooks(withPhp(source)).flatMap((one) => one.steps)
    for (const id of ['php/install-php', 'mariadb/make-the-databases'])
      assert.ok(
        steps.some((step) => step.id === id),
        id,
      )
    for (const step of steps) for (const { text } of scriptsOf(step)) assert.equal(refused(text), '', step.id)
    for (const { path, content } of steps.flatMap(scriptFiles)) assert.equal(refused(content), '', path)
  })

test('and so are those of keys that come', () => {
  const server = referenceServer((raw) => {
    Object.assign(raw.mail as object, { tlsa: { key: 'default', next: 'k1' } })
    Object.assign((raw.domains as object[])[0]!, { dkim: { key: 'default', next: 's1' } })
  })
  const steps = referencePlaybooks(server).flatMap((one) => one.steps)
  const made = steps.flatMap(({ resources }) => resources).filter(({ kind }) => kind.name === 'private-key')
  assert.equal(made.length, 3)
  for (const step of steps) for (const { text } of scriptsOf(step)) assert.equal(refused(text), '', step.id)
})

test('every file that is a script is sh that dash takes', () => {
  const files = referencePlaybooks(referenceServer()).flatMap(({ steps }) => steps.flatMap(scriptFiles))
  assert.ok(files.length > 0)
  for (const { path, content } of files) assert.equal(refused(content), '', path)
})

function withPhp(source: string) {
  return referenceServer((raw) =>
    Object.assign(raw, {
      php: { source },
      mariadb: { databases: [{ name: 'blog' }] },
      sites: [{ domain: 'cinay.eu', php: true }],
    }),
  )
}
