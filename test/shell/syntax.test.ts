import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { referencePlaybooks, referenceServer } from '../reference.ts'
import { scriptFiles, scriptsOf } from '../scripts.ts'

const refused = (input: string): string => spawnSync('dash', ['-n'], { input, encoding: 'utf8' }).stderr

for (const provider of [{ provider: 'ovh' }, { provider: 'nsupdate', server: '192.0.2.53' }, { provider: 'manual' }]) {
  const steps = referencePlaybooks(referenceServer((raw) => Object.assign(raw, { dns: provider }))).flatMap((one) => one.steps)

  test(`every probe and every correction is sh that dash takes, with dns by ${provider.provider}`, () => {
    for (const step of steps) for (const { text } of scriptsOf(step)) assert.equal(refused(text), '', step.id)
  })
}

test('every file that is a script is sh that dash takes', () => {
  const files = referencePlaybooks(referenceServer()).flatMap(({ steps }) => steps.flatMap(scriptFiles))
  assert.ok(files.length > 0)
  for (const { path, content } of files) assert.equal(refused(content), '', path)
})
